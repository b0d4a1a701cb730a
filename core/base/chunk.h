/* Chunks from the inside, and the pool of the small ones that a loop writes with. */
#ifndef BASE_CHUNK_H
#define BASE_CHUNK_H

#include <stdatomic.h>
#include <stdint.h>

#include <plait/chunk.h>

/* What one pooled chunk holds: a TLS record's worth. */
#define CHUNK_POOLED_SIZE 16384

struct chunk_pool;

struct plait_chunk {
	atomic_uint references;
	struct chunk_pool *pool; /* where it goes back to; NULL: the heap */
	struct plait_chunk *next_free;
	size_t size;
	uint8_t bytes[];
};

/* Chunks of one loop. They never leave it, so no lock is needed. */
struct chunk_pool {
	struct plait_chunk *free;
	unsigned free_count;
};

void chunk_pool_init(struct chunk_pool *pool);
void chunk_pool_fini(struct chunk_pool *pool);

/* A chunk of CHUNK_POOLED_SIZE bytes with one reference. NULL when there is no memory. */
struct plait_chunk *chunk_pool_take(struct chunk_pool *pool);

#endif
