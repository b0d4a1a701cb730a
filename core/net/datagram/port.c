/* Datagrams: received and sent many at a time. */
#include "core/net/datagram/port.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/net/datagram/broadcast.h"
#include "core/net/datagram/in.h"
#include "core/net/datagram/multicast.h"
#include "core/net/famine.h"

/* What one event may receive before the loop's others have their turn. */
#define DATAGRAMS_PER_EVENT 128

/* One a loop: ports take turns. */
struct datagram_batch {
	struct datagram_in in;
	struct datagram_out out;
	struct task task; /* sends what was not sent in answer */
	bool receiving;   /* the end of a batch is near, it sends */
};

/* The datagram in whose callback we are. */
struct question {
	struct plait_addr from;
	unsigned slot;
	bool source_known;
	struct datagram_source source;
};

void datagram_batch_free(struct datagram_batch **batch)
{
	free(*batch);
	*batch = NULL;
}

static void send_at_end(struct task *task)
{
	struct datagram_batch *batch = CONTAINER_OF(task, struct datagram_batch, task);
	datagram_out_flush(&batch->out);
}

/* Before a port's first event, so that no datagram has to look for it. */
static void make_batch(struct net *net)
{
	if (net->datagrams)
		return;
	struct datagram_batch *batch = alloc_zeroed(sizeof(*batch), "datagrams");
	datagram_in_init(&batch->in);
	datagram_out_init(&batch->out);
	task_init(&batch->task, send_at_end);
	net->datagrams = batch;
}

/* An answer goes to the name that the question brought. */
static bool answers(const struct plait_port *port, const struct plait_addr *to)
{
	const struct question *question = port->question;
	return question && (to == &question->from || plait_addr_equal(to, &question->from));
}

static const struct datagram_source *source_of(struct question *question, const struct datagram_in *in)
{
	if (!question->source_known)
		datagram_in_source(in, question->slot, &question->source);
	question->source_known = true;
	return &question->source;
}

static bool name_of(const struct plait_addr *addr, int family, struct datagram_name *name)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(addr, family, &sa);
	memcpy(&name->u, &sa, sizeof(name->u));
	name->len = len;
	return len > 0;
}

int plait_send(struct plait_port *port, const struct plait_addr *to, const void *data, size_t len)
{
	static const struct datagram_source any;
	static const struct datagram_name the_peer;
	loop_assert_here(port->loop);
	if (port->socket.fd < 0)
		return PLAIT_ERROR_CLOSING;
	if (len > DATAGRAM_MAX - 29) /* what is left of 64 KiB behind the shortest headers */
		return PLAIT_ERROR_INVALID;
	struct datagram_batch *batch = port->loop->net->datagrams;
	const struct datagram_name *name;
	const struct datagram_source *source = &any;
	struct datagram_name converted;
	if (port->socket.connected || !to) {
		if (!port->socket.connected || (to && !plait_addr_equal(to, &port->peer)))
			return PLAIT_ERROR_INVALID;
		name = &the_peer;
	} else if (answers(port, to)) {
		name = &batch->in.names[port->question->slot];
		source = source_of(port->question, &batch->in);
	} else {
		name = &converted;
		if (!name_of(to, port->family, &converted))
			return PLAIT_ERROR_INVALID;
		if (!port->broadcast && broadcast_is_one(port->loop, to))
			return PLAIT_ERROR_REFUSED;
	}
	bool stays = batch->receiving && datagram_in_holds(&batch->in, data);
	datagram_out_add(&batch->out, &port->socket, name, source, data, len, stays);
	if (!batch->receiving)
		loop_defer(port->loop, &batch->task);
	return 0;
}

/* Gives the protocol what one slot holds, one datagram at a time. Returns how many. */
static unsigned deliver(struct plait_port *port, const struct datagram_in *in, struct question *question)
{
	const uint8_t *bytes = datagram_in_bytes(in, question->slot);
	size_t left = in->headers[question->slot].msg_len;
	size_t segment = datagram_in_segment(in, question->slot);
	unsigned count = 0;
	do {
		size_t len = left < segment ? left : segment;
		port->factory->protocol->datagram(port, &question->from, bytes, len);
		bytes += len;
		left -= len;
		count++;
	} while (left > 0 && port->socket.fd >= 0);
	return count;
}

static bool is_heard(const struct plait_port *port, const struct plait_addr *from)
{
	const struct audience *audience = port->factory->audience;
	return !audience || audience->hears(audience, from);
}

