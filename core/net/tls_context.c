/* TLS contexts on OpenSSL's SSL_CTX. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/net/tls.h"

struct tls_context {
	SSL_CTX *ssl;
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

static void configure(SSL_CTX *ssl)
{
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	/* IGNORE_UNEXPECTED_EOF keeps our direction usable after a peer's bare FIN; the transport tells a truncation
	 * from an orderly end by itself. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"plait", 5);
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

struct tls_context *tls_context_new(const char *certificate, const char *key, struct plait_error *error)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	if (context)
		context->ssl = SSL_CTX_new(TLS_server_method());
	if (!context || !context->ssl) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, certificate, "no memory for a TLS context");
		goto fail;
	}
	ERR_clear_error();
	configure(context->ssl);
	if (load(context->ssl, certificate, key, error) < 0)
		goto fail;
	return context;
fail:
	tls_context_free(&context);
	return NULL;
}

void tls_context_free(struct tls_context **context_at)
{
	struct tls_context *context = *context_at;
	*context_at = NULL;
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}

struct ssl_ctx_st *tls_context_ssl(struct tls_context *context)
{
	return context->ssl;
}

const char *tls_library_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
