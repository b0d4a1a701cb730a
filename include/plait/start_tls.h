/* TLS on a connection that began without it, as STARTTLS has it: plait is the server's side.
 *
 *	if (is_starttls(line, len)) {
 *		plait_write(conn, "220 go ahead\r\n", 14);
 *		plait_start_tls(conn, NULL);
 *	}
 */
#ifndef PLAIT_START_TLS_H
#define PLAIT_START_TLS_H

#include <plait/abi.h>
#include <plait/conn.h>
#include <plait/error.h>
#include <plait/factory.h>

/* What a handshake follows: certificates, versions, names. */
struct plait_tls_context;

/* A context for plait_start_tls. name NULL: the listener's own, which its "tls" names; else the one of that name in the
 * configuration's top level. From factory_start on, so that `plait check` tells what is missing; it is good as long as the
 * factory. NULL with error filled when there is none; error may be NULL. Any thread. */
PLAIT_EXPORT struct plait_tls_context *plait_factory_tls(struct plait_factory *factory, const char *name,
							 struct plait_error *error);

/* Begins TLS on an open connection without it. context NULL: the listener's own; its protocol says starts_tls, so that a
 * tcp:// or unix: listener may have one. What was written before leaves first, as it is; what is written from here on waits,
 * and leaves under TLS. Nothing is delivered until the handshake is done; then tls_started is called, and plait_conn_tls
 * tells what was agreed on. A handshake that fails, takes longer than timeouts.handshake, or would be one more than
 * limits.handshakes, ends the connection; a plait_close waits for it.
 *
 * Bytes that came before TLS began are neither delivered nor taken for TLS: the connection ends with tls-early, for somebody
 * may have put them there to be taken for the peer's. Those are bytes behind what the current callback was given, or that it
 * does not consume; bytes that wait for a paused or raw protocol; and bytes that the kernel has before all that was
 * written is sent. So write the answer that tells the peer to begin just before, and what the protocol learnt from the
 * peer until then, forget it in tls_started. (plait_input_discard consumes bytes, too.)
 *
 * 0; or nothing has changed: PLAIT_ERROR_MISSING, there is no context; PLAIT_ERROR_REFUSED, it has TLS, or begins it, or
 * cannot carry it, or a file is on its way, or there is a producer; PLAIT_ERROR_CLOSING, either direction has ended or is
 * to end. Or it ends: PLAIT_ERROR_CLOSING when bytes had come already, PLAIT_ERROR_MEMORY. */
PLAIT_EXPORT int plait_start_tls(struct plait_conn *conn, struct plait_tls_context *context);

#endif
