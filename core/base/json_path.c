/* Paths into a JSON text as people read them. */
#include "core/base/json_path.h"

#include <stdio.h>
#include <string.h>

#include "core/base/escape.h"

static bool is_plain(const char *key, size_t len)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-$";

	for (size_t i = 0; i < len; i++)
		if (!key[i] || !strchr(plain, key[i]))
			return false;
	return len > 0;
}

static bool whole(int wanted, size_t size)
{
	return wanted >= 0 && (size_t)wanted < size;
}

bool json_path_key(char *out, size_t size, const char *parent, const char *key, size_t len)
{
	enum { LONGEST_KEY = 200 };
	char quoted[LONGEST_KEY * 6 + 4];

	if (is_plain(key, len) && len <= LONGEST_KEY)
		return whole(snprintf(out, size, "%s%s%.*s", parent, *parent ? "." : "", (int)len, key),
			     size);
	if (len <= LONGEST_KEY) {
		escape_json(quoted, sizeof(quoted), key, len);
		return whole(snprintf(out, size, "%s[\"%s\"]", parent, quoted), size);
	}
	escape_json(quoted, LONGEST_KEY, key, len);
	snprintf(out, size, "%s[\"%s\"]", parent, quoted);
	return false;
}

bool json_path_index(char *out, size_t size, const char *parent, size_t index)
{
	return whole(snprintf(out, size, "%s[%zu]", parent, index), size);
}

/* The step at text ends where? A step is .name, name, [12] or ["any text"]; a cut one ends with the text. */
static const char *step_end(const char *text)
{
	if (*text != '[')
		return text + 1 + strcspn(text + 1, ".[");
	if (text[1] != '"') {
		text += strcspn(text, "]");
		return *text ? text + 1 : text;
	}
	for (text += 2; *text && *text != '"'; text++)
		if (*text == '\\' && text[1])
			text++;
	for (int i = 0; i < 2 && *text; i++) /* the quote and the bracket */
		text++;
	return text;
}

bool json_path_up(char *path)
{
	char *last = path;

	if (!*path)
		return false;
	for (const char *end = step_end(path); *end; end = step_end(end))
		last = path + (end - path);
	*last = '\0';
	return true;
}
