/* Sessions of a server: their tickets, their cache, and their life. OpenSSL calls back through the SSL_CTX an SSL was made
 * from; what counts is the generation that it has been moved to. */
#include "core/net/tls/sessions.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/json_path.h"
#include "core/net/tls/generation.h"
#include "core/net/tls/session_cache.h"
#include "core/net/tls/ticket_keys.h"

static uint64_t monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t seconds(void)
{
	return (int64_t)time(NULL);
}

struct tls_sessions *tls_sessions_new(const struct tls_settings *settings)
{
	struct tls_sessions *sessions = calloc(1, sizeof(*sessions));
	if (!sessions)
		return NULL;
	atomic_init(&sessions->references, 1);
	sessions->monotonic_ms = monotonic_ms;
	sessions->seconds = seconds;
	sessions->keys = tls_ticket_keys_new(settings->ticket_rotation_ms, settings->session_timeout_ms);
	if (settings->session_cache > 0)
		sessions->cache = tls_session_cache_new((size_t)settings->session_cache,
							settings->session_timeout_ms);
	if (!sessions->keys || (settings->session_cache > 0 && !sessions->cache))
		tls_sessions_unref(&sessions);
	return sessions;
}

struct tls_sessions *tls_sessions_ref(struct tls_sessions *sessions)
{
	atomic_fetch_add(&sessions->references, 1);
	return sessions;
}

void tls_sessions_unref(struct tls_sessions **sessions_at)
{
	struct tls_sessions *sessions = *sessions_at;
	*sessions_at = NULL;
	if (!sessions || atomic_fetch_sub(&sessions->references, 1) > 1)
		return;
	tls_ticket_keys_unref(&sessions->keys);
	tls_session_cache_free(&sessions->cache);
	free(sessions);
}

/* ---- the life of a session ---- */

static bool is_newer(const SSL *ssl)
{
	return SSL_version(ssl) >= TLS1_3_VERSION;
}

/* When its full handshake was. A ticket of TLS 1.3 says it, for OpenSSL takes each resumption for a new beginning; other
 * sessions do not change. */
static int64_t birth_of(SSL_SESSION *session)
{
	void *data;
	size_t len;
	int64_t birth;
	if (SSL_SESSION_get0_ticket_appdata(session, &data, &len) != 1 || len != sizeof(birth))
		return SSL_SESSION_get_time(session);
	memcpy(&birth, data, sizeof(birth));
	return birth;
}

/* Whether a client would be let in today as it was then: it is not too long ago, its certificate is still good, and nothing
 * may have been revoked since that no list says. */
static bool is_alive(const struct tls_generation *generation, SSL_SESSION *session)
{
	X509 *peer = SSL_SESSION_get0_peer(session);
	time_t now = (time_t)generation->sessions->seconds();
	if (now - birth_of(session) >= generation->session_timeout_s)
		return false;
	if (!peer)
		return true;
	if (generation->lists_until != 0 && now >= generation->lists_until)
		return false;
	return X509_cmp_time(X509_get0_notAfter(peer), &now) > 0;
}

/* OpenSSL counts what is left from a moment of its own: the last handshake of TLS 1.3, the full one of older versions. */
static void limit(const struct tls_generation *generation, SSL_SESSION *session, int64_t from)
{
	int64_t left = birth_of(session) + generation->session_timeout_s - from;
	SSL_SESSION_set_timeout(session, left > 0 ? (long)left : 1);
}

/* ---- tickets ---- */

static int on_ticket(SSL *ssl, void *arg)
{
	const struct tls_generation *generation = tls_generation_of(ssl);
	SSL_SESSION *session = SSL_get_session(ssl);
	int64_t now = generation->sessions->seconds();
	int64_t birth = SSL_session_reused(ssl) ? birth_of(session) : now;
	(void)arg;
	if (SSL_SESSION_set1_ticket_appdata(session, &birth, sizeof(birth)) != 1)
		return 0;
	limit(generation, session, is_newer(ssl) ? now : birth);
	return 1;
}

static SSL_TICKET_RETURN on_ticket_read(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t len,
					SSL_TICKET_STATUS status, void *arg)
{
	(void)name;
	(void)len;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (!is_alive(tls_generation_of(ssl), session))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static bool prepare(const struct tls_ticket_key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
		    EVP_MAC_CTX *mac, int encrypt)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_CTX_set_params(mac, params) == 1 &&
	       EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, encrypt) == 1;
}

/* Under TLS 1.3 a ticket is for one use: who watches must not see two connections with one. */
static bool wants_another(const SSL *ssl, enum tls_ticket_found found)
{
	return found == TLS_TICKET_OLDER || is_newer(ssl);
}