/* Drops what one slot holds. */
static void refuse(const struct plait_port *port, const struct datagram_in *in, unsigned slot)
{
	size_t len = in->headers[slot].msg_len, segment = datagram_in_segment(in, slot);
	size_t count = segment > 0 && len > segment ? (len + segment - 1) / segment : 1;
	counter_add(&port->loop->net->counters.datagrams_refused, count);
}

/* Returns how many datagrams it gave to the protocol. */
static unsigned receive(struct plait_port *port, struct datagram_batch *batch, unsigned slots)
{
	struct datagram_in *in = &batch->in;
	struct question question; /* each slot fills it */
	unsigned count = 0;
	bool heard = true;
	batch->receiving = true;
	port->question = &question; /* cppcheck-suppress autoVariables ; until the callbacks below are done */
	for (unsigned i = 0; i < slots && port->socket.fd >= 0; i++) {
		if (i == 0 || !datagram_name_equal(&in->names[i], &in->names[i - 1])) {
			addr_from_sockaddr(&in->names[i].u.sa, in->names[i].len, &question.from);
			heard = is_heard(port, &question.from);
		}
		if (!heard) {
			refuse(port, in, i);
			continue;
		}
		/* What came before it was connected may be others'. */
		if (port->socket.connected && !plait_addr_equal(&question.from, &port->peer))
			continue;
		question.slot = i;
		question.source_known = false;
		count += deliver(port, in, &question);
	}
	port->question = NULL;
	datagram_out_flush(&batch->out);
	batch->receiving = false;
	counter_add(&port->loop->net->counters.datagrams_in, count);
	return count;
}

bool port_receive(struct plait_port *port)
{
	struct datagram_batch *batch = port->loop->net->datagrams;
	unsigned slots = DATAGRAM_SLOTS;
	bool any = false;
	for (unsigned count = 0; slots == DATAGRAM_SLOTS && count < DATAGRAMS_PER_EVENT;) {
		slots = datagram_in_receive(&batch->in, port->socket.fd);
		any |= slots > 0;
		count += receive(port, batch, slots);
		if (port->socket.fd < 0)
			break;
	}
	return any;
}

static void on_readable(struct watch *watch, unsigned ready)
{
	(void)ready;
	port_receive(CONTAINER_OF(watch, struct plait_port, watch));
}

/* Nothing is delivered before port_started was called. */
static void on_early(struct watch *watch, unsigned ready)
{
	struct plait_port *port = CONTAINER_OF(watch, struct plait_port, watch);
	port_tell_started(port);
	if (port->socket.fd >= 0)
		watch->fn(watch, ready);
}

/* Whether all that a socket bound to this address sends leaves from it: not so for one that is everybody's, or a group's,
 * or a broadcast one, which the kernel refuses to connect to. */
static bool is_one_host(const struct sockaddr_storage *sa, socklen_t len)
{
	struct plait_addr addr;
	addr_from_sockaddr((const struct sockaddr *)sa, len, &addr);
	bool group = addr.family == PLAIT_FAMILY_IPV4 ? (addr.u.bytes[0] & 0xf0) == 0xe0
						      : addr.u.bytes[0] == 0xff;
	struct plait_addr any = { .family = addr.family, .scope = addr.scope };
	if (group || plait_addr_same_host(&addr, &any))
		return false;
	int fd = socket(sa->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool connects = fd >= 0 && connect(fd, (const struct sockaddr *)sa, len) == 0;
	if (fd >= 0)
		close(fd);
	return connects;
}

/* Where all answers leave from one address, the kernel need not tell for each datagram where it came to. */
static void ask_less(int fd, int family)
{
	int off = 0;
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &off, sizeof(off));
	(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &off, sizeof(off));
}

static struct plait_port *allocate(struct plait_loop *loop, struct plait_factory *factory)
{
	struct plait_port *port = calloc(1, sizeof(*port) + factory->protocol->port_size);
	if (!port)
		return NULL;
	port->loop = loop;
	port->factory = factory;
	port->socket.fd = -1;
	task_init(&port->task, port_settle);
	return port;
}

struct plait_port *port_new(struct plait_loop *loop, struct plait_factory *factory, int fd)
{
	struct plait_port *port = allocate(loop, factory);
	if (!port) {
		famine_close(fd);
		return NULL;
	}
	datagram_socket_init(&port->socket, fd, &loop->net->counters);
	datagram_in_coalesce(fd);
	port_locate(port);
	multicast_init(fd, port->family);
	return port;
}

void port_locate(struct plait_port *port)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	if (getsockname(port->socket.fd, (struct sockaddr *)&sa, &len) < 0)
		return;
	port->family = sa.ss_family;
	addr_from_sockaddr((struct sockaddr *)&sa, len, &port->local);
	if (is_one_host(&sa, len))
		ask_less(port->socket.fd, sa.ss_family);
}

