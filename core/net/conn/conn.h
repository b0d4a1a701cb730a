/* A connection from the inside. Its parts: conn.c (life), input.c, framing.c, output.c, close.c, timeout.c, ref.c,
 * feed.c (with producer.c and file.c), process.c, proxy.c, start_tls.c, tls.c, traffic.c. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <plait/conn.h>
#include <plait/frame.h>
#include <plait/protocol.h>

#include "core/base/buffer.h"
#include "core/base/log.h"
#include "core/base/queue.h"
#include "core/loop/loop.h"
#include "core/net/factory.h"
#include "core/net/net.h"
#include "core/net/traffic.h"
#include "core/net/transport/transport.h"

enum conn_state {
	CONN_CONNECTING, /* not started */
	CONN_HANDSHAKE,
	CONN_OPEN,
	CONN_FLUSHING, /* closing: what was written goes out, then both sides end */
	CONN_CLOSED,   /* nothing moves; lost is due or done */
};

/* Why reading is paused; it goes on when the set is empty. */
enum conn_pause {
	CONN_PAUSE_PROTOCOL = 1,
	CONN_PAUSE_WATERMARK = 2,
	CONN_PAUSE_GROUP = 4,     /* what it said to a group waits on other loops */
	CONN_PAUSE_FILES = 8,     /* many files are on their way to its peer */
	CONN_PAUSE_RATE_OUT = 16, /* the others that write have been too fast; over_high is set as well */
	CONN_PAUSE_RATE_IN = 32,  /* only of reading: what was read is delivered */
	CONN_PAUSE_PACE_OUT = 64, /* as the two above, for what it moves itself */
	CONN_PAUSE_PACE_IN = 128,
	CONN_HELD_OUT = CONN_PAUSE_RATE_OUT | CONN_PAUSE_PACE_OUT,
	CONN_HELD_IN = CONN_PAUSE_RATE_IN | CONN_PAUSE_PACE_IN,
};

struct conn_feed;
struct conn_upgrade;
struct paced;
struct membership;
struct proxy_told;

/* Whoever made the connection learns when it is gone, on the connection's loop, and may free the factory then; and, where
 * that is not NULL, that it was made, or why it will not be: then the text, which may be NULL, is borrowed, and gone
 * follows. */
struct conn_owner {
	void (*gone)(struct conn_owner *owner, const struct plait_addr *peer);
	void (*made)(struct conn_owner *owner, struct plait_conn *conn);
	void (*failed)(struct conn_owner *owner, enum plait_reason reason, const char *text);

	/* Around the handshake of one that begins TLS when it is open. False: there are too many under way, and no end will
	 * follow. */
	bool (*begin_handshake)(struct conn_owner *owner);
	void (*end_handshake)(struct conn_owner *owner);

	/* Its handshake failed, and not for our sake: whom that is told need not be told of its end. Then failed and gone. */
	void (*handshake_failed)(struct conn_owner *owner, const struct plait_conn *conn,
				 enum handshake_failure failure, const char *text);
};

/* What few connections need: made when it is first asked for. */
struct conn_extra {
	struct plait_addr local;
	struct plait_tls tls;
	struct plait_certificate *certificate; /* the peer's; NULL: nobody asked, or there is none */
	struct plait_conn_ref *ref;
	struct conn_feed *feed;       /* NULL: there never was a producer or a file */
	struct paced *paced;          /* of policy/pace.c; NULL: it has no pace */
	struct conn_upgrade *upgrade; /* NULL: it does not begin TLS */
	struct proxy_told *told;      /* by a PROXY header; NULL: there was none */
	uint64_t idle_ms;             /* instead of the listener's, with has_idle */
	uint64_t timeout_ms;          /* the protocol's own; 0: none */
	uint64_t timeout_from_ms;
	uint64_t ends_ms;         /* when its lifetime has passed; 0: it has none */
	uint64_t write_from_ms;   /* of the peer's progress with the output: when it was last seen */
	uint64_t write_looked_ms; /* when it was last looked for, */
	uint64_t write_taken;     /* and what the peer had taken by then */
	bool has_tls;
	bool has_idle;
	bool timeout_on;  /* set, and has not passed */
	bool life_over;   /* its lifetime has passed, and its protocol is told where it wants to know */
	bool write_watch; /* the peer's progress is looked for */
};

