/* A walk over a JSON text that keeps what a JSON library forgets: places, and the cause of a mistake. */
#include "core/config/scan.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <plait/abi.h>

#include "core/base/escape.h"
#include "core/base/json_path.h"

/* A configuration needs ten; deeper ones would only use up the stack. */
enum { DEEPEST = 64 };

struct scan {
	const char *text;
	size_t len, at;
	int depth;
	struct positions *positions;
	struct scan_fault *fault;
	/* The place of the byte at `counted`, from which the next place is counted on. */
	size_t counted;
	struct place place;
};

static bool scan_value(struct scan *scan, const char *path, const struct place *key);

static void count_on(struct place *place, const char *text, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (text[i] == '\n') {
			place->line++;
			place->column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			place->column++;
		}
	}
}

struct place scan_place(const char *text, size_t len, size_t offset)
{
	struct place place = { 1, 1 };

	count_on(&place, text, 0, offset < len ? offset : len);
	return place;
}

static struct place place_here(struct scan *scan)
{
	count_on(&scan->place, scan->text, scan->counted, scan->at);
	scan->counted = scan->at;
	return scan->place;
}

/* Fills the fault for the byte at offset, which may lie behind. */
static bool PLAIT_PRINTF(3, 4) fail(struct scan *scan, size_t offset, const char *format, ...)
{
	va_list args;

	scan->fault->place = scan_place(scan->text, scan->len, offset);
	va_start(args, format);
	vsnprintf(scan->fault->text, sizeof(scan->fault->text), format, args);
	va_end(args);
	return false;
}

static bool starts(const struct scan *scan, const char *word)
{
	size_t len = strlen(word);

	return scan->len - scan->at >= len && memcmp(scan->text + scan->at, word, len) == 0;
}

/* The byte here, or -1 at the end. */
static int peek(const struct scan *scan)
{
	return scan->at < scan->len ? (unsigned char)scan->text[scan->at] : -1;
}

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->len && memchr(" \t\r\n", scan->text[scan->at], 4))
		scan->at++;
}

/* What stands here as a person would name it: a word, or a single character. */
static const char *found_here(const struct scan *scan, char *out, size_t size)
{
	size_t end = scan->at;
	char escaped[48];

	if (scan->at >= scan->len) {
		snprintf(out, size, "the end of the file");
		return out;
	}
	while (end < scan->len &&
	       (isalnum((unsigned char)scan->text[end]) || memchr("_-+.$", scan->text[end], 5)))
		end++;
	if (end == scan->at)
		for (end++; end < scan->len && ((unsigned char)scan->text[end] & 0xc0) == 0x80;)
			end++;
	escape_text(escaped, sizeof(escaped), scan->text + scan->at, end - scan->at);
	snprintf(out, size, strcmp(escaped, "\"") == 0 ? "a string" : "\"%s\"", escaped);
	return out;
}

/* Mistakes that are the same wherever they stand; expected is what the grammar wants here. */
static bool fail_here(struct scan *scan, const char *expected)
{
	char found[64];

	if (starts(scan, "//") || starts(scan, "/*") || starts(scan, "#"))
		return fail(
			scan, scan->at,
			"JSON has no comments; a key that begins with \"//\" does for one: \"// note\": \"text\"");
	if (peek(scan) == '\'')
		return fail(scan, scan->at, "found a single quote; JSON takes double quotes only");
	return fail(scan, scan->at, "found %s; expected %s", found_here(scan, found, sizeof(found)),
		    expected);
}

/* At an opening quote; then behind the closing one. */
static bool scan_string(struct scan *scan)
{
	size_t first = scan->at++;

	for (; scan->at < scan->len && scan->text[scan->at] != '"'; scan->at++) {
		unsigned char byte = (unsigned char)scan->text[scan->at];

		if (byte == '\n' || byte == '\r')
			return fail(scan, first,
				    "this string does not end on its line; is its closing quote missing?");
		if (byte < 0x20)
			return fail(scan, scan->at,
				    "found a control character in a string; write \"\\u%04x\"", byte);
		if (byte != '\\')
			continue;
		scan->at++;
		if (scan->at >= scan->len || !memchr("\"\\/bfnrtu", scan->text[scan->at], 9))
			return fail(
				scan, scan->at - 1,
				"a string has a \"\\\" before something it does not escape; write \"\\\\\" for one");
	}
	if (scan->at >= scan->len)
		return fail(scan, first, "this string does not end; its closing quote is missing");
	scan->at++;
	return true;
}

static bool scan_number(struct scan *scan)
{
	size_t first = scan->at;

	if (peek(scan) == '-')
		scan->at++;
	if (!isdigit(peek(scan))) {
		scan->at = first;
		return fail_here(scan, "a value");
	}
	if (peek(scan) == '0' && scan->at + 1 < scan->len && isdigit((unsigned char)scan->text[scan->at + 1]))
		return fail(
			scan, first,
			"a number has no leading zero; one that is octal stands in quotes, such as \"0660\"");
	while (isdigit(peek(scan)))
		scan->at++;
	if (peek(scan) == '.') {
		scan->at++;
		if (!isdigit(peek(scan)))
			return fail(scan, first, "expected a digit after the point of this number");
		while (isdigit(peek(scan)))
			scan->at++;
	}
	if (peek(scan) == 'e' || peek(scan) == 'E') {
		scan->at++;
		if (peek(scan) == '+' || peek(scan) == '-')
			scan->at++;
		if (!isdigit(peek(scan)))
			return fail(scan, first, "expected a digit after the exponent of this number");
		while (isdigit(peek(scan)))
			scan->at++;
	}
	if (isalpha(peek(scan)) || peek(scan) == '_')
		return fail(scan, first,
			    "a value that is more than a number stands in quotes, such as \"64k\" or \"5m\"");
	return true;
}

