/* Which clients may come in: certificates that they show, CAs that may have signed them, and lists of revoked ones. */
#ifndef NET_TLS_VERIFY_H
#define NET_TLS_VERIFY_H

#include <stddef.h>

#include "core/base/problem.h"
#include "core/net/tls/settings.h"

struct tls_generation;

/* A step of tls_generation_new. All that decides about a client ends in generation->trust. */
int tls_verify_apply(struct tls_generation *generation, const struct tls_settings *settings, const char *path,
		     struct problems *problems);

/* What is wrong with the certificate that the last handshake of this thread refused, and whose it is. Borrowed until the
 * thread's next handshake. */
const char *tls_verify_verdict(void);

#endif
