/* The memory transport. */
#include "core/net/transport/memory.h"
#include "core/base/container.h"

#include <stdlib.h>
#include <string.h>

static unsigned readiness(const struct memory *memory)
{
	bool readable = buffer_size(&memory->to_conn) > 0 || memory->peer_ended || memory->fail_reads ||
			(memory->securing && memory->secured);
	bool writable = memory->write_room > 0 || memory->fail_writes;
	return memory->interest & ((readable ? WATCH_READ : 0u) | (writable ? WATCH_WRITE : 0u));
}

/* Level-triggered like a socket: it reports again in the next turn as long as something is ready. */
static void on_task(struct task *task)
{
	struct memory *memory = CONTAINER_OF(task, struct memory, ready);
	unsigned ready = readiness(memory);
	if (memory->closed || !ready)
		return;
	struct watch *watch = &memory->transport->watch;
	watch->fn(watch, ready);
	memory_wake(memory);
}

void memory_init(struct memory *memory, struct plait_loop *loop)
{
	*memory = (struct memory){ .write_room = MEMORY_UNLIMITED, .loop = loop };
	task_init(&memory->ready, on_task);
}

void memory_fini(struct memory *memory)
{
	buffer_fini(&memory->to_conn);
	buffer_fini(&memory->from_conn);
}

void memory_wake(struct memory *memory)
{
	if (memory->transport && !memory->closed && readiness(memory))
		loop_defer(memory->loop, &memory->ready);
}

void memory_feed(struct memory *memory, const void *data, size_t len)
{
	if (buffer_append(&memory->to_conn, data, len) < 0)
		abort();
	memory_wake(memory);
}

static int memory_open(struct transport *transport, int fd, void *context)
{
	struct memory *memory = context;
	(void)fd;
	transport->handle = memory;
	memory->transport = transport;
	return 0;
}

static ssize_t memory_read(struct transport *transport, void *buffer, size_t size)
{
	struct memory *memory = transport->handle;
	size_t len = buffer_size(&memory->to_conn);
	memory->reads++;
	if (memory->fail_reads)
		return transport_fail(memory->fail_reads, "the test says so");
	if (len == 0)
		return memory->peer_ended ? TRANSPORT_END : TRANSPORT_WANT_READ;
	if (len > size)
		len = size;
	if (memory->read_most && len > memory->read_most)
		len = memory->read_most;
	memcpy(buffer, buffer_data(&memory->to_conn), len);
	buffer_consume(&memory->to_conn, len);
	return (ssize_t)len;
}

static ssize_t memory_writev(struct transport *transport, const struct iovec *parts, int count)
{
	struct memory *memory = transport->handle;
	size_t sent = 0, most = memory->write_room;
	memory->writes++;
	if (memory->fail_writes)
		return transport_fail(memory->fail_writes, "the test says so");
	if (memory->write_most && most > memory->write_most)
		most = memory->write_most;
	for (int i = 0; i < count && sent < most; i++) {
		size_t len = parts[i].iov_len < most - sent ? parts[i].iov_len : most - sent;
		if (buffer_append(&memory->from_conn, parts[i].iov_base, len) < 0)
			abort();
		sent += len;
	}
	if (memory->write_room != MEMORY_UNLIMITED)
		memory->write_room -= sent;
	return sent > 0 ? (ssize_t)sent : TRANSPORT_WANT_WRITE;
}

static ssize_t memory_write(struct transport *transport, const void *data, size_t len)
{
	const struct iovec part = { (void *)data, len };
	return memory_writev(transport, &part, 1);
}

static ssize_t memory_shutdown(struct transport *transport)
{
	struct memory *memory = transport->handle;
	memory->was_shut_down = true;
	return TRANSPORT_END;
}

static void memory_close(struct transport *transport, bool reset)
{
	struct memory *memory = transport->handle;
	memory->closed = true;
	memory->was_reset = reset;
	memory->transport = NULL;
}

static size_t memory_unacknowledged(const struct transport *transport)
{
	const struct memory *memory = transport->handle;
	return memory->untaken;
}

static int memory_want(struct transport *transport, unsigned interest)
{
	struct memory *memory = transport->handle;
	memory->interest = interest;
	memory_wake(memory);
	return 0;
}

static bool memory_arrived(const struct transport *transport)
{
	const struct memory *memory = transport->handle;
	return buffer_size(&memory->to_conn) > 0;
}

static int memory_take_over(struct transport *transport, void *context)
{
	struct memory *memory = transport->handle;
	(void)context;
	memory->securing = true;
	return 0;
}

/* Bytes that are there before the peer has done its part are not TLS. */
static ssize_t memory_handshake(struct transport *transport)
{
	struct memory *memory = transport->handle;
	if (memory->fail_reads)
		return transport_fail(memory->fail_reads, "the test says so");
	if (memory->secured) {
		memory->securing = false;
		return TRANSPORT_END;
	}
	if (buffer_size(&memory->to_conn) > 0)
		return transport_fail(PLAIT_REASON_TLS_HANDSHAKE, "what came is not TLS");
	return memory->peer_ended ? transport_fail(PLAIT_REASON_PEER_CLOSED, "during the TLS handshake")
				  : (ssize_t)TRANSPORT_WANT_READ;
}

static void memory_describe(struct transport *transport, struct plait_tls *tls)
{
	(void)transport;
	tls->version = "TLSv1.3";
	tls->cipher = "TLS_AES_128_GCM_SHA256";
}

#define SHARED                                                                                               \
	.read = memory_read, .write = memory_write, .writev = memory_writev, .shutdown = memory_shutdown,    \
	.close = memory_close, .unacknowledged = memory_unacknowledged, .want = memory_want

const struct transport_ops transport_memory = {
	SHARED,
	.open = memory_open,
	.secure = &transport_memory_secure,
	.arrived = memory_arrived,
};

const struct transport_ops transport_memory_secure = {
	SHARED,
	.take_over = memory_take_over,
	.handshake = memory_handshake,
	.describe = memory_describe,
};
