/* Memory that lives as long as what was parsed into it. */
#include "core/base/option_arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/option.h"

struct block {
	struct block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

struct option_arena {
	struct block *blocks; /* the first has room */
};

enum { BLOCK = 4000 };

static const char what[] = "options";

struct option_arena *option_arena_new(void)
{
	return alloc_zeroed(sizeof(struct option_arena), what);
}

void option_arena_free(struct option_arena **arena)
{
	if (!*arena)
		return;
	for (struct block *block = (*arena)->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(*arena);
	*arena = NULL;
}

void *option_arena_alloc(struct option_arena *arena, size_t size)
{
	struct block *block = arena->blocks;

	assert(size <= SIZE_MAX / 2);
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!block || block->size - block->used < size) {
		size_t room = size > BLOCK ? size : BLOCK;

		block = alloc_zeroed(sizeof(*block) + room, what);
		block->size = room;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	void *memory = block->bytes + block->used;
	block->used += size;
	return memory;
}

const char *option_arena_copy(struct option_arena *arena, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(option_arena_alloc(arena, size), text, size);
}

const char *option_arena_path(struct option_arena *arena, const char *folder, const char *path)
{
	if (*path == '/' || !folder)
		return option_arena_copy(arena, path);
	while (path[0] == '.' && path[1] == '/')
		path += 2 + strspn(path + 2, "/");

	size_t folder_len = strlen(folder), path_size = strlen(path) + 1;
	char *whole = option_arena_alloc(arena, folder_len + 1 + path_size);

	memcpy(whole, folder, folder_len);
	if (folder_len == 0 || folder[folder_len - 1] != '/')
		whole[folder_len++] = '/';
	memcpy(whole + folder_len, path, path_size);
	return whole;
}
