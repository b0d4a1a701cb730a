/* What a listener's handshakes follow, for hello.c. */
#ifndef NET_TLS_SERVER_H
#define NET_TLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct tls_context;
struct tls_role;

/* Whether a client that asks for this name (NULL: for none) is served; *other is the context that it then gets, NULL: the
 * listener's own. Any thread. */
bool tls_server_choose(const struct tls_role *role, const void *name, size_t len, struct tls_context **other);

#endif
