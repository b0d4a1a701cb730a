/* Where in a JSON text each value stands. */
#include "core/config/positions.h"

#include <stdlib.h>
#include <string.h>

#define uthash_malloc(size) alloc_zeroed(size, "the places in a configuration")
#include <uthash.h>

#include "core/base/alloc.h"

/* Keeps a hostile file of millions of values from taking memory it has no use for. */
enum { MOST_ENTRIES = 1 << 17 };

struct entry {
	struct place key, value;
	UT_hash_handle hh;
	char path[];
};

struct positions {
	struct entry *entries;
};

struct positions *positions_new(void)
{
	return alloc_zeroed(sizeof(struct positions), "the places in a configuration");
}

void positions_free(struct positions **positions)
{
	struct entry *entry, *next;

	if (!*positions)
		return;
	HASH_ITER (hh, (*positions)->entries, entry, next) {
		HASH_DEL((*positions)->entries, entry);
		free(entry);
	}
	free(*positions);
	*positions = NULL;
}

static struct entry *find(const struct positions *positions, const char *path)
{
	struct entry *entry;

	HASH_FIND_STR(positions->entries, path, entry);
	return entry;
}

bool positions_add(struct positions *positions, const char *path, struct place key, struct place value)
{
	size_t size = strlen(path) + 1;

	if (find(positions, path))
		return false;
	if (HASH_COUNT(positions->entries) >= MOST_ENTRIES)
		return true;
	struct entry *entry = alloc_zeroed(sizeof(*entry) + size, "the places in a configuration");
	entry->key = key;
	entry->value = value;
	memcpy(entry->path, path, size);
	HASH_ADD_STR(positions->entries, path, entry);
	return true;
}

bool positions_find(const struct positions *positions, const char *path, bool key, struct place *out)
{
	const struct entry *entry = find(positions, path);

	if (!entry)
		return false;
	*out = key ? entry->key : entry->value;
	return true;
}

bool positions_locate(void *context, const char *path, bool key, int *line, int *column)
{
	struct place place;

	if (!positions_find(context, path, key, &place))
		return false;
	*line = place.line;
	*column = place.column;
	return true;
}
