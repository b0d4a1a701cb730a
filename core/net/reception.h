/* What becomes of a socket that was accepted: a PROXY header is read or not, it is let in or refused, finds its loop, and is
 * a connection. */
#ifndef NET_RECEPTION_H
#define NET_RECEPTION_H

#include <sys/socket.h>

#include "core/loop/workers.h"
#include "core/net/conn/conn.h"
#include "core/net/factory.h"
#include "core/net/proxy/settings.h"
#include "core/net/transport/transport.h"

struct preamble;

/* Who may come in: the policies' place. Called on any loop. */
struct admission {
	/* PLAIT_REASON_NONE admits, and release will follow; anything else is why not. *overflow: it is to be served by the
	 * factory for those for whom there is no room. */
	enum plait_reason (*admit)(struct admission *admission, const struct plait_addr *peer,
				   bool *overflow);
	void (*release)(struct admission *admission, const struct plait_addr *peer);

	/* Where newcomers above a limit are to stay in the backlog; NULL: they do not. 0: one may be accepted, for whom admit or
	 * cancel follows; else in how many milliseconds to ask again, or when somebody is released. */
	uint64_t (*reserve)(struct admission *admission);
	void (*cancel)(struct admission *admission);

	/* Around the handshake of who was admitted, where there is one; and around the wait for a PROXY header, before who it
	 * is about is admitted. False: there are too many under way, and no end will follow. */
	bool (*begin_handshake)(struct admission *admission);
	void (*end_handshake)(struct admission *admission);

	const char *farewell; /* sent in plain to who is above a limit; NULL: these are reset */
};

/* What becomes of who is accepted. It never changes; a listener can be given another one, and connections keep the one that
 * they came by until they end. */
struct reception {
	struct plait_factory *factory;
	struct plait_factory *overflow; /* NULL: admission never asks for it */
	void *transport_context;
	struct admission *admission;        /* NULL: everybody */
	const struct proxy_settings *proxy; /* NULL: no PROXY header is read */

	/* Neither a listener nor a connection has it any more. Once, on whichever loop was the last; not when the listener is
	 * freed. NULL: nobody asks. */
	void (*unused)(struct reception *reception);

	/* Of reception.c. */
	struct conn_owner owner; /* of its connections */
	struct reception_host *host;
	atomic_size_t references;
	bool counts_from_accept; /* the handshake begins with the connection */
	bool seats_from_accept;  /* something that counts as a handshake may begin before it is admitted */
};

struct stream_listener_options {
	struct workers *workers;
	const struct transport_ops *transport;
	bool keep_on_loop; /* connections stay on the loop that accepted them */

	/* Descriptors are out, and this listener comes before others: true, and one was given up for it. On the loop that
	 * accepts. NULL: it waits like the others. */
	bool (*spare)(void *arg);
	void *spare_arg;
};

/* Who has receptions: a stream listener. */
struct reception_host {
	struct stream_listener_options options;
	atomic_bool draining;  /* connections close in order when they are made */
	atomic_size_t waiting; /* acceptors that have found no room */

	/* There may be room, and somebody waits. On any loop; the reception is used as long as it takes. */
	void (*room)(struct reception_host *host, struct reception *reception);
};

/* Where sockets are accepted: one on each loop of a listener. */
struct doorstep {
	struct plait_loop *loop;
	struct preamble *preambles; /* whose PROXY header is awaited there */
};

/* Before it is used. The host is borrowed as long as it is. */
void reception_init(struct reception *reception, struct reception_host *host);

/* Whoever has it counts. Any thread; leaving it may free it. */
void reception_use(struct reception *reception, size_t times);
void reception_leave(struct reception *reception);

void reception_say(const struct reception *reception, enum plait_log_level level,
		   const struct plait_addr *peer, const char *what, const char *why);

/* A place for one that is to be accepted, where newcomers above a limit stay in the backlog. 0, and reception_receive or
 * reception_cancel follows; or in how many milliseconds to ask again. */
uint64_t reception_reserve(struct reception *reception);

/* Nobody came: gives back what was reserved. Leaves errno as it is. */
void reception_cancel(struct reception *reception);

/* Takes an accepted socket over, which came from sa, and for which there is a place. On the doorstep's loop; the doorstep lasts as long as the reception is
 * used. */
void reception_receive(struct reception *reception, struct doorstep *doorstep, int fd,
		       const struct sockaddr_storage *sa, socklen_t len);

/* Whether the connection came in by a listener, and by which. On its loop. */
bool reception_has(const struct plait_conn *conn);
bool reception_is_of(const struct plait_conn *conn, const struct reception_host *host);

#endif
