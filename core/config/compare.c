/* What two configurations have in common, as they were written: defaults are the same for both, comments do not count. */
#include <string.h>

#include "core/base/text.h"
#include "core/config/config.h"

static bool is_comment(const char *key)
{
	return strncmp(key, "//", 2) == 0;
}

static bool same(json_t *a, json_t *b);

/* NULL: there is no other. */
static void *skip_comments(json_t *object, void *at)
{
	while (at && is_comment(json_object_iter_key(at)))
		at = json_object_iter_next(object, at);
	return at;
}

/* The order of keys may be one of preference. */
static bool same_members(json_t *a, json_t *b)
{
	void *one = skip_comments(a, json_object_iter(a)), *other = skip_comments(b, json_object_iter(b));
	while (one && other) {
		if (strcmp(json_object_iter_key(one), json_object_iter_key(other)) != 0 ||
		    !same(json_object_iter_value(one), json_object_iter_value(other)))
			return false;
		one = skip_comments(a, json_object_iter_next(a, one));
		other = skip_comments(b, json_object_iter_next(b, other));
	}
	return one == other;
}

static bool same_items(const json_t *a, const json_t *b)
{
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++)
		if (!same(json_array_get(a, i), json_array_get(b, i)))
			return false;
	return true;
}

/* How deep they are is bounded by the reader. */
static bool same(json_t *a, json_t *b)
{
	if (!a || !b)
		return a == b;
	if (json_is_object(a) && json_is_object(b))
		return same_members(a, b);
	if (json_is_array(a) && json_is_array(b))
		return same_items(a, b);
	return json_equal(a, b);
}

bool config_same_tls(const struct config *a, size_t i, const struct config *b, size_t j)
{
	const char *name = a->tls.names[i];
	return strcmp(name, b->tls.names[j]) == 0 && strcmp(a->folder, b->folder) == 0 &&
	       same(json_object_get(json_object_get(a->root, "tls"), name),
		    json_object_get(json_object_get(b->root, "tls"), name));
}

static json_t *listener_json(const struct config *config, const struct listener_config *listener)
{
	const struct listener_config *first = config->listeners.items;
	return json_array_get(json_object_get(config->root, "listeners"), (size_t)(listener - first));
}

static bool differs(const json_t *a, const json_t *b, const char *key)
{
	return !is_comment(key) && !same(json_object_get(a, key), json_object_get(b, key));
}

size_t config_listener_changes(const struct config *was, const struct listener_config *old,
			       const struct config *is, const struct listener_config *new, char *text,
			       size_t size)
{
	json_t *a = listener_json(was, old), *b = listener_json(is, new);
	size_t count = 0;
	const char *key;
	json_t *value;
	text[0] = '\0';
	json_object_foreach(a, key, value)
	{
		if (differs(a, b, key))
			text_append_word(text, size, key, count++ == 0);
	}
	json_object_foreach(b, key, value)
	{
		if (!json_object_get(a, key) && differs(a, b, key))
			text_append_word(text, size, key, count++ == 0);
	}
	if (!access_same(old->access, new->access) &&
	    same(json_object_get(a, "allow"), json_object_get(b, "allow")) &&
	    same(json_object_get(a, "deny"), json_object_get(b, "deny")))
		text_append_word(text, size, "the files of its addresses", count++ == 0);
	if (count == 0 && strcmp(was->folder, is->folder) != 0)
		text_append_word(text, size, "the folder of its paths", count++ == 0);
	return count;
}

void config_keep_privileges(const struct config *was, struct config *is, struct problems *problems)
{
	static const char *const keys[] = { "user", "group", "umask", "core_dumps", "sandbox" };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *before = json_object_get(was->root, keys[i]);
		if (same(before, json_object_get(is->root, keys[i])))
			continue;
		problems_warn(problems, keys[i], "what the server gives up changes with a restart only");
		if (before)
			json_object_set(is->root, keys[i], before);
		else
			json_object_del(is->root, keys[i]);
	}
}