/* A framing at work; connections of protocols with a message callback have room for one behind the protocol's state. */
struct conn_framing {
	const struct plait_framing *framing; /* NULL: raw */
	const void *settings;
	struct plait_frame frame;
};

/* What a byte on its way touches comes first. */
struct plait_conn {
	struct transport transport;

	uint8_t state;           /* enum conn_state */
	uint8_t paused;          /* a set of enum conn_pause */
	uint8_t reason : 7;      /* enum plait_reason; first one wins, see close.c */
	bool drain_told : 1;     /* its protocol knows that it is to end */
	uint8_t read_needs;      /* enum watch_interest: what reading waits for */
	uint8_t write_needs;     /* WATCH_NONE: writing is not blocked */
	uint8_t wants;           /* what the transport was last asked to report */
	bool made : 1;           /* the made callback was called, so lost is owed */
	bool peer_ended : 1;     /* the transport reported the end of input */
	bool eof_due : 1;        /* and the protocol has not been told */
	bool framed : 1;         /* bytes go through its framing */
	bool reset_on_close : 1; /* the peer must see that it was not an orderly end */
	bool write_ended : 1;    /* the transport's shutdown is done */
	bool deliver_due : 1;    /* input waits for the end of the turn */
	bool read_due : 1;       /* the transport may have more without an event */

	union {
		struct {
			bool write_ending : 1; /* plait_shutdown_write: end our direction after the queue */
			bool over_high : 1; /* output rose above the high mark, not yet fallen to the low one; or held back */
			bool fed : 1;      /* it has a producer, or files to send */
			bool sharing : 1;  /* in the group it joined last: group/part.h */
			uint8_t alone : 4; /* turns with a message before it shares again */
		};
		uint8_t unsettled : 3; /* the first three, in one test: more is to be seen to than the queue */
	};

	struct plait_loop *loop;
	struct plait_factory *factory;
	struct queue output;
	struct buffer input; /* received, not consumed; empty most of the time */
	uint64_t bytes_in, bytes_out;
	uint64_t active_ms; /* bytes last moved; before any did, the connection was made */
	struct task task;   /* the end-of-turn work that the flags above name */

	struct timer timer; /* the one deadline of the current state, looked at when it fires */
	union {
		uint64_t
			begun_ms; /* open: when the message under way began, or, before the first byte, when it opened; 0: unknown */
		uint64_t taken; /* closing: what the peer had taken when it was last looked at */
	};
	struct plait_conn *previous, *next; /* in the loop's list */
	struct membership *memberships;
	struct conn_owner *owner; /* NULL: none */
	struct conn_extra *extra; /* NULL: nobody asked */
	uint64_t id;
	struct plait_addr peer;
	max_align_t protocol_state[];
};

/* A connection on loop over an open socket (or another transport's context); takes fd over in any case. owner may be
 * NULL. Returns NULL when there is no memory. Follow with conn_start. On the loop. */
struct plait_conn *conn_new(struct plait_loop *loop, struct plait_factory *factory,
			    const struct transport_ops *ops, int fd, void *context,
			    const struct plait_addr *peer, struct conn_owner *owner);

/* How long it has been there. On its loop. */
uint64_t conn_age_s(const struct plait_conn *conn);

/* Begins the handshake, or calls made. */
void conn_start(struct plait_conn *conn);

/* Moves the state; only along the table of allowed moves. */
void conn_move(struct plait_conn *conn, enum conn_state next);

static inline const struct plait_protocol *conn_protocol(const struct plait_conn *conn)
{
	return conn->factory->protocol;
}

/* traffic.c; only where somebody counts the factory's bytes */
void conn_tell_traffic(struct plait_conn *conn, enum traffic_direction direction, size_t len);

/* Tells who counts a factory's bytes. */
static inline void conn_count(struct plait_conn *conn, enum traffic_direction direction, size_t len)
{
	if (conn->factory->traffic)
		conn_tell_traffic(conn, direction, len);
}