int port_wait(struct plait_port *port)
{
	make_batch(port->loop->net);
	watch_init(&port->watch, port->loop, port->socket.fd, on_early);
	return watch_set(&port->watch, port->held ? WATCH_NONE : WATCH_READ);
}

void port_tell_started(struct plait_port *port)
{
	if (port->started)
		return;
	port->started = true;
	port->watch.fn = port->socket.connected ? port_connected_ready : on_readable;
	if (port->factory->protocol->port_started)
		port->factory->protocol->port_started(port);
}

void port_tell_stopped(struct plait_port *port)
{
	if (!port->started)
		return;
	port->started = false;
	if (port->factory->protocol->port_stopped)
		port->factory->protocol->port_stopped(port);
}

void port_start(struct plait_port *port)
{
	struct log_subject subject = { .listener = port->factory->name };
	if (port->socket.fd < 0)
		return;
	if (port_wait(port) < 0)
		log_write(PLAIT_LOG_ERROR, &subject, "cannot receive: %s", strerror(errno));
	port_tell_started(port);
}

void port_flush(struct plait_port *port)
{
	struct datagram_batch *batch = port->loop->net ? port->loop->net->datagrams : NULL;
	if (!batch || batch->out.socket != &port->socket)
		return;
	datagram_out_flush(&batch->out);
	batch->out.socket = NULL;
}

void port_shut(struct plait_port *port)
{
	if (port->socket.fd < 0)
		return;
	port_flush(port);
	if (port->watch.fn)
		watch_set(&port->watch, WATCH_NONE);
	famine_close(port->socket.fd);
	port->socket.fd = -1;
}

void port_hold(struct plait_port *port, bool held)
{
	struct log_subject subject = { .listener = port->factory->name };
	port->held = held;
	if (port->socket.fd >= 0 && port->watch.fn &&
	    watch_set(&port->watch, held ? WATCH_NONE : WATCH_READ) < 0)
		log_write(PLAIT_LOG_ERROR, &subject, "cannot receive: %s", strerror(errno));
}

void port_stop(struct plait_port *port)
{
	port_shut(port);
	port_tell_stopped(port);
}

struct plait_port *port_successor(const struct plait_port *port, struct plait_factory *factory)
{
	return allocate(port->loop, factory);
}

void port_succeed(struct plait_port *port, struct plait_port *former)
{
	port_flush(former);
	if (former->watch.fn)
		watch_set(&former->watch, WATCH_NONE);
	port->socket = former->socket;
	port->local = former->local;
	port->family = former->family;
	port->multicast_interface = former->multicast_interface;
	port->broadcast = former->broadcast;
	port->held = former->held;
	former->socket.fd = -1;
	port_tell_stopped(former);
	port_start(port);
}

void port_free(struct plait_port **port_at)
{
	struct plait_port *port = *port_at;
	struct plait_loop *here = plait_loop_current();
	*port_at = NULL;
	if (!port)
		return;
	assert(!task_queued(&port->task));
	loop_enter(port->loop);
	port_stop(port);
	loop_enter(here);
	free(port);
}

void *plait_port_state(struct plait_port *port)
{
	return port->factory->protocol->port_size > 0 ? port->state : NULL;
}

struct plait_factory *plait_port_factory(const struct plait_port *port)
{
	return port->factory;
}

const void *plait_port_options(const struct plait_port *port)
{
	return port->factory->options;
}

struct plait_loop *plait_port_loop(const struct plait_port *port)
{
	return port->loop;
}

const struct plait_addr *plait_port_local(const struct plait_port *port)
{
	return &port->local;
}

const struct plait_addr *plait_port_peer(const struct plait_port *port)
{
	return port->socket.connected ? &port->peer : NULL;
}

int plait_port_set_broadcast(struct plait_port *port, bool allowed)
{
	loop_assert_here(port->loop);
	return port_set_broadcast(port, allowed);
}

int port_set_broadcast(struct plait_port *port, bool allowed)
{
	int value = allowed;
	if (port->socket.fd < 0)
		return PLAIT_ERROR_CLOSING;
	port_flush(port);
	if (setsockopt(port->socket.fd, SOL_SOCKET, SO_BROADCAST, &value, sizeof(value)) < 0)
		return PLAIT_ERROR_SYSTEM;
	port->broadcast = allowed;
	return 0;
}

bool plait_port_broadcast(const struct plait_port *port)
{
	return port->broadcast;
}
