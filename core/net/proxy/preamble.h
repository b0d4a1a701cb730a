/* A socket whose PROXY header is awaited. It is no connection yet: that is made of what the header says, so that whoever
 * dribbles costs no state of a protocol, and no TLS. Bytes behind the header stay in the socket. */
#ifndef NET_PROXY_PREAMBLE_H
#define NET_PROXY_PREAMBLE_H

#include "core/base/buffer.h"
#include "core/loop/loop.h"
#include "core/net/net.h"
#include "core/net/proxy/told.h"

struct preamble;
struct reception;

/* Called once, on the loop, never from inside a call below. With the socket, which is given, and the header, too, or NULL when
 * there is none and needs to be none; or with -1: it has ended, which was logged and counted. */
typedef void preamble_fn(struct preamble *preamble, int fd, struct proxy_told *told);

struct preamble_options {
	struct plait_loop *loop;
	struct plait_addr peer;
	struct plait_factory *factory; /* for its name, and its timeout */
	bool required;                 /* a connection without a header is refused */
	preamble_fn *fn;
	void *arg;
	struct reception *reception; /* for fn, like arg */
	struct preamble **list;      /* where it is found as long as it waits; of the loop */
};

struct preamble {
	struct preamble_options options;
	int fd;
	struct watch watch;
	struct timer timer; /* looks at the deadline, or again at what may still be no header */
	uint64_t deadline_ms;
	struct buffer have; /* taken from the socket: the begin of a header */
	struct net_pending pending;
	struct task task; /* frees it */
	struct preamble *next, **at;
};

/* Takes fd over. False: no memory, and fd is closed. On the loop. */
bool preamble_start(const struct preamble_options *options, int fd);

/* Ends all of a list, for the reason drain, and calls their fn; returns how many. On their loop. */
size_t preamble_end_all(struct preamble **list);

#endif
