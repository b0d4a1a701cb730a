/* TLS contexts on OpenSSL's SSL_CTX: what servers' and clients' have in common. */
#include "core/net/tls/context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <stdlib.h>
#include <string.h>

const char *tls_take_reason(void)
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

struct tls_context *tls_context_make(const SSL_METHOD *method, tls_prepare_fn *prepare)
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
	SSL_CTX_set_app_data(context->ssl, context);
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
				       certificate, tls_take_reason());
	return 0;
}

int tls_context_load(struct tls_context *context, const char *certificate, const char *key,
		     struct plait_error *error)
{
	SSL_CTX *ssl = context->ssl;
	if (SSL_CTX_use_certificate_chain_file(ssl, certificate) != 1)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, certificate,
			"cannot use it as a certificate chain: %s; expected PEM, the certificate itself "
			"first, then its issuers",
			tls_take_reason());
	return load_key(ssl, certificate, key, error);
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
	tls_alpn_fini(&context->alpn);
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