/* Only where the protocol has a message callback. */
struct conn_framing *conn_framing(struct plait_conn *conn);

/* A message that is too long is dropped as it comes. */
static inline bool conn_is_skipping(struct plait_conn *conn)
{
	return conn->framed && conn_framing(conn)->frame.skipping;
}

/* The peer has begun a message, or should, and has not come to its end. */
static inline bool conn_in_message(struct plait_conn *conn)
{
	return buffer_size(&conn->input) > 0 || conn->bytes_in == 0 || conn_is_skipping(conn) ||
	       transport_partial(&conn->transport);
}

/* Aborts when there is no memory. */
struct conn_extra *conn_extra(struct plait_conn *conn);

/* NULL when there is no memory; then the connection has failed. */
struct conn_extra *conn_extra_or_fail(struct plait_conn *conn);

void conn_fail(struct plait_conn *conn, enum plait_reason reason,
	       const char *text); /* at once; text may be NULL */

/* Which readiness the transport is to report from here on; the connection fails when that cannot be. */
static inline void conn_want(struct plait_conn *conn, unsigned interest)
{
	if (interest == conn->wants)
		return;
	conn->wants = (uint8_t)interest;
	if (conn->transport.ops->want(&conn->transport, interest) < 0)
		conn_fail(conn, PLAIT_REASON_INTERNAL, "the kernel cannot watch one more descriptor");
}

/* What the peer has taken of bytes_out; under TLS only changes of it mean something. */
static inline uint64_t conn_taken(const struct plait_conn *conn)
{
	return conn->bytes_out - conn->transport.ops->unacknowledged(&conn->transport);
}

/* For the end of this turn: whatever the flags say is due. */
static inline void conn_defer(struct plait_conn *conn)
{
	loop_defer(conn->loop, &conn->task);
}

/* input.c */
void conn_drop_input(struct plait_conn *conn); /* gives its memory back */
void conn_read(struct plait_conn *conn);
void conn_catch_up(struct plait_conn *conn); /* at the end of a turn: what is due */
void conn_pause_for(struct plait_conn *conn, enum conn_pause why);
void conn_resume_from(struct plait_conn *conn, enum conn_pause why);

/* output.c */
void conn_block(struct plait_conn *conn); /* as if output were above the high mark, until it is not */

/* What it makes the loop hold; takes as long as its queue is. */
static inline size_t conn_held(const struct plait_conn *conn)
{
	return buffer_memory(&conn->input) + queue_memory(&conn->output);
}

/* The outcome of what was done since the last event: sends what can go, then waits for the right things. */
void conn_settle(struct plait_conn *conn);

/* At most so many parts leave in one call. */
#define CONN_PARTS_MAX 64

/* Open, with nothing on its way out. */
static inline bool conn_is_quiet(const struct plait_conn *conn)
{
	return conn->state == CONN_OPEN && conn->output.bytes == 0 && conn->write_needs == WATCH_NONE &&
	       !conn->unsettled;
}

/* Sends, for a quiet connection that shares, what the queue holds; parts are the first of it. Returns how much the
 * transport took; when that is not all it is blocked, or the connection shares no longer. */
size_t conn_send_shared(struct plait_conn *conn, const struct queue *shared, const struct iovec *parts,
			int count);

/* Queues a copy of all but the first skip bytes of shared, to leave at the end of the turn. The connection fails when
 * there is no memory. */
void conn_queue_shared(struct plait_conn *conn, const struct queue *shared, size_t skip);

/* Writes chunk, unless the connection is blocked or has no room for it: false, and nothing happened. */
bool conn_offer(struct plait_conn *conn, struct plait_chunk *chunk);

/* For what feeds output: sends what the transport takes of the queue up to a stop; and accounts for what the transport
 * answered to another operation, of which it returns how many bytes it took. */
void conn_send_queue(struct plait_conn *conn);
size_t conn_account(struct plait_conn *conn, ssize_t took);

/* Whether it takes output. From here on that comes behind what the connection is owed by its group. */
bool conn_takes_output(struct plait_conn *conn);

