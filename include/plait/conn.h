/* A connection: what a stream protocol holds in its hands. Unless it says otherwise, a call here belongs on the
 * connection's own loop, and is good from the made callback until the lost callback has returned. */
#ifndef PLAIT_CONN_H
#define PLAIT_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <plait/abi.h>
#include <plait/addr.h>
#include <plait/chunk.h>
#include <plait/loop.h>
#include <plait/reason.h>
#include <plait/tls.h>

struct plait_conn;
struct plait_conn_ref;
struct plait_factory;

/* Output. Nothing is called back from inside these. Small writes are gathered and leave together when the current
 * callback returns; errors show as the connection's end. Each returns 0, PLAIT_ERROR_CLOSING when the connection
 * takes no output, or no more, or PLAIT_ERROR_OVERFLOW when the cap was hit (the connection ends). */
PLAIT_EXPORT int plait_write(struct plait_conn *conn, const void *data,
			     size_t len); /* data is copied or sent */
PLAIT_EXPORT int plait_writev(struct plait_conn *conn, const struct iovec *parts, int count);
PLAIT_EXPORT int plait_write_chunk(struct plait_conn *conn,
				   struct plait_chunk *chunk); /* takes its own reference */

/* Bytes written but not yet taken by the kernel. */
PLAIT_EXPORT size_t plait_conn_queued(const struct plait_conn *conn);

/* How many bytes more can be written before the cap ends the connection, whatever the kernel takes. */
PLAIT_EXPORT size_t plait_conn_room(const struct plait_conn *conn);

/* True from when output rose above the high mark until it fell to the low one; then drained is called. Also while the
 * listener's write_rate holds its connections back. */
PLAIT_EXPORT bool plait_conn_blocked(const struct plait_conn *conn);

/* Sends what was written, then closes in order; nothing more is delivered. lost comes later. */
PLAIT_EXPORT void plait_close(struct plait_conn *conn);

/* The same, but the connection's reason is PLAIT_REASON_PROTOCOL_ERROR and what (a short sentence, copied) is logged. */
PLAIT_EXPORT void plait_close_error(struct plait_conn *conn, const char *what);

/* Drops what is queued and resets the connection. lost comes later. */
PLAIT_EXPORT void plait_abort(struct plait_conn *conn);

/* Sends what was written, then ends our direction only; input goes on. */
PLAIT_EXPORT void plait_shutdown_write(struct plait_conn *conn);

/* Stop and start delivery to this protocol. Bytes that have arrived wait; none is lost. Not counted: one resume
 * ends any number of pauses. */
PLAIT_EXPORT void plait_pause(struct plait_conn *conn);
PLAIT_EXPORT void plait_resume(struct plait_conn *conn);

/* The protocol's own timeout, Twisted's TimeoutMixin: when timeout_ms have passed (0: never), timed_out is called, once.
 * Setting it starts it anew, resetting does so with the same time and costs next to nothing: call it for every message
 * that counts. Returns what was set before; once it has passed, too. */
PLAIT_EXPORT uint64_t plait_set_timeout(struct plait_conn *conn, uint64_t timeout_ms);
PLAIT_EXPORT void plait_reset_timeout(struct plait_conn *conn); /* none if there is none, or it has passed */

/* The listener's timeouts.idle, for this connection alone: it closes when no byte has moved in either direction for
 * timeout_ms (0: never). The time starts anew. Returns what it was before. */
PLAIT_EXPORT uint64_t plait_set_idle_timeout(struct plait_conn *conn, uint64_t timeout_ms);

/* Bytes received, not yet delivered, and not part of what the current callback was given. Borrowed until the
 * callback returns. They can be dropped: all, or the first len of them, or as many as there are; and they can be replaced
 * by no more bytes than there are (PLAIT_ERROR_OVERFLOW: nothing was replaced), which may come from there. */
PLAIT_EXPORT const void *plait_input(struct plait_conn *conn, size_t *len);
PLAIT_EXPORT void plait_input_discard(struct plait_conn *conn);
PLAIT_EXPORT void plait_input_drop(struct plait_conn *conn, size_t len);
PLAIT_EXPORT int plait_input_replace(struct plait_conn *conn, const void *data, size_t len);

/* conn_size zeroed bytes of the protocol's, freed after lost; NULL when conn_size is 0. */
PLAIT_EXPORT void *plait_conn_state(struct plait_conn *conn);

PLAIT_EXPORT struct plait_factory *plait_conn_factory(const struct plait_conn *conn);
PLAIT_EXPORT const void *plait_conn_options(const struct plait_conn *conn); /* the factory's */
PLAIT_EXPORT struct plait_loop *plait_conn_loop(const struct plait_conn *conn);
PLAIT_EXPORT const struct plait_addr *plait_conn_peer(const struct plait_conn *conn);
PLAIT_EXPORT const struct plait_addr *plait_conn_local(const struct plait_conn *conn);

/* A number no other connection of this process has or had; the one in the log. */
PLAIT_EXPORT uint64_t plait_conn_id(const struct plait_conn *conn);

/* A handle on the connection that is safe on any thread, and after the connection has gone. Make it on the
 * connection's loop; free it anywhere, exactly once per plait_conn_ref. */
PLAIT_EXPORT struct plait_conn_ref *plait_conn_ref(struct plait_conn *conn);

/* The handle once more, to be freed once more: for who hands it on and keeps it. Any thread. */
PLAIT_EXPORT struct plait_conn_ref *plait_conn_ref_copy(struct plait_conn_ref *ref);
PLAIT_EXPORT void plait_conn_unref(struct plait_conn_ref **ref);

/* Calls fn on the connection's loop, with conn NULL if it has gone by then: arg can always be freed. Any thread. */
typedef void plait_conn_call_fn(struct plait_conn *conn, void *arg);
PLAIT_EXPORT void plait_conn_ref_call(struct plait_conn_ref *ref, plait_conn_call_fn *fn, void *arg);

/* The calls above of the same names, soon, on the connection's loop, in the order of those of one thread. 0 when it is on
 * its way there, where a connection that closes meanwhile drops it; PLAIT_ERROR_GONE when the connection has gone;
 * PLAIT_ERROR_OVERFLOW when the loop has so much of this handle's to come to that it would exceed the connection's cap of
 * output: nothing was written; PLAIT_ERROR_MEMORY. Any thread. */
PLAIT_EXPORT int plait_conn_ref_write(struct plait_conn_ref *ref, const void *data, size_t len);
PLAIT_EXPORT int plait_conn_ref_write_chunk(struct plait_conn_ref *ref, struct plait_chunk *chunk);
PLAIT_EXPORT int plait_conn_ref_close(struct plait_conn_ref *ref);
PLAIT_EXPORT int plait_conn_ref_abort(struct plait_conn_ref *ref);

#endif
