/* Names to addresses, without a loop ever waiting for it. */
#ifndef NET_SOCKET_RESOLVER_H
#define NET_SOCKET_RESOLVER_H

#include <plait/failure.h>

#include "core/net/socket/socket.h"

struct plait_loop;
struct resolve;

/* Called once, on the loop, also from inside resolve_start when it cannot be asked: found, which is borrowed and has an
 * address or more, in the order in which they should be tried; or NULL and a failure, which is given. */
typedef void resolve_fn(struct resolve *resolve, const struct socket_addresses *found,
			struct plait_failure *failure);

/* One question, embedded in who asks it. */
struct resolve {
	const struct resolver_ops *ops;
	struct plait_loop *loop;
	const char *name; /* of a host, or an address; borrowed as long as the question stands */
	uint16_t port;
	resolve_fn *fn;
	void *work; /* the resolver's */
};

struct resolver_ops {
	void (*start)(struct resolve *resolve);
	void (*cancel)(struct resolve *resolve); /* it is not touched any more */
};

/* In a thread of the pool, by the system's means: DNS, /etc/hosts. */
extern const struct resolver_ops resolver_threads;

/* With what the loop's network part has. On the loop. */
void resolve_start(struct resolve *resolve, struct plait_loop *loop, const char *name, uint16_t port,
		   resolve_fn *fn);
void resolve_cancel(struct resolve *resolve);

/* An address written in figures; false: it is a name. */
bool resolver_literal(const char *name, uint16_t port, struct socket_addresses *out);

#endif
