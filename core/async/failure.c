/* Failures: counted, so that several can hold one. */
#include "core/async/failure.h"

#include <plait/log.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/container.h"

#define TEXT_MOST 1024

struct counted {
	atomic_uint references;
	struct plait_failure failure;
	char text[];
};

static atomic_ulong unhandled;

struct plait_failure *plait_failure_new(int code, const char *file, const char *function, int line,
					const char *format, ...)
{
	char text[TEXT_MOST];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	size_t size = (len < 0 ? 0 : len < TEXT_MOST ? (size_t)len : TEXT_MOST - 1) + 1;
	text[size - 1] = '\0';
	struct counted *counted = alloc_zeroed(sizeof(*counted) + size, "a failure");
	atomic_init(&counted->references, 1);
	memcpy(counted->text, text, size);
	counted->failure = (struct plait_failure){ .code = code,
						   .text = counted->text,
						   .file = file,
						   .function = function,
						   .line = line,
						   .index = -1 };
	return &counted->failure;
}

struct plait_failure *plait_failure_ref(struct plait_failure *failure)
{
	struct counted *counted = CONTAINER_OF(failure, struct counted, failure);
	atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
	return failure;
}

void plait_failure_unref(struct plait_failure **failure_at)
{
	struct plait_failure *failure = *failure_at;
	*failure_at = NULL;
	if (!failure)
		return;
	struct counted *counted = CONTAINER_OF(failure, struct counted, failure);
	if (atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel) == 1)
		free(counted);
}

int plait_failure_among(const struct plait_failure *failure, const int *codes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (plait_failure_is(failure, codes[i]))
			return codes[i];
	}
	return 0;
}

void failure_unhandled(const struct plait_failure *failure)
{
	atomic_fetch_add_explicit(&unhandled, 1, memory_order_relaxed);
	plait_log(PLAIT_LOG_ERROR, "nobody handled a failure: %s (%d), from %s at %s:%d", failure->text,
		  failure->code, failure->function, failure->file, failure->line);
}

unsigned long failures_unhandled(void)
{
	return atomic_load_explicit(&unhandled, memory_order_relaxed);
}
