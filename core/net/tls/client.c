/* The client's side of TLS: whom they trust, whom they ask for, who they are, and what they resume. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/container.h"
#include "core/net/tls/identity.h"
#include "core/net/tls/names.h"
#include "core/net/tls/role.h"
#include "core/net/tls/ssl.h"
#include "core/net/tls/tls.h"

struct tls_client {
	struct tls_role role; /* expects its server_name */
	SSL_CTX *ssl;         /* its app data is the client */
	char *server_name;    /* NULL: none */
	bool verify;
	SSL_SESSION *session; /* the newest, NULL: none */
};

/* A name is asked for, an address is not; the certificate must be for either. */
static int expect_name(const struct tls_client *client, SSL *ssl)
{
	const char *name = client->server_name;
	bool address = tls_name_is_address(name);
	if (!address && !SSL_set_tlsext_host_name(ssl, name))
		return 0;
	if (!client->verify)
		return 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) : SSL_set1_host(ssl, name);
}

static int prepare(const struct tls_client *client, SSL *ssl)
{
	SSL_set_connect_state(ssl);
	if (client->server_name && !expect_name(client, ssl))
		return 0;
	if (!client->session)
		return 1;
	/* A copy: under TLS 1.3 OpenSSL marks a session as used up when one connection has resumed it, and others that
	 * are on their way with it would make full handshakes. */
	SSL_SESSION *session = SSL_SESSION_dup(client->session);
	int result = session && SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
	return result;
}

static SSL *make(struct tls_role *role)
{
	struct tls_client *client = CONTAINER_OF(role, struct tls_client, role);
	SSL *ssl = SSL_new(client->ssl);
	if (ssl && prepare(client, ssl) != 1) {
		SSL_free(ssl);
		ssl = NULL;
	}
	return ssl;
}

/* Called with each session, under TLS 1.3 with each ticket. 1: it is ours to free. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	SSL_SESSION_free(client->session);
	client->session = session;
	return 1;
}

static int no_memory(struct plait_error *error)
{
	return plait_error_set(error, PLAIT_ERROR_MEMORY, "client", "no memory for a TLS context");
}

/* A name's last dot, and the interface of an address, stand in no certificate. */
static int set_name(struct tls_client *client, const char *name, struct plait_error *error)
{
	size_t len = strcspn(name, "%");
	if (len > 1 && name[len - 1] == '.')
		len--;
	client->server_name = strndup(name, len);
	client->role.expected = client->server_name;
	return client->server_name ? 0 : no_memory(error);
}

static int set_trust(struct tls_client *client, const char *ca, struct plait_error *error)
{
	SSL_CTX_set_verify(client->ssl, SSL_VERIFY_PEER, NULL);
	client->verify = true;
	if (!ca)
		return SSL_CTX_set_default_verify_paths(client->ssl) == 1 ? 0 : no_memory(error);
	if (SSL_CTX_load_verify_file(client->ssl, ca) == 1)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_INVALID, ca,
			       "cannot use it as the certificates of trusted issuers: %s; expected PEM",
			       tls_take_reason());
}

static int set_identity(struct tls_client *client, const struct tls_client_settings *settings,
			struct plait_error *error)
{
	if (settings->certificate && settings->key)
		return tls_identity_load(client->ssl, settings->certificate, settings->key, error);
	return plait_error_set(error, PLAIT_ERROR_INVALID, settings->certificate ? "certificate" : "key",
			       "a client's certificate and its key go together; name the %s, too",
			       settings->certificate ? "key" : "certificate");
}

static int set_alpn(struct tls_client *client, const char *names, struct plait_error *error)
{
	int result = tls_alpn_init(&client->role.alpn, names, error);
	if (result < 0)
		return result;
	return SSL_CTX_set_alpn_protos(client->ssl, client->role.alpn.wire,
				       (unsigned)client->role.alpn.len) == 0
		       ? 0
		       : no_memory(error);
}

static void set_resuming(struct tls_client *client, bool resume)
{
	SSL_CTX_set_session_cache_mode(client->ssl,
				       resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
					      : SSL_SESS_CACHE_OFF);
	if (resume)
		SSL_CTX_sess_set_new_cb(client->ssl, keep_session);
}

static int configure_client(struct tls_client *client, const struct tls_client_settings *settings,
			    struct plait_error *error)
{
	int result = settings->server_name ? set_name(client, settings->server_name, error) : 0;
	if (result == 0 && settings->verify)
		result = set_trust(client, settings->ca, error);
	if (result == 0 && (settings->certificate || settings->key))
		result = set_identity(client, settings, error);
	if (result == 0 && settings->alpn)
		result = set_alpn(client, settings->alpn, error);
	set_resuming(client, settings->resume);
	return result;
}

struct tls_client *tls_client_new(const struct tls_client_settings *settings, struct plait_error *error)
{
	struct tls_client *client = calloc(1, sizeof(*client));
	SSL_CTX *ssl = client ? tls_ssl_ctx_new(TLS_client_method()) : NULL;
	if (!ssl) {
		free(client);
		no_memory(error);
		return NULL;
	}
	client->role.make = make;
	client->ssl = ssl;
	SSL_CTX_set_app_data(ssl, client);
	ERR_clear_error();
	if (configure_client(client, settings, error) < 0)
		tls_client_free(&client);
	return client;
}

void tls_client_free(struct tls_client **client_at)
{
	struct tls_client *client = *client_at;
	*client_at = NULL;
	if (!client)
		return;
	SSL_SESSION_free(client->session);
	SSL_CTX_free(client->ssl);
	free(client->server_name);
	tls_alpn_fini(&client->role.alpn);
	free(client);
}

struct tls_role *tls_client_role(struct tls_client *client)
{
	return client ? &client->role : NULL;
}
