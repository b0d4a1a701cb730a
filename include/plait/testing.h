/* The test kit: protocols on trial without a socket, a thread or the time of day. Link the protocol's source and libplait
 * with any test framework; everything here happens on the calling thread, and nothing waits.
 *
 *	struct plait_test *test = plait_test_new();
 *	struct plait_factory *factory = plait_test_factory(test, &plait_plugin, NULL, NULL);
 *	struct plait_peer *peer = plait_test_connect(test, factory);
 *	plait_peer_say(peer, "hello\r\n");
 *	CU_ASSERT_TRUE(plait_peer_heard(peer, "hello\r\n"));
 *	plait_peer_end(peer);
 *	CU_ASSERT_EQUAL(plait_peer_reason(peer), PLAIT_REASON_PEER_CLOSED);
 *	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
 */
#ifndef PLAIT_TESTING_H
#define PLAIT_TESTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plait/conn.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/loop.h>
#include <plait/protocol.h>

/* A stage: a loop that turns when the test says so, and a clock that the test moves. Calls abort when there is no memory. */
struct plait_test;

/* The other end of a connection: what the protocol's peer does and sees. It lives as long as the test. */
struct plait_peer;

/* The loop becomes the thread's own; one test at a time on a thread. */
PLAIT_EXPORT struct plait_test *plait_test_new(void);

/* Ends everything, as a server does that is stopped at once. Returns how many things were left that should not be:
 * connections that are not lost, calls still to come, what waits for the test, failures that nobody handled; each is
 * printed. Leaves *test NULL. */
PLAIT_EXPORT unsigned plait_test_free(struct plait_test **test);

PLAIT_EXPORT struct plait_loop *plait_test_loop(struct plait_test *test);

/* Turns the loop until there is nothing left to do at this time. All calls below but plait_peer_write do it. What never
 * comes to rest is given up after many turns, and counted by plait_test_free. */
PLAIT_EXPORT void plait_test_run(struct plait_test *test);

/* Moves the clock from one call that is due to the next, and so on to the end of those milliseconds. */
PLAIT_EXPORT void plait_test_advance(struct plait_test *test, uint64_t ms);

/* Moves the clock at once, as if a callback had taken so long. */
PLAIT_EXPORT void plait_test_jump(struct plait_test *test, uint64_t ms);

/* A factory as a listener has it. json: what the configuration says of the listener besides name, bind, protocol and tls:
 * "{ \"options\": { ... }, \"buffers\": { \"high\": \"1k\" } }"; NULL: nothing. It stops in plait_test_free. NULL with error
 * filled when the configuration or factory_start is wrong; error may be NULL, it is printed then. protocol must outlive the
 * test. */
PLAIT_EXPORT struct plait_factory *plait_test_factory(struct plait_test *test,
						      const struct plait_protocol *protocol, const char *json,
						      struct plait_error *error);

/* Somebody connects: accept, then made. */
PLAIT_EXPORT struct plait_peer *plait_test_connect(struct plait_test *test, struct plait_factory *factory);

/* Joins two connections: from here on each is the other's peer, bytes, ends and resets included. What they wrote before
 * counts. */
PLAIT_EXPORT void plait_test_join(struct plait_peer *one, struct plait_peer *other);

/* What the peer does. Each returns when the protocol has seen it. */
PLAIT_EXPORT void plait_peer_send(struct plait_peer *peer, const void *data, size_t len);
PLAIT_EXPORT void plait_peer_send_cut(struct plait_peer *peer, const void *data, size_t len,
				      size_t piece); /* in pieces of so many bytes, at least 1 */
PLAIT_EXPORT void plait_peer_say(struct plait_peer *peer, const char *text);
PLAIT_EXPORT void plait_peer_write(struct plait_peer *peer, const void *data,
				   size_t len);              /* to arrive with what is sent next */
PLAIT_EXPORT void plait_peer_end(struct plait_peer *peer);   /* no more will come */
PLAIT_EXPORT void plait_peer_reset(struct plait_peer *peer); /* the connection breaks */

/* The protocol has called plait_start_tls, what it wrote before has left, and the handshake waits for the peer. A factory
 * whose protocol says starts_tls has a context for it. */
PLAIT_EXPORT bool plait_peer_awaits_tls(const struct plait_peer *peer);

/* The peer does its part of the handshake, in pretence: bytes stay as they are. */
PLAIT_EXPORT void plait_peer_start_tls(struct plait_peer *peer);

/* The peer takes so many bytes and no more until it is told otherwise; SIZE_MAX, as at first: whatever comes. */
PLAIT_EXPORT void plait_peer_take(struct plait_peer *peer, size_t room);

/* What arrived and was not forgotten yet; borrowed until the next call for this peer. */
PLAIT_EXPORT const void *plait_peer_output(struct plait_peer *peer, size_t *len);
PLAIT_EXPORT void plait_peer_forget(struct plait_peer *peer);

/* Whether exactly this arrived; forgets it, and prints the difference when not. */
PLAIT_EXPORT bool plait_peer_heard(struct plait_peer *peer, const char *text);
PLAIT_EXPORT bool plait_peer_heard_bytes(struct plait_peer *peer, const void *data, size_t len);

/* The connection, as its protocol has it; NULL when it is lost, or was refused by accept. */
PLAIT_EXPORT struct plait_conn *plait_peer_conn(struct plait_peer *peer);

/* Why it ended; PLAIT_REASON_NONE while it has not. */
PLAIT_EXPORT enum plait_reason plait_peer_reason(const struct plait_peer *peer);

PLAIT_EXPORT bool plait_peer_sees_end(const struct plait_peer *peer);   /* the protocol ended its direction */
PLAIT_EXPORT bool plait_peer_sees_reset(const struct plait_peer *peer); /* the connection was aborted */
PLAIT_EXPORT bool plait_peer_is_paused(const struct plait_peer *peer);  /* plait reads nothing from it */

/* What would take other threads, other machines and time waits until the test does it, the oldest first. Each call below
 * returns false when nothing waits for it. What still waits is counted by plait_test_free. */

/* Work for threads: how much waits; runs one, here. */
PLAIT_EXPORT unsigned plait_test_work(const struct plait_test *test);
PLAIT_EXPORT bool plait_test_run_work(struct plait_test *test);

/* A name that is being resolved, or NULL; its addresses, "127.0.0.1 ::1", or NULL for a name that does not exist. */
PLAIT_EXPORT const char *plait_test_question(const struct plait_test *test);
PLAIT_EXPORT bool plait_test_answer(struct plait_test *test, const char *addresses);

/* An address that is being connected to, "127.0.0.1:7007", or NULL; borrowed until the next call. Nobody is there; or a
 * connection of factory takes the other end. */
PLAIT_EXPORT const char *plait_test_dialled(struct plait_test *test);
PLAIT_EXPORT bool plait_test_refuse(struct plait_test *test);
PLAIT_EXPORT bool plait_test_pick_up(struct plait_test *test, struct plait_factory *factory);

/* Whether the protocol answers this input with this output, and then ends for the same reason, however the stream is cut:
 * whole, byte by byte, and in two at each place, each time on a connection of its own whose peer ends after it. Prints the
 * first difference. */
PLAIT_EXPORT bool plait_test_cuts(struct plait_test *test, struct plait_factory *factory, const void *input,
				  size_t len, const void *output, size_t output_len);

#endif
