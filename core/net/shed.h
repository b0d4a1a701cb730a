/* A bound on what the connections of all loops hold for their peers: above it, those that hold the most are closed. What a
 * connection holds is the input that its protocol has left, and its queue of output. */
#ifndef NET_SHED_H
#define NET_SHED_H

#include <stdint.h>

struct plait_loop;
struct shed;

/* Of these loops, which have their network part and do not run yet; they go first. Aborts when there is no memory. */
struct shed *shed_new(struct plait_loop *const *loops, unsigned count, uint64_t most);
void shed_free(struct shed **shed);

/* 0: any number of bytes. Any thread. */
void shed_set_most(struct shed *shed, uint64_t most);

struct shed_told {
	uint64_t bytes, most;
	unsigned long long closed; /* connections, ever */
};

/* Any thread. */
void shed_tell(struct shed *shed, struct shed_told *told);

#endif