/* feed.c */
void conn_feed(struct plait_conn *conn);               /* one that is fed has its turn */
bool conn_feed_due(const struct plait_conn *conn);     /* and needs another */
bool conn_file_is_held(const struct plait_conn *conn); /* a file is next, and writing is held back */
bool conn_awaits_producer(const struct plait_conn *conn);
void conn_dismiss_producer(struct plait_conn *conn); /* an end that does not wait for it has begun */
void conn_feed_end(struct plait_conn *conn);

/* proxy.c */

/* Before it starts: what the PROXY header said in front of it, which it takes over; NULL: there was none. False: no memory, and
 * it has failed. */
bool conn_set_told(struct plait_conn *conn, struct proxy_told *told);

/* start_tls.c */

/* TLS begins on an open connection: to its protocol it is as open as before, but nothing moves. */
static inline bool conn_is_upgrading(const struct plait_conn *conn)
{
	return conn->extra && conn->extra->upgrade;
}

/* Sends what leaves in plain and changes the transport, as far as it can. Whether the handshake can go on. */
bool conn_prepare_upgrade(struct plait_conn *conn);
bool conn_upgrade_due(const struct plait_conn *conn); /* and has not */
void conn_upgraded(struct plait_conn *conn);          /* the handshake is done */
void conn_end_upgrade(struct plait_conn *conn);
size_t conn_upgrade_owed(const struct plait_conn *conn); /* bytes that are to leave in plain */
void conn_came_early(struct plait_conn *conn);           /* bytes, before TLS began */

/* Open as its protocol sees it, and not asked to close. */
static inline bool conn_is_live(const struct plait_conn *conn)
{
	return conn->state == CONN_OPEN || (conn_is_upgrading(conn) && conn->state == CONN_HANDSHAKE &&
					    conn->reason == PLAIT_REASON_NONE);
}

/* close.c */
void conn_begin_close(struct plait_conn *conn,
		      enum plait_reason reason);   /* in order; nothing more is delivered */
void conn_fail_transport(struct plait_conn *conn); /* for what transport_failure tells */
void conn_close_flushed(
	struct plait_conn *conn); /* FLUSHING, or our direction is to end: the queue is empty */
void conn_peer_end_while_closing(struct plait_conn *conn);
void conn_finish(struct plait_conn *conn);     /* CLOSED: calls lost, frees */
void conn_close_late(struct plait_conn *conn); /* FLUSHING, and nothing has moved for the listener's close */
/* Its protocol is told, where it wants to know; else it closes. Draining is doing so for one reason. */
void conn_end_in_order(struct plait_conn *conn, enum plait_reason reason);
void conn_drain(struct plait_conn *conn);
bool conn_abort_drain(struct plait_conn *conn); /* true when bytes or an answer were still owed */

/* timeout.c */
void conn_start_timer(struct plait_conn *conn); /* for the deadline of the current state */
void conn_on_timer(struct timer *timer);
void conn_begin_timeouts(struct plait_conn *conn); /* it is open */
void conn_message_began(struct plait_conn *conn);  /* some of it is here, or it goes on after a pause */
void conn_part_came(
	struct plait_conn *conn); /* the begin of what may carry a message; nothing of it can be read yet */
void conn_watch_output(struct plait_conn *conn); /* the transport takes no more */

/* ref.c */
void conn_ref_gone(struct plait_conn *conn);

/* A callback of the protocol runs between these; what it wrote leaves after. They do not nest. */
static inline void conn_enter(struct plait_conn *conn)
{
	conn->loop->net->current = conn;
}

static inline void conn_leave(struct plait_conn *conn)
{
	conn->loop->net->current = NULL;
}

/* Its callback runs: what it writes leaves when that returns. */
static inline bool conn_in_callback(const struct plait_conn *conn)
{
	return conn->loop->net->current == conn;
}

/* The loop of deliveries to it is on the stack. */
static inline bool conn_delivering(const struct plait_conn *conn)
{
	return conn->loop->net->delivering == conn;
}

/* What TLS agreed on comes with it, where there is one. */
void conn_log_opening(struct plait_conn *conn, const char *what);

#endif
