/* A refcounted block of bytes that many connections can send without a copy. */
#ifndef PLAIT_CHUNK_H
#define PLAIT_CHUNK_H

#include <stddef.h>

#include <plait/abi.h>

struct plait_chunk;

/* A new chunk holding a copy of data, or len writable bytes when data is NULL (fill them through
 * plait_chunk_bytes before anyone else sees the chunk). One reference is the caller's. NULL when there is no
 * memory. Any thread. */
PLAIT_EXPORT struct plait_chunk *plait_chunk_new(const void *data, size_t len);

/* One more reference, which is returned. Any thread. */
PLAIT_EXPORT struct plait_chunk *plait_chunk_ref(struct plait_chunk *chunk);

/* Gives one reference back and leaves *chunk NULL; the last one frees the bytes. NULL is allowed. Any thread. */
PLAIT_EXPORT void plait_chunk_unref(struct plait_chunk **chunk);

/* The bytes and their number; valid while a reference is held. Any thread. */
PLAIT_EXPORT void *plait_chunk_bytes(struct plait_chunk *chunk);
PLAIT_EXPORT size_t plait_chunk_size(const struct plait_chunk *chunk);

#endif
