/* Connecting to one of several addresses, after RFC 8305: families take turns, each attempt has a head start, the first
 * socket that connects wins. */
#ifndef NET_CLIENT_RACE_H
#define NET_CLIENT_RACE_H

#include <plait/failure.h>

#include "core/base/endpoint_options.h"
#include "core/loop/loop.h"
#include "core/net/client/attempt.h"
#include "core/net/socket/socket.h"

struct race;

struct race_settings {
	uint64_t stagger_ms;
	unsigned attempts;              /* at most so many addresses */
	struct plait_addr bind4, bind6; /* family NONE: the system chooses */
	const struct socket_settings *socket;
};

/* Called once, on the loop, never from inside race_start; the race is over then: with a connected socket, which is given,
 * and its address; or with -1 and what happened to each address: race_describe. */
typedef void race_fn(void *arg, int fd, const struct sockaddr *to, socklen_t len);

/* settings and what they point to must outlive the race. NULL: there is no memory. On the loop. */
struct race *race_start(struct plait_loop *loop, const struct socket_addresses *addresses,
			const struct race_settings *settings, race_fn *fn, void *arg);

/* Over or not: fn is not called any more. */
void race_free(struct race **race);

/* "127.0.0.1:80: Connection refused; [::1]:80: no answer". Returns out. */
const char *race_describe(const struct race *race, char *out, size_t size);

#endif
