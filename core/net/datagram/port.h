/* Datagram ports from the inside: one socket on one loop, read and written in batches. Its parts: port.c (what every
 * datagram passes), port_open.c (those of plugins and programs), port_connect.c, multicast.c,
 * multicast_send.c. */
#ifndef NET_DATAGRAM_PORT_H
#define NET_DATAGRAM_PORT_H

#include <stddef.h>

#include <plait/port.h>

#include "core/net/datagram/out.h"
#include "core/net/factory.h"
#include "core/net/net.h"

struct datagram_batch;
struct own_protocol;
struct question;

/* What a datagram on its way touches comes first. */
struct plait_port {
	struct watch watch;
	struct datagram_socket socket;
	struct plait_loop *loop;
	struct plait_factory *factory;
	struct question *question; /* the datagram in whose callback we are; NULL: in none */
	struct plait_addr local;
	struct plait_addr peer; /* when socket.connected */
	int family;
	unsigned multicast_interface; /* as it was set; 0: none */
	bool broadcast;               /* may be sent to */
	bool held;                    /* it does not receive */
	bool started;                 /* port_started was called, and port_stopped was not */

	struct own_protocol *own;           /* of plait_port_open, and it frees itself; NULL: a listener's */
	struct task task;                   /* calls port_started, later port_stopped */
	struct plait_port *previous, *next; /* of the loop's own ones */
	max_align_t state[];                /* the protocol's */
};

void datagram_batch_free(struct datagram_batch **batch);

/* Takes the bound socket fd over, also when it fails (NULL: no memory). Main thread or the loop's. */
struct plait_port *port_new(struct plait_loop *loop, struct plait_factory *factory, int fd);

/* Waits for datagrams. 0, or -1 with errno. On the loop. */
int port_wait(struct plait_port *port);

/* On the loop: begins to receive, ends for good, calling port_started and port_stopped. Both before port_free. */
void port_start(struct plait_port *port);
void port_stop(struct plait_port *port);

/* On the loop: what comes waits in the kernel's buffer, as far as there is room, or is received again. */
void port_hold(struct plait_port *port, bool held);

/* After port_stop, or when it was never started. */
void port_free(struct plait_port **port);

/* A port with another factory, for the same loop, that has no socket yet. NULL: no memory. Any thread. */
struct plait_port *port_successor(const struct plait_port *port, struct plait_factory *factory);

/* On the loop: the successor takes the former's socket and all that was set on it, so that no datagram is lost; calls
 * port_stopped of one and port_started of the other. A port that has stopped has nothing to leave. */
void port_succeed(struct plait_port *port, struct plait_port *former);

/* Sends what was sent and closes the socket; calls nothing. On the loop, or after its thread has ended. */
void port_shut(struct plait_port *port);

/* Calls port_started or port_stopped, unless it did. */
void port_tell_started(struct plait_port *port);
void port_tell_stopped(struct plait_port *port);

/* Also before the loop runs. */
int port_set_broadcast(struct plait_port *port, bool allowed);

/* Sends what was sent, before what is to come leaves in another way. */
void port_flush(struct plait_port *port);

/* Once bound, and when the address may have changed: learns where it is, and whether all it sends leaves from there. */
void port_locate(struct plait_port *port);

/* Receives for an event, at most so much that the loop's others have their turn. False when there was nothing but,
 * perhaps, an error. */
bool port_receive(struct plait_port *port);

/* For a connected port's watch. */
watch_fn port_connected_ready;

/* For the port's task. */
task_fn port_settle;

/* Closes the loop's own ports; port_stopped is due for the end of the turn. On the loop, or after its thread has ended. */
void port_close_all(struct net *net);

#endif
