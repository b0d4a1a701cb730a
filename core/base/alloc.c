/* Memory that is there, or the process ends; and the reserve that it comes from in need. */
#include "core/base/alloc.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/compiler.h"
#include "core/base/log.h"

/* Below what malloc maps apart, and taken in one go, so that neighbours become one piece again when they are freed. */
#define RESERVE_PART ((size_t)16 * 1024)
#define RESERVE_PARTS 64

static _Atomic(void *) reserve[RESERVE_PARTS];
static atomic_bool is_touched;

void alloc_fail(const char *what)
{
	fprintf(stderr, "plait: no memory for %s\n", what);
	abort();
}

/* Two threads may do it at a time: what one finds filled is freed again. */
bool alloc_keep_reserve(void)
{
	atomic_store(&is_touched, false);
	for (unsigned i = 0; i < RESERVE_PARTS; i++) {
		void *nothing = NULL, *part = atomic_load(&reserve[i]) ? NULL : malloc(RESERVE_PART);
		bool filled = part && atomic_compare_exchange_strong(&reserve[i], &nothing, part);
		if (!filled)
			free(part);
		if (!atomic_load(&reserve[i])) {
			atomic_store(&is_touched, true);
			return false;
		}
	}
	return true;
}

bool alloc_spend_reserve(const char *what)
{
	for (unsigned i = 0; i < RESERVE_PARTS; i++) {
		void *part = atomic_exchange(&reserve[i], NULL);
		if (!part)
			continue;
		free(part);
		atomic_store(&is_touched, true);
		log_write(PLAIT_LOG_ERROR, NULL, "no memory for %s but the reserve's", what);
		return true;
	}
	return false;
}

/* Nothing was got. False: the process ends. */
static ASIDE bool try_again(const char *what)
{
	if (!alloc_spend_reserve(what))
		alloc_fail(what);
	return true;
}

static void *got(void *memory)
{
	if (atomic_load_explicit(&is_touched, memory_order_relaxed))
		alloc_keep_reserve();
	return memory;
}

void *alloc_zeroed(size_t size, const char *what)
{
	void *memory;
	do
		memory = calloc(1, size);
	while (!memory && try_again(what));
	return got(memory);
}

void *alloc_larger(void *memory, size_t size, const char *what)
{
	void *larger;
	do
		larger = realloc(memory, size);
	while (!larger && try_again(what));
	return got(larger);
}

char *alloc_copy(const char *text, const char *what)
{
	if (!text)
		return NULL;
	size_t size = strlen(text) + 1;
	return memcpy(alloc_larger(NULL, size, what), text, size);
}

char *alloc_text(const char *what, const char *format, va_list args)
{
	char *text;
	int len;
	do {
		va_list once;
		va_copy(once, args);
		len = vasprintf(&text, format, once);
		va_end(once);
	} while (len < 0 && try_again(what));
	return got(text);
}

void *alloc_apart(size_t size, const char *what)
{
	size_t whole = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	void *memory;
	do
		memory = aligned_alloc(CACHE_LINE, whole);
	while (!memory && try_again(what));
	return got(memory);
}

void *alloc_block_again(size_t size, const char *what)
{
	void *block = NULL;
	while (!block && try_again(what))
		block = block_take(size);
	return got(block);
}
