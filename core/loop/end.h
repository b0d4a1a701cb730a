/* Who is told that a loop has stopped: threads that wait for it would wait for ever. */
#ifndef LOOP_END_H
#define LOOP_END_H

#include <pthread.h>
#include <stdbool.h>

struct loop_end;
typedef void loop_end_fn(struct loop_end *end);

/* Embedded in who is told. */
struct loop_end {
	struct loop_end *next, **at; /* at NULL: not in a list */
	loop_end_fn *fn;
};

struct loop_ends {
	pthread_mutex_t lock;
	struct loop_end *first;
	bool told;
};

void loop_ends_init(struct loop_ends *ends);
void loop_ends_fini(struct loop_ends *ends);

/* fn is called once, when the loop has run for the last time: on its thread, or on the one that frees it. False: that is
 * past, and it is not called. Any thread. */
bool loop_ends_add(struct loop_ends *ends, struct loop_end *end, loop_end_fn *fn);

/* It is not called any more; it may have been. On the loop. */
void loop_ends_remove(struct loop_ends *ends, struct loop_end *end);

/* For loop.c, with the loop as the current one; a second time it does nothing. */
void loop_ends_tell(struct loop_ends *ends);

#endif
