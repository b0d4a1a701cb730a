/* The pool of threads that a reactor's loops share. */
#ifndef ASYNC_POOL_H
#define ASYNC_POOL_H

#include "core/async/threads.h"

/* Without a thread so far; with the default settings. Put it into the threads member of every loop before these run; see
 * threads_stop and threads_free for its end. Aborts when there is no memory. */
struct threads *pool_new(void);

/* How many threads there are. Any thread. */
unsigned pool_count(struct threads *threads);

#endif
