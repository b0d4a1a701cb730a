/* How many bytes are held for peers: counted where they are, without contention, and told to a common sum in steps. */
#ifndef BASE_HOLDING_H
#define BASE_HOLDING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A holding's part that has not been told is at most so large. */
#define HOLDING_STEP 65536

struct holding_sum {
	atomic_llong bytes;
	atomic_llong most; /* 0: any number */

	/* The sum has grown, and is above most. On the thread that told it, inside whatever it does: it must only post. */
	void (*over)(struct holding_sum *sum);
};

/* One thread's. */
struct holding {
	long long bytes;         /* may be negative: what one thread counted another may give back */
	long long seen_at;       /* bytes when it was told last */
	long long told;          /* what the sum has of it */
	struct holding_sum *sum; /* borrowed; NULL: nobody asks */
};

/* Tells the sum all of it but spare bytes, which are kept for later use. */
void holding_tell(struct holding *holding, long long spare);

/* Whether it is time to tell. */
static inline bool holding_change(struct holding *holding, long long by)
{
	holding->bytes += by;
	long long since = holding->bytes - holding->seen_at;
	return since > HOLDING_STEP || since < -HOLDING_STEP;
}

#endif
