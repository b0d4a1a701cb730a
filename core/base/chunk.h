/* Chunks from the inside. */
#ifndef BASE_CHUNK_H
#define BASE_CHUNK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <plait/chunk.h>

struct plait_chunk {
	atomic_ullong references; /* and, in the upper half, how many of these are queues' */
	size_t size;
	uint8_t bytes[];
};

/* A queue takes a reference of its own, or gives it back, which may free it. Whether no other queue has one. */
bool chunk_enqueue(struct plait_chunk *chunk);
bool chunk_dequeue(struct plait_chunk *chunk);

#endif
