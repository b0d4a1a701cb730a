/* A ClientHello: the name that it asks for decides on the context, the protocols that it offers on ours. */
#include "core/net/tls/hello.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/base/text.h"
#include "core/net/tls/conn.h"
#include "core/net/tls/context.h"
#include "core/net/tls/names.h"
#include "core/net/tls/role.h"
#include "core/net/tls/server.h"

/* Of the ClientHello's extension; NULL: it has none. */
struct name {
	const unsigned char *bytes;
	size_t len;
};

static size_t read_16(const unsigned char *data)
{
	return (size_t)data[0] << 8 | data[1];
}

/* A list's length, and in it one host name behind its type and length (RFC 6066, 3). */
#define NAME_AT 5

static bool read_name(const unsigned char *data, size_t len, struct name *name)
{
	if (len <= NAME_AT || read_16(data) != len - 2 || data[2] != TLSEXT_NAMETYPE_host_name ||
	    read_16(data + 3) != len - NAME_AT)
		return false;
	*name = (struct name){ data + NAME_AT, len - NAME_AT };
	return true;
}

static int refuse(struct tls_conn *conn, int *alert, int which, enum handshake_failure kind)
{
	transport_fail_handshake(kind);
	conn->hello = TLS_HELLO_REFUSED;
	*alert = which;
	return SSL_CLIENT_HELLO_ERROR;
}

static int refuse_name(struct tls_conn *conn, const struct name *name, int *alert)
{
	char text[128];
	escape_text(text, sizeof(text), name->bytes, name->len);
	if (name->bytes)
		transport_fail(PLAIT_REASON_TLS_HANDSHAKE,
			       "unrecognized name: \"%s\" is none of server_names", text);
	else
		transport_fail(PLAIT_REASON_TLS_HANDSHAKE,
			       "unrecognized name: the client asks for none of server_names");
	return refuse(conn, alert, SSL_AD_UNRECOGNIZED_NAME, HANDSHAKE_NAME);
}

static int refuse_malformed(struct tls_conn *conn, int *alert)
{
	transport_fail(PLAIT_REASON_TLS_HANDSHAKE, "malformed server_name in the ClientHello");
	return refuse(conn, alert, SSL_AD_DECODE_ERROR, HANDSHAKE_MALFORMED);
}

static int refuse_for_memory(struct tls_conn *conn, int *alert)
{
	transport_fail(PLAIT_REASON_INTERNAL, "no memory for a TLS handshake");
	return refuse(conn, alert, SSL_AD_INTERNAL_ERROR, HANDSHAKE_INTERNAL);
}

/* The same for the same name in other letters, and no two names are to be found that share it. False: no memory. */
static bool digest_name(const struct name *name, unsigned char out[TLS_ASKED_SIZE])
{
	char text[TLS_NAME_SIZE];
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t len = tls_name_canonical(name->bytes, name->len, text);
	const void *bytes = len > 0 ? (const void *)text : name->bytes;
	if (EVP_Digest(bytes, len > 0 ? len : name->len, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	memcpy(out, digest, TLS_ASKED_SIZE);
	return true;
}

/* A session is resumed where it was made only: with the same context, and for the same name (RFC 6066, 3). */
static int keep_sessions_apart(SSL *ssl, const unsigned char asked[TLS_ASKED_SIZE])
{
	unsigned char id[SSL_MAX_SID_CTX_LENGTH];
	memcpy(id, tls_generation_of(ssl)->session_id, TLS_SESSION_ID_SIZE);
	memcpy(id + TLS_SESSION_ID_SIZE, asked, sizeof(id) - TLS_SESSION_ID_SIZE);
	return SSL_set_session_id_context(ssl, id, sizeof(id)) == 1 ? 0 : -1;
}

static int switch_to(SSL *ssl, struct tls_context *context)
{
	if (!context)
		return 0;
	struct tls_generation *generation = tls_context_current(context);
	int result = tls_generation_switch(ssl, generation);
	tls_generation_unref(&generation);
	return result;
}

/* The answer to a HelloRetryRequest repeats the name; what it decided on stays. */
static int check_again(struct tls_conn *conn, const unsigned char asked[TLS_ASKED_SIZE], int *alert)
{
	if (memcmp(asked, conn->asked, TLS_ASKED_SIZE) == 0)
		return SSL_CLIENT_HELLO_SUCCESS;
	transport_fail(PLAIT_REASON_TLS_HANDSHAKE, "the second ClientHello asks for another name");
	return refuse(conn, alert, SSL_AD_ILLEGAL_PARAMETER, HANDSHAKE_MALFORMED);
}

/* Called before anything else of the ClientHello counts: versions, ciphers, sessions. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_conn *conn = SSL_get_app_data(ssl);
	const unsigned char *data;
	size_t len;
	struct name name = { 0 };
	unsigned char asked[TLS_ASKED_SIZE];
	struct tls_context *other;
	(void)arg;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &len) &&
	    !read_name(data, len, &name))
		return refuse_malformed(conn, alert);
	if (!digest_name(&name, asked))
		return refuse_for_memory(conn, alert);
	if (conn->hello == TLS_HELLO_SEEN)
		return check_again(conn, asked, alert);
	conn->hello = TLS_HELLO_SEEN;
	memcpy(conn->asked, asked, sizeof(asked));
	if (!tls_server_choose(conn->role, name.bytes, name.len, &other))
		return refuse_name(conn, &name, alert);
	if (switch_to(ssl, other) == 0 && keep_sessions_apart(ssl, asked) == 0)
		return SSL_CLIENT_HELLO_SUCCESS;
	return refuse_for_memory(conn, alert);
}

/* Taken note of: OpenSSL tells the client, and keeps the name with TLS 1.2's sessions. */
static int on_name(SSL *ssl, int *alert, void *arg)
{
	(void)ssl;
	(void)alert;
	(void)arg;
	return SSL_TLSEXT_ERR_OK;
}

/* offered: names behind their lengths, which OpenSSL has checked. */
static void list_offered(const unsigned char *offered, size_t len, char *out, size_t size)
{
	*out = '\0';
	for (size_t at = 0; at < len; at += offered[at] + 1u) {
		char name[64];
		escape_text(name, sizeof(name), offered + at + 1, offered[at]);
		text_append_word(out, size, name, at == 0);
	}
}

/* Ours are in the order of the configuration, which counts. */
static int on_protocols(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
			const unsigned char *offered, unsigned offered_len, void *arg)
{
	struct tls_conn *conn = SSL_get_app_data(ssl);
	const struct tls_alpn *ours = &conn->role->alpn;
	unsigned char *found;
	char list[120];
	(void)arg;
	if (ours->len == 0)
		return SSL_TLSEXT_ERR_NOACK;
	if (SSL_select_next_proto(&found, chosen_len, ours->wire, (unsigned)ours->len, offered,
				  offered_len) == OPENSSL_NPN_NEGOTIATED) {
		*chosen = found;
		return SSL_TLSEXT_ERR_OK;
	}
	list_offered(offered, offered_len, list, sizeof(list));
	transport_fail(PLAIT_REASON_TLS_HANDSHAKE, "no application protocol: the client offers %s", list);
	transport_fail_handshake(HANDSHAKE_ALPN);
	conn->hello = TLS_HELLO_REFUSED;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void tls_hello_install(SSL_CTX *ssl)
{
	SSL_CTX_set_client_hello_cb(ssl, on_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(ssl, on_name);
	SSL_CTX_set_alpn_select_cb(ssl, on_protocols, NULL);
}
