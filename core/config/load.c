/* From a JSON text to a checked struct config. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/escape.h"
#include "core/base/option_arena.h"
#include "core/base/option_value.h"
#include "core/config/check.h"
#include "core/config/read.h"
#include "core/config/scan.h"

/* What the JSON library finds and scan_json does not, in our words. */
static const struct {
	enum json_error_code code;
	const char *text;
} library_faults[] = {
	{ json_error_invalid_utf8, "the file is not UTF-8 here; save it as UTF-8" },
	{ json_error_null_byte_in_key, "found \\u0000 in a key; a key has no NUL character" },
	{ json_error_null_character, "found \\u0000; a text has no NUL character" },
	{ json_error_numeric_overflow, "this number is too large" },
	{ json_error_duplicate_key, "this key is here for the second time" },
};

/* The library's position is behind the token at fault, or at the byte that is no UTF-8. */
static size_t fault_offset(const char *text, size_t len, const json_error_t *error)
{
	static const char number[] = "+-.0123456789eE";
	size_t offset = error->position > 0 ? (size_t)error->position : 0;

	if (offset > len)
		offset = len;
	if (json_error_code(error) == json_error_invalid_utf8 || offset == 0)
		return offset;
	offset--;
	while (offset > 0 && strchr(number, text[offset]) && strchr(number, text[offset - 1]))
		offset--;
	return offset;
}

static void report_library_fault(const char *text, size_t len, const json_error_t *error,
				 struct problems *problems)
{
	char escaped[JSON_ERROR_TEXT_LENGTH];
	enum json_error_code code = json_error_code(error);
	struct place place = scan_place(text, len, fault_offset(text, len, error));

	for (size_t i = 0; i < sizeof(library_faults) / sizeof(library_faults[0]); i++) {
		if (library_faults[i].code != code)
			continue;
		problems_add_at(problems, place.line, place.column, NULL, "%s", library_faults[i].text);
		return;
	}
	escape_text(escaped, sizeof(escaped), error->text, strlen(error->text));
	problems_add_at(problems, place.line, place.column, NULL, "%s", escaped);
}

/* Fills config->root and ->positions. */
static bool read_json(struct config *config, const char *text, size_t len, struct problems *problems)
{
	struct scan_fault fault;
	json_error_t error;
	char found[128];

	config->positions = positions_new();
	if (!scan_json(text, len, config->positions, &fault)) {
		problems_add_at(problems, fault.place.line, fault.place.column, NULL, "%s", fault.text);
		return false;
	}
	/* NUL characters are for the options to refuse, with a path. */
	config->root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
				  &error);
	if (!config->root) {
		report_library_fault(text, len, &error, problems);
		return false;
	}
	if (json_is_object(config->root))
		return true;
	problems_add_at(problems, 1, 1, NULL, "found %s; expected an object, such as {\"listeners\": [...]}",
			option_found_text(config->root, found, sizeof(found)));
	return false;
}

/* The folder of file, absolute. */
static const char *folder_of(struct option_arena *arena, const char *file)
{
	const char *slash = strrchr(file, '/');
	char *here = NULL;

	if (*file != '/') {
		here = getcwd(NULL, 0);
		if (!here)
			return "."; /* the folder we stand in was removed */
	}
	char *folder = alloc_copy(file, "a configuration's folder");
	folder[slash == file ? 1 : slash ? slash - file : 0] = '\0';
	const char *whole = *folder ? option_arena_path(arena, here, folder) : option_arena_copy(arena, here);
	free(folder);
	free(here);
	return whole;
}

/* A plugin is a name, or a path when it holds a slash; a plugin_path is a path anyway. */
static void make_absolute(const struct config *config, const struct plait_strings *paths, bool names_too)
{
	for (size_t i = 0; i < paths->count; i++)
		if (!names_too || strchr(paths->items[i], '/'))
			paths->items[i] = option_arena_path(config->arena, config->folder, paths->items[i]);
}

static struct config *new (const char *file, struct problems *problems)
{
	struct config *config = alloc_zeroed(sizeof(*config), "a configuration");

	problems->file = file;
	problems->locate = NULL;
	config->arena = option_arena_new();
	config->file = option_arena_copy(config->arena, file);
	config->folder = folder_of(config->arena, file);
	return config;
}

/* From config->root to all the rest. */
static void parse(struct config *config, struct problems *problems)
{
	struct option_context context = {
		.arena = config->arena,
		.problems = problems,
		.folder = config->folder,
	};

	option_parse(config_table, config->root, "", config, &context);
	make_absolute(config, &config->plugins, true);
	make_absolute(config, &config->plugin_path, false);
	make_absolute(config, &config->sandbox.read, false);
	make_absolute(config, &config->sandbox.write, false);
	config_check(config, problems);
}

struct config *config_load_text(const char *file, const char *text, size_t len, struct problems *problems)
{
	struct config *config = new (file, problems);

	if (read_json(config, text, len, problems)) {
		problems->locate = positions_locate;
		problems->context = config->positions;
		parse(config, problems);
	} else {
		config_free(&config);
	}
	return config;
}

struct config *config_from_json(const char *file, json_t *root, struct problems *problems)
{
	struct config *config = new (file, problems);

	config->root = root;
	parse(config, problems);
	return config;
}

struct config *config_load(const char *file, struct problems *problems)
{
	struct config *config = NULL;
	size_t len;

	problems->file = file;
	problems->locate = NULL;
	char *text = config_read(file, &len, problems);
	if (text)
		config = config_load_text(file, text, len, problems);
	free(text);
	return config;
}

void config_free(struct config **config)
{
	if (!*config)
		return;
	struct listener_config *listeners = (*config)->listeners.items;
	for (size_t i = 0; listeners && i < (*config)->listeners.count; i++)
		access_free(&listeners[i].access);
	json_decref((*config)->root);
	positions_free(&(*config)->positions);
	option_arena_free(&(*config)->arena);
	free(*config);
	*config = NULL;
}
