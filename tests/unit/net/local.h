/* Clients on real sockets: a listener on the same loop, and turns until something has happened. */
#ifndef TESTS_UNIT_NET_LOCAL_H
#define TESTS_UNIT_NET_LOCAL_H

#include <plait/client.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/net/stream_listener.h"
#include "tests/unit/rig.h"

/* A loop with a real clock, unless the test stops it, and a listener that accepts with a protocol. */
struct local {
	struct plait_loop *loop;
	struct rig_listener rig;
	struct reception reception;
	struct stream_listener *listener;
	uint16_t port;
	const struct plait_protocol *protocol;
	const char *host;
	char endpoint[200]; /* to connect to the listener */
	char path[100];     /* of a UNIX socket */
};

void local_init(struct local *local);

struct tls_role;

/* Binds an address of loopback ("127.0.0.1", "::1", or a path after "unix:"). port 0: a free one. */
void local_listen(struct local *local, const struct plait_protocol *protocol, const char *host,
		  uint16_t port);
void local_listen_tls(struct local *local, const struct plait_protocol *protocol, const char *host,
		      struct tls_role *role);
void local_unlisten(struct local *local);

/* After local_unlisten, when its connections have gone: at the same place. */
void local_listen_again(struct local *local);

/* Aborts and frees all. */
void local_fini(struct local *local);

/* Turns the loop, waiting for events, until *done; fails the test after many seconds. */
void local_wait(struct local *local, const bool *done);

/* A port of 127.0.0.1 on which nobody listens, and nobody will while *holder is open. */
uint16_t local_dead_port(int *holder);

/* Open descriptors of the process. */
unsigned local_descriptors(void);

#endif
