/* Too few descriptors: who waits for one, and a reserve that keeps the control socket answering. Descriptors are the
 * process's, and so is this. Any thread. */
#ifndef NET_FAMINE_H
#define NET_FAMINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* Somebody who cannot accept, embedded in it. */
struct famine_waiter {
	/* A descriptor is free, or was a moment ago; it stands in line no more, and will not before famine_take. On any
	 * thread, under a lock: it must not call back, nor wait. */
	void (*wake)(struct famine_waiter *waiter);
	bool privileged; /* comes before the others, and may have what the reserve is for */

	/* Of famine.c. */
	bool starves, woken;
	struct famine_waiter *next, **at; /* at NULL: not in the line */
};

/* It could not accept: it starves until famine_end, and stands in line until it is woken. Whether it joined the line now;
 * then it should try once more, for a descriptor may have become free before it stood there. */
bool famine_wait(struct famine_waiter *waiter);

/* It was woken, and looks for itself. */
void famine_take(struct famine_waiter *waiter);

/* It accepts again, or never will. Whether it stood in line. */
bool famine_end(struct famine_waiter *waiter);

/* So many descriptors are kept for whoever is privileged, from the first open to the last close. */
#define FAMINE_RESERVE 8
void famine_open_reserve(void);
void famine_close_reserve(void);

/* Closes one of the reserve, for who is about to need it. False: there is none left. */
bool famine_use_reserve(void);

/* How many stand in line, and how many of the reserve are missing. */
extern atomic_uint famine_needs;

/* A descriptor may be free: it goes to the reserve, or one who stands in line is woken. */
void famine_feed(void);

/* A descriptor was closed. */
static inline void famine_closed(void)
{
	if (atomic_load_explicit(&famine_needs, memory_order_relaxed) > 0)
		famine_feed();
}

/* close, for sockets and whatever else peers make us open. */
static inline void famine_close(int fd)
{
	close(fd);
	famine_closed();
}

struct famine_told {
	unsigned long long episodes; /* how often somebody began to starve when nobody did */
	uint64_t lasted_ms;          /* in all, the present one with them */
	bool now;
	unsigned reserve;
};

void famine_tell(struct famine_told *told);

#endif
