/* The server's side of TLS: what a listener's handshakes follow. */
#include "core/net/tls/server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "core/base/container.h"
#include "core/net/tls/context.h"
#include "core/net/tls/names.h"
#include "core/net/tls/role.h"

struct tls_server {
	struct tls_role role;
	struct tls_context *context;
	struct tls_context **others; /* one for each of the names */
	struct tls_names *names;     /* NULL: none */
	bool strict;
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

bool tls_server_choose(const struct tls_role *role, const void *name, size_t len, struct tls_context **other)
{
	const struct tls_server *server = CONTAINER_OF(role, const struct tls_server, role);
	int number = server->names && name ? tls_names_find(server->names, name, len) : -1;
	*other = NULL;
	if (number < 0)
		return !server->strict;
	if (server->others[number] != server->context)
		*other = server->others[number];
	return true;
}

static int add_names(struct tls_server *server, const struct tls_server_settings *settings,
		     struct plait_error *error)
{
	int result = 0;
	server->others = calloc(settings->name_count, sizeof(*server->others));
	if (!server->others)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for TLS");
	server->names = tls_names_new();
	for (size_t i = 0; i < settings->name_count && result == 0; i++) {
		server->others[i] = settings->contexts[i];
		result = tls_names_add(server->names, settings->names[i], (unsigned)i, error);
	}
	return result;
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
	server->strict = settings->strict;
	int result = settings->name_count > 0 ? add_names(server, settings, error) : 0;
	if (result == 0)
		result = tls_alpn_init_list(&server->role.alpn, settings->alpn, settings->alpn_count, error);
	if (result < 0)
		tls_server_free(&server);
	return server;
}

void tls_server_free(struct tls_server **server_at)
{
	struct tls_server *server = *server_at;
	*server_at = NULL;
	if (!server)
		return;
	tls_names_free(&server->names);
	tls_alpn_fini(&server->role.alpn);
	free(server->others);
	free(server);
}

struct tls_role *tls_server_role(struct tls_server *server)
{
	return &server->role;
}
