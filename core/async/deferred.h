/* Deferreds from the inside: what the other files of async ask of one. */
#ifndef ASYNC_DEFERRED_H
#define ASYNC_DEFERRED_H

#include <plait/deferred.h>

/* block_take, or abort. */
void *deferred_memory(size_t size);

/* Who asks is the last to hold it, and nothing is to be done with its result. */
bool deferred_unwanted(const struct plait_deferred *deferred);

#endif
