/* Why OpenSSL gave up, as one of our reasons and kinds, in words. */
#ifndef NET_TLS_FAILURE_H
#define NET_TLS_FAILURE_H

#include <sys/types.h>

#include <plait/reason.h>

struct tls_conn;

/* For OpenSSL's last error, which stays in its queue. reason: unless it says better. Returns TRANSPORT_FAILED, with the
 * kind of a handshake that fails like that. */
ssize_t tls_failure_tell(const struct tls_conn *conn, enum plait_reason reason);

#endif
