/* What makes output as fast as the peer takes it, and no faster: producers, which are Twisted's, and parts of files. All
 * on the connection's loop.
 *
 * plait_close, and plait_shutdown_write, wait until the producer is unregistered: until then plait_write still takes what
 * it makes, and plait_send_file its files. One that gets nothing out for close_timeout is stopped, and the connection ends
 * with PLAIT_REASON_TIMEOUT_CLOSE. Every other end stops the producer: at the end of that turn when it is an orderly one
 * (what was written still goes out), like the peer's or draining for a protocol that has no callback for these; else
 * before lost. */
#ifndef PLAIT_PRODUCER_H
#define PLAIT_PRODUCER_H

#include <stddef.h>
#include <stdint.h>

#include <plait/abi.h>
#include <plait/conn.h>
#include <plait/deferred.h>
#include <plait/reason.h>

/* A push producer has pause, resume and stop: it writes when it has something. A pull producer has produce and stop: it
 * writes when it is asked. None is called from inside the call that caused it, or inside another callback of the
 * connection. */
struct plait_producer {
	/* Push: output is above the high mark, at the end of a turn, or the listener's write_rate holds it back; and it has
	 * fallen to the low one. By turns, pause first. resume comes after the protocol's drained. */
	void (*pause)(struct plait_conn *conn, void *arg);
	void (*resume)(struct plait_conn *conn, void *arg);

	/* Pull: output is at or below the low mark, and no file is on its way: once a turn, for at most room bytes, which
	 * reach the high mark. Who writes nothing is not asked again before something else was written; who has come to
	 * the end unregisters. */
	void (*produce)(struct plait_conn *conn, size_t room, void *arg);

	/* The connection takes no more, for that reason. Once and last, unless it was unregistered; before lost. */
	void (*stop)(struct plait_conn *conn, enum plait_reason reason, void *arg);
};

/* From the end of this turn on producer is called with arg; paused at once when output is above the high mark. Returns 0;
 * or, and it is never called, PLAIT_ERROR_REFUSED when there is one already, PLAIT_ERROR_CLOSING when the connection takes
 * no output, PLAIT_ERROR_INVALID when it is neither push nor pull. */
PLAIT_EXPORT int plait_register_producer(struct plait_conn *conn, const struct plait_producer *producer,
					 void *arg);

/* It is not called any more. PLAIT_ERROR_GONE: there is none. */
PLAIT_EXPORT int plait_unregister_producer(struct plait_conn *conn);

/* Makes another connection of this loop, arg, a push producer: its reading is paused and resumed, and stop closes it. For
 * whoever passes on what that one receives. Unregister it when that one is lost. */
PLAIT_EXPORT extern const struct plait_producer plait_conn_producer;

#define PLAIT_TO_END UINT64_MAX

/* Sends len bytes (PLAIT_TO_END: all that follow now) of a regular file from offset on, behind what was written before and
 * before what is written later. The file is never held in memory, and does not count as queued; its reading from the disk
 * is waited for, and a listener's rate holds it back. fd is taken over in any case. At most 64 files may wait on a
 * connection (else it ends with overflow); from 8 on its reading is paused.
 *
 * The Deferred, of which one reference is the caller's, gets the number of bytes as (uintptr_t)value when the transport has
 * taken all of them, at the earliest at the end of this turn. It fails at once with PLAIT_ERROR_CLOSING when the
 * connection takes no output, and with PLAIT_ERROR_INVALID when the file has no such part; with PLAIT_ERROR_GONE when the
 * connection ends meanwhile; with PLAIT_ERROR_SYSTEM when the file cannot be read or has become too short, which ends the
 * connection (internal), for its peer was promised more. Cancelled, no more of it is sent, but what was written behind it
 * is: whoever told the peer a length aborts. */
PLAIT_EXPORT struct plait_deferred *plait_send_file(struct plait_conn *conn, int fd, uint64_t offset,
						    uint64_t len);

#endif
