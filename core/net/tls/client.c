/* TLS contexts of clients: whom they trust, whom they ask for, who they are, and what they resume. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/tls/context.h"

static bool is_address(const char *name)
{
	struct in6_addr address;
	return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

/* A name is asked for, an address is not; the certificate must be for either. */
static int expect_name(const struct tls_context *context, SSL *ssl)
{
	const char *name = context->server_name;
	bool address = is_address(name);
	if (!address && !SSL_set_tlsext_host_name(ssl, name))
		return 0;
	if (!context->verify)
		return 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) : SSL_set1_host(ssl, name);
}

static int prepare_client(struct tls_context *context, SSL *ssl)
{
	SSL_set_connect_state(ssl);
	if (context->server_name && !expect_name(context, ssl))
		return 0;
	if (!context->session)
		return 1;
	/* A copy: under TLS 1.3 OpenSSL marks a session as used up when one connection has resumed it, and others that
	 * are on their way with it would make full handshakes. */
	SSL_SESSION *session = SSL_SESSION_dup(context->session);
	int result = session && SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
	return result;
}

/* Called with each session, under TLS 1.3 with each ticket. 1: it is ours to free. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	SSL_SESSION_free(context->session);
	context->session = session;
	return 1;
}

static int no_memory(struct plait_error *error)
{
	return plait_error_set(error, PLAIT_ERROR_MEMORY, "client", "no memory for a TLS context");
}

/* A name's last dot, and the interface of an address, stand in no certificate. */
static int set_name(struct tls_context *context, const char *name, struct plait_error *error)
{
	size_t len = strcspn(name, "%");
	if (len > 1 && name[len - 1] == '.')
		len--;
	context->server_name = strndup(name, len);
	return context->server_name ? 0 : no_memory(error);
}

static int set_trust(struct tls_context *context, const char *ca, struct plait_error *error)
{
	SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
	context->verify = true;
	if (!ca)
		return SSL_CTX_set_default_verify_paths(context->ssl) == 1 ? 0 : no_memory(error);
	if (SSL_CTX_load_verify_file(context->ssl, ca) == 1)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_INVALID, ca,
			       "cannot use it as the certificates of trusted issuers: %s; expected PEM",
			       tls_take_reason());
}

static int set_identity(struct tls_context *context, const struct tls_client_settings *settings,
			struct plait_error *error)
{
	if (settings->certificate && settings->key)
		return tls_context_load(context, settings->certificate, settings->key, error);
	return plait_error_set(error, PLAIT_ERROR_INVALID, settings->certificate ? "certificate" : "key",
			       "a client's certificate and its key go together; name the %s, too",
			       settings->certificate ? "key" : "certificate");
}

static int set_alpn(struct tls_context *context, const char *names, struct plait_error *error)
{
	int result = tls_alpn_init(&context->alpn, names, error);
	if (result < 0)
		return result;
	return SSL_CTX_set_alpn_protos(context->ssl, context->alpn.wire, (unsigned)context->alpn.len) == 0
		       ? 0
		       : no_memory(error);
}

static void set_resuming(struct tls_context *context, bool resume)
{
	SSL_CTX_set_session_cache_mode(context->ssl,
				       resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
					      : SSL_SESS_CACHE_OFF);
	if (resume)
		SSL_CTX_sess_set_new_cb(context->ssl, keep_session);
}

static int configure_client(struct tls_context *context, const struct tls_client_settings *settings,
			    struct plait_error *error)
{
	int result = settings->server_name ? set_name(context, settings->server_name, error) : 0;
	if (result == 0 && settings->verify)
		result = set_trust(context, settings->ca, error);
	if (result == 0 && (settings->certificate || settings->key))
		result = set_identity(context, settings, error);
	if (result == 0 && settings->alpn)
		result = set_alpn(context, settings->alpn, error);
	set_resuming(context, settings->resume);
	return result;
}

struct tls_context *tls_context_new_client(const struct tls_client_settings *settings,
					   struct plait_error *error)
{
	struct tls_context *context = tls_context_make(TLS_client_method(), prepare_client);
	if (!context) {
		no_memory(error);
		return NULL;
	}
	ERR_clear_error();
	if (configure_client(context, settings, error) < 0)
		tls_context_free(&context);
	return context;
}
