/* One socket on its way to one address. */
#ifndef NET_CLIENT_ATTEMPT_H
#define NET_CLIENT_ATTEMPT_H

#include <plait/addr.h>
#include <sys/socket.h>

#include "core/loop/watch.h"
#include "core/net/settings.h"

struct attempt;
struct plait_loop;

/* Called once, on the loop, never from inside start: with a connected socket, which is given, or with -1 and an errno. */
typedef void attempt_fn(struct attempt *attempt, int fd, int error);

/* Embedded; it must stay where it is until the end of the turn in which it was done or cancelled. */
struct attempt {
	struct plait_loop *loop;
	struct sockaddr_storage to, from; /* from: AF_UNSPEC: the system chooses */
	socklen_t to_len, from_len;
	const struct socket_settings *settings;
	attempt_fn *fn;
	struct watch watch;
};

struct attempt_ops {
	int (*start)(struct attempt *attempt); /* 0, or an errno, and it was not started */
	void (*cancel)(struct attempt *attempt);
};

/* By non-blocking sockets. */
extern const struct attempt_ops attempt_sockets;

#endif
