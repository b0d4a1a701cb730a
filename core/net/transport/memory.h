/* The memory transport: a connection whose peer is the caller. For tests of protocols and of the connection itself. */
#ifndef NET_TRANSPORT_MEMORY_H
#define NET_TRANSPORT_MEMORY_H

#include "core/base/buffer.h"
#include "core/loop/loop.h"
#include "core/net/transport/transport.h"

/* One end is the connection's transport, the other these members. Zero it, set what differs, and pass it as the
 * context of transport_memory. It must outlive the connection. */
struct memory {
	struct buffer to_conn;   /* fed, not yet read by the connection */
	struct buffer from_conn; /* written by the connection */
	size_t write_room;       /* bytes the connection may still write; MEMORY_UNLIMITED by memory_init */
	size_t untaken; /* of from_conn, what the "kernel" still holds: nothing unless a test says so */
	size_t read_most, write_most;              /* at most this many bytes a call; 0: no bound */
	bool peer_ended;                           /* the connection reads its end after to_conn */
	enum plait_reason fail_reads, fail_writes; /* the next one fails with this reason */
	bool closed, was_reset, was_shut_down;     /* what the connection did */
	bool securing;                             /* TLS has begun: the handshake waits for the peer */
	bool secured;           /* which has done its part; in pretence, for bytes stay as they are */
	unsigned reads, writes; /* calls */
	unsigned interest;
	struct plait_loop *loop;
	struct transport *transport;
	struct task ready;
};

#define MEMORY_UNLIMITED SIZE_MAX

extern const struct transport_ops transport_memory;
extern const struct transport_ops transport_memory_secure; /* after plait_start_tls */

void memory_init(struct memory *memory, struct plait_loop *loop); /* the connection's */
void memory_fini(struct memory *memory);

/* Makes the connection see what was changed from outside (it is called back in the next turn of its loop). */
void memory_wake(struct memory *memory);

/* Appends to to_conn and wakes. */
void memory_feed(struct memory *memory, const void *data, size_t len);

#endif
