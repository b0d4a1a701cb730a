/* Settings of OpenSSL's that servers and clients share, and its reasons. */
#include "core/net/tls/ssl.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/net/tls/guard.h"
#include "core/net/tls/tls.h"

const char *tls_take_reason(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return reason ? reason : "no reason given";
}

/* IGNORE_UNEXPECTED_EOF keeps our direction usable after a peer's bare FIN; the transport tells a truncation from an
 * orderly end by itself. */
SSL_CTX *tls_ssl_ctx_new(const SSL_METHOD *method)
{
	SSL_CTX *ssl = SSL_CTX_new(method);
	if (!ssl)
		return NULL;
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_options(ssl,
			    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
	tls_guard_install(ssl);
	return ssl;
}

const char *tls_library_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
