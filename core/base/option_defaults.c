/* The defaults of an option table without a configuration. */
#include "core/base/option_defaults.h"

#include <assert.h>

#include "core/base/option_value.h"

void option_defaults(const struct plait_option *table, void *out)
{
	struct problems problems;
	struct option_context context = { .problems = &problems };
	problems_init(&problems);
	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++) {
		void *member = (char *)out + row->offset;
		if (row->type == PLAIT_OPTION_TYPE_OBJECT)
			option_defaults(row->table, member);
		else if (row->type == PLAIT_OPTION_TYPE_STRING)
			*(const char **)member = row->fallback;
		else if (row->type != PLAIT_OPTION_TYPE_STRINGS)
			option_default(row, row->key, member, &context);
	}
	assert(problems.errors == 0);
	problems_fini(&problems);
}
