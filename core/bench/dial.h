/* Opening connections to the server under test: its address, and from which of ours. */
#ifndef BENCH_DIAL_H
#define BENCH_DIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <plait/error.h>

#include "core/base/endpoint.h"

struct dial {
	struct sockaddr_storage to;
	socklen_t len;
	int type;      /* SOCK_STREAM, SOCK_DGRAM */
	bool loopback; /* IPv4's: every address of 127.0.0.0/8 is ours to call from */
};

/* Resolves; among several addresses takes the first that answers, and connects to none that is alone. May wait some
 * seconds. 0, or a negative code and error filled. */
int dial_init(struct dial *dial, const struct endpoint *endpoint, struct plait_error *error);

/* A socket that is connected (*done) or about to be, or -1 and errno. source 0: the system chooses our address; others
 * name one each, where the server is on the loopback interface. */
int dial_open(const struct dial *dial, uint32_t source, bool *done);

/* Whether a socket that became writable is connected: 1, 0 not yet, -1 and errno. */
int dial_check(const struct dial *dial, int fd);

/* How many connections one of our addresses can have; 0: without bound. */
uint32_t dial_ports(const struct dial *dial);

#endif
