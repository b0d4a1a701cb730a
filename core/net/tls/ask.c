/* What a TLS connection came to: its parameters, and keys for what both ends know. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "core/net/tls/conn.h"
#include "core/net/tls/kernel.h"
#include "core/net/tls/role.h"

#define BINDING_LABEL "EXPORTER-Channel-Binding" /* RFC 9266 */

/* A peer may send any bytes for a name; a host's has none that are not printable. NULL is allowed. */
static const char *printable(const char *name)
{
	for (const char *c = name; c && *c; c++)
		if (*c <= ' ' || *c > '~')
			return NULL;
	return name;
}

static const char *group_of(SSL *ssl)
{
	int group = (int)SSL_get_negotiated_group(ssl);
	return group != NID_undef ? SSL_group_to_name(ssl, group) : NULL;
}

const char *tls_alpn_selected(const struct tls_conn *conn, int *index)
{
	const unsigned char *name;
	unsigned len;
	SSL_get0_alpn_selected(conn->ssl, &name, &len);
	return tls_alpn_find(&conn->role->alpn, name, len, index);
}

void tls_describe(struct transport *transport, struct plait_tls *tls)
{
	const struct tls_conn *conn = transport->handle;
	int index;
	*tls = (struct plait_tls){
		.version = SSL_get_version(conn->ssl),
		.cipher = SSL_get_cipher_name(conn->ssl),
		.resumed = SSL_session_reused(conn->ssl),
		.alpn = tls_alpn_selected(conn, &index),
		.server_name = printable(SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name)),
		.group = group_of(conn->ssl),
		.ktls = tls_kernel_encrypts(conn->ssl),
	};
}

int tls_export(struct transport *transport, const char *label, const void *context, size_t context_len,
	       void *out, size_t len)
{
	const struct tls_conn *conn = transport->handle;
	int result = SSL_export_keying_material(conn->ssl, out, len, label, strlen(label), context,
						context_len, context != NULL);
	ERR_clear_error();
	return result == 1 ? 0 : PLAIT_ERROR_REFUSED;
}

int tls_bind(struct transport *transport, uint8_t out[PLAIT_TLS_BINDING_SIZE])
{
	const struct tls_conn *conn = transport->handle;
	if (SSL_version(conn->ssl) < TLS1_3_VERSION && SSL_get_extms_support(conn->ssl) != 1)
		return PLAIT_ERROR_REFUSED;
	return tls_export(transport, BINDING_LABEL, "", 0, out, PLAIT_TLS_BINDING_SIZE);
}
