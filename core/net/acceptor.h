/* One listening socket on one loop: accepts in batches, waits for room where newcomers stay in the backlog, and for descriptors
 * when they run out. */
#ifndef NET_ACCEPTOR_H
#define NET_ACCEPTOR_H

#include "core/net/famine.h"
#include "core/net/reception.h"

/* What becomes of those who come. */
enum stream_door {
	STREAM_OPEN, /* they are let in */
	STREAM_HELD, /* they wait in the backlog */
	STREAM_SHUT, /* they are reset */
};

struct acceptor {
	struct reception_host *host;
	struct reception *reception; /* NULL: it has stopped */
	struct doorstep doorstep;
	struct watch watch;
	struct timer retry; /* in a famine, or when there may be room */
	enum stream_door door;
	uint64_t retry_ms; /* 0: there is no famine */
	uint64_t famine_said_ms;
	bool famine_told; /* and that it is over has not been said */
	struct famine_waiter hunger;
	struct post meal; /* when the hunger is served */
	struct reception *meal_for;
	uint64_t full_said_ms;
	atomic_bool full; /* who comes waits in the backlog for room */
	atomic_bool woken;
	struct post wake; /* there may be room; when woken */
	struct reception *wake_for;
	int fd;
	struct acceptor *next;
};

/* Takes fd over; uses the reception, which is the host's. NULL: no memory, and fd is closed. */
struct acceptor *acceptor_new(struct reception_host *host, struct reception *reception,
			      struct plait_loop *loop, int fd);

/* On its loop: begins; ends for good, and its reception may be unused then. */
void acceptor_start(struct acceptor *acceptor);
void acceptor_stop(struct acceptor *acceptor);

/* On its loop. */
void acceptor_set_door(struct acceptor *acceptor, enum stream_door door);

/* Who comes from here on finds another reception, whose reference it takes over. On its loop. */
void acceptor_change(struct acceptor *acceptor, struct reception *reception);

/* There may be room; the reception is used as long as this takes. Any thread. */
void acceptor_wake(struct acceptor *acceptor, struct reception *reception);

/* It waits for no descriptor any more. */
void acceptor_leave_line(struct acceptor *acceptor);

/* Its loop has ended, or it was stopped. */
void acceptor_free(struct acceptor **acceptor);

#endif
