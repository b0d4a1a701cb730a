/* Asking all loops: each fills a part of its own, then the boss has them all; or, after a while, those of the loops that
 * answered, for one that is stuck must not keep the others' from being told. */
#ifndef SERVER_GATHER_H
#define SERVER_GATHER_H

#include <stdbool.h>
#include <stddef.h>

#include <plait/loop.h>

struct gather;
struct plait_reactor;

struct gathering {
	/* On each loop; part is zeroed. NULL: that it answers is all there is to know. */
	void (*on_loop)(struct plait_loop *loop, void *part, const void *question);
	void (*done)(struct gather *gather, void *arg); /* once, on the boss loop */
	void (*fini)(void *part);                       /* of each part, when no loop is at it; or NULL */
	size_t part_size;
	const void *question; /* copied */
	size_t question_size;
};

/* On the boss loop, where nothing has been called when it returns. Aborts when there is no memory. */
void gather_begin(struct plait_reactor *reactor, const struct gathering *gathering, void *arg);

/* In done. NULL: that loop has not answered. */
void *gather_part(struct gather *gather, unsigned loop);
bool gather_answered(const struct gather *gather, unsigned loop);
unsigned gather_loops(const struct gather *gather);

/* How many have not. */
unsigned gather_missing(const struct gather *gather);

#endif
