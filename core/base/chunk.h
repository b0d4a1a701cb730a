/* Chunks from the inside. */
#ifndef BASE_CHUNK_H
#define BASE_CHUNK_H

#include <stdatomic.h>
#include <stdint.h>

#include <plait/chunk.h>

struct plait_chunk {
	atomic_uint references;
	size_t size;
	uint8_t bytes[];
};

#endif
