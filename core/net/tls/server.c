/* The server's side of TLS: what a listener's handshakes follow. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "core/base/container.h"
#include "core/net/tls/context.h"
#include "core/net/tls/role.h"

struct tls_server {
	struct tls_role role;
	struct tls_context *context;
};

static SSL *make(struct tls_role *role)
{
	struct tls_server *server = CONTAINER_OF(role, struct tls_server, role);
	struct tls_generation *generation = tls_context_current(server->context);
	SSL *ssl = SSL_new(generation->ssl);
	tls_generation_unref(&generation);
	if (ssl)
		SSL_set_accept_state(ssl);
	return ssl;
}

struct tls_server *tls_server_new(const struct tls_server_settings *settings, struct plait_error *error)
{
	struct tls_server *server = calloc(1, sizeof(*server));
	if (!server) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for TLS");
		return NULL;
	}
	server->role.make = make;
	server->context = settings->context;
	return server;
}

void tls_server_free(struct tls_server **server_at)
{
	free(*server_at);
	*server_at = NULL;
}

struct tls_role *tls_server_role(struct tls_server *server)
{
	return &server->role;
}
