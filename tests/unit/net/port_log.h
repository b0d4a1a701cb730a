/* Datagram ports on real sockets of one loop, which write down what happens to them. */
#ifndef TESTS_UNIT_NET_PORT_LOG_H
#define TESTS_UNIT_NET_PORT_LOG_H

#include <plait/multicast.h>
#include <plait/protocol.h>

#include "tests/unit/rig.h"

extern struct rig rig;

/* What the protocol keeps for each port. */
struct log_state {
	const char *name; /* stands before its events; NULL: nothing does */
};

struct port_log {
	char events[4096]; /* "started datagram(abc) refused stopped", blank-separated */
	bool inside;       /* a callback is running: none may begin */
	/* What to do in a callback; NULL: nothing. */
	void (*on_started)(struct plait_port *port);
	void (*on_datagram)(struct plait_port *port, const struct plait_addr *from, const void *data,
			    size_t len);
	void (*on_refused)(struct plait_port *port);
	void (*on_stopped)(struct plait_port *port);
};
extern struct port_log port_log;

extern const struct plait_protocol log_protocol;

void log_begin(void); /* with a loop */
void log_end(void);   /* without it, and with no descriptor more than there were */

/* A few turns: enough for what was sent on this host to be heard. */
void log_turn(void);

/* Turns until so much is written of what happened, or it takes too long. */
void log_wait(size_t len);

/* Whether exactly this happened since the last time; forgets it. Prints the difference when not. */
bool log_saw(const char *events);

/* Fails the test when it cannot. settings may be NULL. */
struct plait_port *log_open(const char *endpoint, const struct plait_port_settings *settings);
void log_name(struct plait_port *port, const char *name);

/* The address of this host where the port can be reached: bound to every address, it is loopback's. */
struct plait_addr log_address(const struct plait_port *port);
struct plait_addr log_parse(const char *text);

/* Sends text, ended by NUL. */
int log_send(struct plait_port *port, const struct plait_addr *to, const char *text);

/* Sends what it got back where it came from. */
void log_echo(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len);

/* A plain socket of the kernel's, bound to loopback: somebody else. */
int log_socket(struct plait_addr *at);
void log_say(int fd, const struct plait_addr *to, const char *text);
bool log_heard(int fd, const char *text); /* the next datagram is this; NULL: there is none */

#endif
