/* plait_loop_data. Keys are found by their address, so that they can be const, and need no registration, index or lock. */
#include "core/loop/data.h"

#include <plait/threads.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/loop/loop.h"

#define BITS_LEAST 4

static const char what[] = "a loop's data";

struct datum {
	const struct plait_loop_key *key;
	struct datum *older;
	bool ended;
	_Alignas(max_align_t) unsigned char bytes[];
};

/* The slot that has the key, or the free one where it belongs. */
static struct datum **find(const struct loop_data *data, const struct plait_loop_key *key)
{
	size_t mask = ((size_t)1 << data->bits) - 1;
	size_t at = (size_t)(((uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u) >> (64 - data->bits));
	while (data->slots[at] && data->slots[at]->key != key)
		at = (at + 1) & mask;
	return &data->slots[at];
}

static void grow(struct loop_data *data)
{
	data->bits = data->slots ? data->bits + 1 : BITS_LEAST;
	free(data->slots);
	data->slots = alloc_zeroed(sizeof(struct datum *) << data->bits, what);
	for (struct datum *datum = data->newest; datum; datum = datum->older)
		*find(data, datum->key) = datum;
}

static ASIDE void *make(struct plait_loop *loop, const struct plait_loop_key *key)
{
	struct loop_data *data = &loop->data;
	if (key->size > SIZE_MAX - sizeof(struct datum))
		alloc_fail(what);
	struct datum *datum = alloc_zeroed(sizeof(*datum) + key->size, what);
	if (!data->slots || data->count + 1 > (size_t)1 << (data->bits - 1))
		grow(data);
	datum->key = key;
	datum->older = data->newest;
	data->newest = datum;
	data->count++;
	*find(data, key) = datum;
	if (key->init)
		key->init(loop, datum->bytes);
	return datum->bytes;
}

void *plait_loop_data(struct plait_loop *loop, const struct plait_loop_key *key)
{
	loop_assert_here(loop);
	struct datum *datum = loop->data.slots ? *find(&loop->data, key) : NULL;
	return datum ? datum->bytes : make(loop, key);
}

/* A fini may ask for what was not there; that is newer than all. */
static struct datum *newest_alive(const struct loop_data *data)
{
	struct datum *datum = data->newest;
	while (datum && datum->ended)
		datum = datum->older;
	return datum;
}

void loop_data_end(struct plait_loop *loop)
{
	struct datum *datum;
	while ((datum = newest_alive(&loop->data))) {
		datum->ended = true;
		if (datum->key->fini)
			datum->key->fini(loop, datum->bytes);
		memset(datum->bytes, 0, datum->key->size);
	}
}

bool loop_data_needs(const struct loop_data *data, struct code_range code)
{
	for (const struct datum *datum = data->newest; datum; datum = datum->older)
		if (code_range_has(code, (uintptr_t)datum->key))
			return true;
	return false;
}

void loop_data_fini(struct loop_data *data)
{
	while (data->newest) {
		struct datum *datum = data->newest;
		data->newest = datum->older;
		free(datum);
	}
	free(data->slots);
	*data = (struct loop_data){ 0 };
}
