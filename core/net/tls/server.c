/* TLS contexts of servers. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/net/tls/context.h"

/* TLS 1.3's, in the order in which a server chooses, unless a client without AES in hardware wants ChaCha20 first. AES-128
 * is as safe as the rest of the handshake, and cheaper than AES-256 for each byte, for each handshake and in memory. */
#define CIPHERSUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

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
	struct tls_context *context = tls_context_make(TLS_server_method(), prepare_server);
	if (!context) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, certificate, "no memory for a TLS context");
		return NULL;
	}
	ERR_clear_error();
	configure_server(context->ssl);
	if (tls_context_load(context, certificate, key, error) < 0)
		tls_context_free(&context);
	return context;
}
