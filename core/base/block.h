/* Small blocks of memory for what every message needs: a thread keeps those it made, and gets them back from whichever
 * thread they ended on, without a lock and, once there are enough, without the heap. */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include <stddef.h>

/* size bytes, aligned for anything; larger ones than 4 KiB come from the heap. NULL when there is no memory. Any
 * thread. */
void *block_take(size_t size);

/* Gives one back; NULL is allowed. Any thread, also after the one that took it has ended. */
void block_give(void *bytes);

#endif
