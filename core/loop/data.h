/* The data that plait_loop_data keeps for a loop: a hash table of keys' addresses, touched by its loop alone. */
#ifndef LOOP_DATA_H
#define LOOP_DATA_H

#include <stddef.h>

#include "core/base/code_range.h"

struct datum;
struct plait_loop;

struct loop_data {
	struct datum **slots; /* NULL in it: free */
	unsigned bits;        /* there are 1 << bits of them, at most half of them used */
	size_t count;
	struct datum *newest;
};

/* Calls all fini; the data stays, zeroed, for those who ask for it meanwhile. */
void loop_data_end(struct plait_loop *loop);

/* Whether a key lies there. */
bool loop_data_needs(const struct loop_data *data, struct code_range code);

void loop_data_fini(struct loop_data *data);

#endif
