/* The connections of a loop that keep OpenSSL's two buffers of 17 KB, for they are in use again and again: their
 * messages allocate no buffers. All others give them back after each call, and thousands of idle ones hold none. */
#ifndef NET_TLS_WARM_H
#define NET_TLS_WARM_H

#include "core/loop/loop.h"

struct tls_conn;
struct tls_warm;

/* The loop's set, made when there is none. NULL: the loop has no network part, or there is no memory: then no connection
 * is warm. */
struct tls_warm *tls_warm_of(struct plait_loop *loop);
void tls_warm_free(struct tls_warm **warm);

/* The connection was used. */
void tls_warm_use(struct tls_conn *conn);
void tls_warm_remove(struct tls_conn *conn);

/* loop_now, of the loop. */
uint64_t tls_warm_now(const struct tls_warm *warm);

#endif
