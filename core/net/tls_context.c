/* TLS contexts on OpenSSL's SSL_CTX. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/tls.h"

/* TLS 1.3's, in the order in which a server chooses, unless a client without AES in hardware wants ChaCha20 first. AES-128
 * is as safe as the rest of the handshake, and cheaper than AES-256 for each byte, for each handshake and in memory. */
#define CIPHERSUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

struct tls_context {
	SSL_CTX *ssl;
	int (*prepare)(struct tls_context *context, SSL *ssl); /* 1 or 0, like OpenSSL's */
	char *server_name;                                     /* client: NULL: none */
	SSL_SESSION *session;                                  /* client: the newest, NULL: none */
};

/* OpenSSL's first, deepest reason; the queue is left empty. */
static const char *take_reason(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return reason ? reason : "no reason given";
}

/* Keys are read without a prompt: a server has nobody to answer it. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	bool *asked = context;
	(void)buffer;
	(void)size;
	(void)writing;
	*asked = true;
	return -1;
}

/* What servers and clients have in common. IGNORE_UNEXPECTED_EOF keeps our direction usable after a peer's bare FIN; the
 * transport tells a truncation from an orderly end by itself. */
static void configure(SSL_CTX *ssl)
{
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
}

static struct tls_context *context_new(const SSL_METHOD *method,
				       int (*prepare)(struct tls_context *context, SSL *ssl))
{
	struct tls_context *context = calloc(1, sizeof(*context));
	if (!context)
		return NULL;
	context->prepare = prepare;
	context->ssl = SSL_CTX_new(method);
	if (!context->ssl) {
		tls_context_free(&context);
		return NULL;
	}
	configure(context->ssl);
	return context;
}

static int load_key(SSL_CTX *ssl, const char *certificate, const char *key, struct plait_error *error)
{
	bool asked = false;
	SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(ssl, &asked);
	bool read = SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
	if (asked) {
		ERR_clear_error();
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, key,
			"it has a passphrase, and nobody is there to enter it; take it off with: "
			"openssl pkey -in OLD -out NEW");
	}
	/* A key of the certificate's kind is held against it at once, one of another kind only now. */
	if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH ||
	    (read && SSL_CTX_check_private_key(ssl) != 1)) {
		ERR_clear_error();
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, key,
			"it is not the key of %s; expected the one that the certificate was made for",
			certificate);
	}
	if (!read)
		return plait_error_set(error, PLAIT_ERROR_INVALID, key,
				       "cannot use it as the private key of %s: %s; expected PEM",
				       certificate, take_reason());
	return 0;
}

static int load(SSL_CTX *ssl, const char *certificate, const char *key, struct plait_error *error)
{
	if (SSL_CTX_use_certificate_chain_file(ssl, certificate) != 1)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, certificate,
			"cannot use it as a certificate chain: %s; expected PEM, the server's certificate "
			"first, then its issuers",
			take_reason());
	return load_key(ssl, certificate, key, error);
}

/* Tickets carry sessions, so there is no cache that loops would share and peers could fill. One ticket: a second costs
 * as much as a fifteenth of a handshake, and only browsers, who open connections side by side, have a use for it. */
static void configure_server(SSL_CTX *ssl)
{
	SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"plait", 5);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 1);
	SSL_CTX_set_ciphersuites(ssl, CIPHERSUITES);
}

static int prepare_server(struct tls_context *context, SSL *ssl)
{
	(void)context;
	SSL_set_accept_state(ssl);
	return 1;
}

struct tls_context *tls_context_new(const char *certificate, const char *key, struct plait_error *error)
{
	struct tls_context *context = context_new(TLS_server_method(), prepare_server);
	if (!context) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, certificate, "no memory for a TLS context");
		return NULL;
	}
	ERR_clear_error();
	configure_server(context->ssl);
	if (load(context->ssl, certificate, key, error) < 0)
		tls_context_free(&context);
	return context;
}

/* The certificate must be for that name or address; a name is asked for, too. */
static int expect_name(SSL *ssl, const char *name)
{
	struct in6_addr address;
	if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	return SSL_set1_host(ssl, name) && SSL_set_tlsext_host_name(ssl, name);
}

static int prepare_client(struct tls_context *context, SSL *ssl)
{
	SSL_set_connect_state(ssl);
	if (context->server_name && !expect_name(ssl, context->server_name))
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

static int configure_client(struct tls_context *context, const struct tls_client_settings *settings,
			    struct plait_error *error)
{
	if (settings->server_name) {
		context->server_name = strdup(settings->server_name);
		if (!context->server_name)
			return plait_error_set(error, PLAIT_ERROR_MEMORY, settings->server_name,
					       "no memory for a TLS context");
	}
	if (settings->ca) {
		if (SSL_CTX_load_verify_file(context->ssl, settings->ca) != 1)
			return plait_error_set(
				error, PLAIT_ERROR_INVALID, settings->ca,
				"cannot use it as the certificates of trusted issuers: %s; expected PEM",
				take_reason());
		SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
	}
	SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
	if (settings->resume) {
		SSL_CTX_set_app_data(context->ssl, context);
		SSL_CTX_set_session_cache_mode(context->ssl,
					       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(context->ssl, keep_session);
	}
	return 0;
}

struct tls_context *tls_context_new_client(const struct tls_client_settings *settings,
					   struct plait_error *error)
{
	struct tls_context *context = context_new(TLS_client_method(), prepare_client);
	if (!context) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, "client", "no memory for a TLS context");
		return NULL;
	}
	ERR_clear_error();
	if (configure_client(context, settings, error) < 0)
		tls_context_free(&context);
	return context;
}

void tls_context_free(struct tls_context **context_at)
{
	struct tls_context *context = *context_at;
	*context_at = NULL;
	if (!context)
		return;
	SSL_SESSION_free(context->session);
	SSL_CTX_free(context->ssl);
	free(context->server_name);
	free(context);
}

struct ssl_st *tls_context_connection(struct tls_context *context)
{
	SSL *ssl = SSL_new(context->ssl);
	if (ssl && context->prepare(context, ssl) != 1) {
		SSL_free(ssl);
		ssl = NULL;
	}
	if (!ssl)
		ERR_clear_error();
	return ssl;
}

const char *tls_library_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
