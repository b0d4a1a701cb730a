/* Options from JSON text. */
#include "core/base/option_read.h"

#include <string.h>

#include "core/base/escape.h"
#include "core/base/option.h"

static int read_into(const struct plait_option *table, const char *text, void *out,
		     const struct option_context *context)
{
	json_error_t wrong;
	json_t *object = text ? json_loads(text, JSON_REJECT_DUPLICATES, &wrong) : NULL;
	char found[256];
	if (text && !json_is_object(object)) {
		escape_text(found, sizeof(found), text, strnlen(text, 100));
		problems_add(context->problems, NULL, "found %s; expected a JSON object%s%s", found,
			     object ? "" : ": ", object ? "" : wrong.text);
		json_decref(object);
		return -1;
	}
	int result = option_parse(table, object, "", out, context);
	json_decref(object);
	return result;
}

int option_read(const struct plait_option *table, const char *text, void *out, struct option_arena *arena,
		struct plait_error *error)
{
	struct problems problems;
	struct option_context context = { .arena = arena, .problems = &problems, .folder = "." };
	problems_init(&problems);
	int result = read_into(table, text, out, &context);
	if (result < 0)
		result = plait_error_set(error, PLAIT_ERROR_INVALID, problems.items[0].path, "%s",
					 problems.items[0].text);
	problems_fini(&problems);
	return result;
}