/* 1: the contexts are ready; 2: and the client gets another ticket; 0: there is no such key; -1: it failed. */
static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
			 EVP_MAC_CTX *mac, int encrypt)
{
	const struct tls_generation *generation = tls_generation_of(ssl);
	struct tls_ticket_keys *keys = generation->ticket_keys;
	uint64_t now_ms = generation->sessions->monotonic_ms();
	struct tls_ticket_key key;
	enum tls_ticket_found found = encrypt ? tls_ticket_keys_newest(keys, now_ms, &key)
					      : tls_ticket_keys_find(keys, now_ms, name, &key);
	if (found == TLS_TICKET_NO_KEY)
		return 0;
	if (encrypt)
		memcpy(name, key.name, sizeof(key.name));
	bool ready = (!encrypt || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1) &&
		     prepare(&key, iv, cipher, mac, encrypt);
	OPENSSL_cleanse(&key, sizeof(key));
	if (!ready)
		return -1;
	return !encrypt && wants_another(ssl, found) ? 2 : 1;
}

/* ---- the cache ---- */

/* Sessions of TLS 1.3 come here with each ticket, too, where there are such. 0: it is not ours to free. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls_generation *generation = tls_generation_of(ssl);
	struct tls_sessions *sessions = generation->sessions;
	bool newer = is_newer(ssl);
	if (!sessions->cache || (newer && generation->tickets))
		return 0;
	if (!newer)
		limit(generation, session, SSL_SESSION_get_time(session));
	tls_session_cache_put(sessions->cache, sessions->monotonic_ms(), session);
	return 0;
}

static SSL_SESSION *on_id(SSL *ssl, const unsigned char *id, int len, int *copy)
{
	const struct tls_generation *generation = tls_generation_of(ssl);
	struct tls_sessions *sessions = generation->sessions;
	*copy = 0;
	SSL_SESSION *session = sessions->cache && len > 0
				       ? tls_session_cache_get(sessions->cache, sessions->monotonic_ms(), id,
							       (size_t)len)
				       : NULL;
	if (session && !is_alive(generation, session)) {
		SSL_SESSION_free(session);
		session = NULL;
	}
	return session;
}

/* ---- the step ---- */

/* One ticket: a second costs as much as a fifteenth of a handshake, and only browsers, who open connections side by side,
 * have a use for it. */
static void install(struct tls_generation *generation, const struct tls_settings *settings)
{
	SSL_CTX *ssl = generation->ssl;
	bool none = !settings->tickets && settings->session_cache == 0;
	SSL_CTX_set_num_tickets(ssl, none ? 0 : 1);
	if (!settings->tickets)
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket_key);
	SSL_CTX_set_session_ticket_cb(ssl, on_ticket, on_ticket_read, NULL);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL |
						    SSL_SESS_CACHE_NO_AUTO_CLEAR);
	SSL_CTX_sess_set_new_cb(ssl, on_session);
	SSL_CTX_sess_set_get_cb(ssl, on_id);
}

/* Not the certificate: who comes back does not look at it again, and a renewed one does not send everybody away. */
static int name_context(struct tls_generation *generation, const char *path)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(context, generation->trust, sizeof(generation->trust)) == 1 &&
		    EVP_DigestUpdate(context, path, strlen(path)) == 1 &&
		    EVP_DigestFinal_ex(context, digest, NULL) == 1;
	EVP_MD_CTX_free(context);
	if (!done)
		return PLAIT_ERROR_MEMORY;
	memcpy(generation->session_id, digest, sizeof(generation->session_id));
	SSL_CTX_set_session_id_context(generation->ssl, generation->session_id,
				       sizeof(generation->session_id));
	return 0;
}

static int find_keys(struct tls_generation *generation, const struct tls_settings *settings, const char *path,
		     struct problems *problems)
{
	struct plait_error error = { 0 };
	char place[JSON_PATH_SIZE];
	snprintf(place, sizeof(place), "%s.ticket_keys", path);
	if (settings->ticket_keys && !settings->tickets)
		problems_warn(problems, place, "it is not used: \"tickets\" is false");
	if (!settings->ticket_keys || !settings->tickets) {
		generation->ticket_keys = tls_ticket_keys_ref(generation->sessions->keys);
		return 0;
	}
	generation->ticket_keys = tls_ticket_keys_read(settings->ticket_keys, settings->allow_readable_key,
						       &error);
	if (generation->ticket_keys)
		return 0;
	problems_add(problems, place, "%s: %s", error.path, error.text);
	return error.code;
}

int tls_sessions_apply(struct tls_generation *generation, const struct tls_settings *settings,
		       const char *path, struct problems *problems)
{
	generation->session_timeout_s = (int64_t)(settings->session_timeout_ms / 1000);
	generation->tickets = settings->tickets;
	install(generation, settings);
	if (name_context(generation, path) == 0)
		return find_keys(generation, settings, path, problems);
	problems_add(problems, path, "no memory for a TLS context");
	return PLAIT_ERROR_MEMORY;
}

void tls_sessions_release(struct tls_generation *generation)
{
	tls_ticket_keys_unref(&generation->ticket_keys);
	tls_sessions_unref(&generation->sessions);
}