static bool is_word_byte(char byte)
{
	return isalnum((unsigned char)byte) || byte == '_';
}

static bool scan_word(struct scan *scan)
{
	static const char *const words[] = { "true", "false", "null" };
	static const struct {
		const char *wrong, *right;
	} slips[] = { { "True", "true" },   { "TRUE", "true" },   { "yes", "true" }, { "on", "true" },
		      { "False", "false" }, { "FALSE", "false" }, { "no", "false" }, { "off", "false" },
		      { "None", "null" },   { "NULL", "null" },   { "nil", "null" } };
	size_t len = 0;

	while (scan->at + len < scan->len && is_word_byte(scan->text[scan->at + len]))
		len++;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (len == strlen(words[i]) && starts(scan, words[i])) {
			scan->at += len;
			return true;
		}
	for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++)
		if (len == strlen(slips[i].wrong) && starts(scan, slips[i].wrong))
			return fail(scan, scan->at,
				    "found \"%s\"; did you mean \"%s\"? A text stands in double quotes",
				    slips[i].wrong, slips[i].right);
	return fail_here(scan, len ? "a value; a text stands in double quotes" : "a value");
}

/* Writes the path of the key that was just read, its escapes undone as the JSON library will undo them. False when no
 * place can be kept for it. */
static bool key_path(const struct scan *scan, const char *parent, size_t first, char *out, size_t size)
{
	const char *raw = scan->text + first + 1;
	size_t len = scan->at - first - 2;

	if (!parent)
		return false;
	if (!memchr(raw, '\\', len))
		return json_path_key(out, size, parent, raw, len);
	json_t *key = json_loadb(scan->text + first, scan->at - first, JSON_DECODE_ANY, NULL);
	bool whole = key && json_path_key(out, size, parent, json_string_value(key), json_string_length(key));
	json_decref(key);
	return whole;
}

static bool scan_member(struct scan *scan, const char *parent)
{
	char path[JSON_PATH_SIZE];
	size_t first = scan->at;
	struct place before;

	if (peek(scan) != '"')
		return fail_here(scan, "a key in double quotes");
	struct place key = place_here(scan);
	if (!scan_string(scan))
		return false;
	bool kept = key_path(scan, parent, first, path, sizeof(path));
	if (kept && positions_find(scan->positions, path, true, &before))
		return fail(scan, first,
			    "the key \"%s\" is here for the second time; the first is on line %d", path,
			    before.line);
	skip_space(scan);
	if (peek(scan) != ':')
		return fail_here(scan, "\":\" after the key");
	scan->at++;
	return scan_value(scan, kept ? path : NULL, &key);
}

static bool scan_item(struct scan *scan, const char *parent, size_t index)
{
	char path[JSON_PATH_SIZE];
	bool kept = parent && json_path_index(path, sizeof(path), parent, index);

	return scan_value(scan, kept ? path : NULL, NULL);
}

/* At the opening bracket of an object or a list. */
static bool scan_container(struct scan *scan, const char *path)
{
	bool object = peek(scan) == '{';
	char close = object ? '}' : ']';
	size_t first = scan->at++;

	skip_space(scan);
	if (peek(scan) == close) {
		scan->at++;
		return true;
	}
	for (size_t count = 0;; count++) {
		if (!(object ? scan_member(scan, path) : scan_item(scan, path, count)))
			return false;
		skip_space(scan);
		if (peek(scan) == close) {
			scan->at++;
			return true;
		}
		if (peek(scan) < 0)
			return fail(scan, scan->len,
				    "the file ends inside the %s that begins on line %d; expected \"%c\"",
				    object ? "object" : "list", scan_place(scan->text, scan->len, first).line,
				    close);
		if (peek(scan) != ',')
			return fail_here(scan, object ? "\",\" or \"}\" after a value"
						      : "\",\" or \"]\" after a value");
		size_t comma = scan->at++;
		skip_space(scan);
		if (peek(scan) == close)
			return fail(
				scan, comma,
				"found a comma before the closing \"%c\"; JSON takes none after the last %s",
				close, object ? "key" : "item");
	}
}

/* A NULL path is one too long to be kept; nor are those below it. key is NULL for what has none. */
static bool scan_value(struct scan *scan, const char *path, const struct place *key)
{
	skip_space(scan);
	struct place value = place_here(scan);
	if (path)
		positions_add(scan->positions, path, key ? *key : value, value);

	int byte = peek(scan);
	if (byte == '"')
		return scan_string(scan);
	if (byte == '-' || isdigit(byte))
		return scan_number(scan);
	if (byte != '{' && byte != '[')
		return scan_word(scan);
	if (scan->depth == DEEPEST)
		return fail(scan, scan->at, "lists and objects are nested more than %d deep", DEEPEST);
	scan->depth++;
	bool good = scan_container(scan, path);
	scan->depth--;
	return good;
}

bool scan_json(const char *text, size_t len, struct positions *positions, struct scan_fault *fault)
{
	struct scan scan = {
		.text = text, .len = len, .positions = positions, .fault = fault, .place = { 1, 1 }
	};

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return fail(&scan, 0, "the file begins with a byte order mark; save it as UTF-8 without one");
	skip_space(&scan);
	if (scan.at == len)
		return fail(&scan, 0,
			    "the file is empty; expected an object, such as {\"listeners\": [...]}");
	if (!scan_value(&scan, "", NULL))
		return false;
	skip_space(&scan);
	if (scan.at < len)
		return fail_here(&scan, "nothing after the end of the configuration");
	return true;
}
