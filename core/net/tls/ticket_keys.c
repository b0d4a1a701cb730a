/* The keys of session tickets, and when they come and go. */
#include "core/net/tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/tls/file.h"
#include "core/net/tls/key_file.h"

#define FILE_MAX 65536
#define KEY_BASE64 108 /* characters for one */

struct node {
	struct node *older;
	uint64_t made_ms;
	struct tls_ticket_key key;
};

struct tls_ticket_keys {
	atomic_uint references;
	uint64_t rotation_ms; /* 0: never, they are a file's */
	uint64_t lifetime_ms;
	pthread_mutex_t lock; /* of what follows */
	struct node *newest;
};

static struct tls_ticket_keys *allocate(void)
{
	struct tls_ticket_keys *keys = calloc(1, sizeof(*keys));
	if (!keys)
		return NULL;
	atomic_init(&keys->references, 1);
	pthread_mutex_init(&keys->lock, NULL);
	return keys;
}

struct tls_ticket_keys *tls_ticket_keys_new(uint64_t rotation_ms, uint64_t lifetime_ms)
{
	struct tls_ticket_keys *keys = allocate();
	if (!keys)
		return NULL;
	keys->rotation_ms = rotation_ms;
	keys->lifetime_ms = lifetime_ms;
	return keys;
}

struct tls_ticket_keys *tls_ticket_keys_ref(struct tls_ticket_keys *keys)
{
	atomic_fetch_add(&keys->references, 1);
	return keys;
}

/* This one and all that are older. */
static void drop(struct node **from)
{
	struct node *node = *from;
	*from = NULL;
	while (node) {
		struct node *older = node->older;
		OPENSSL_clear_free(node, sizeof(*node));
		node = older;
	}
}

void tls_ticket_keys_unref(struct tls_ticket_keys **keys_at)
{
	struct tls_ticket_keys *keys = *keys_at;
	*keys_at = NULL;
	if (!keys || atomic_fetch_sub(&keys->references, 1) > 1)
		return;
	drop(&keys->newest);
	pthread_mutex_destroy(&keys->lock);
	free(keys);
}

/* ---- of our own ---- */

static void make(struct tls_ticket_keys *keys, uint64_t now_ms)
{
	struct node *node = OPENSSL_zalloc(sizeof(*node));
	if (!node)
		return;
	if (RAND_bytes(node->key.name, sizeof(node->key.name)) != 1 ||
	    RAND_priv_bytes(node->key.cipher, sizeof(node->key.cipher)) != 1 ||
	    RAND_priv_bytes(node->key.mac, sizeof(node->key.mac)) != 1) {
		OPENSSL_clear_free(node, sizeof(*node));
		return;
	}
	node->made_ms = now_ms;
	node->older = keys->newest;
	keys->newest = node;
}

/* Loops read their clocks at different moments: what was made after now was made now. */
static uint64_t age_ms(const struct node *node, uint64_t now_ms)
{
	return now_ms > node->made_ms ? now_ms - node->made_ms : 0;
}

/* Under the lock. A key that cannot be made does not keep the old one from its work. */
static void rotate(struct tls_ticket_keys *keys, uint64_t now_ms)
{
	if (keys->rotation_ms == 0)
		return;
	if (!keys->newest || age_ms(keys->newest, now_ms) >= keys->rotation_ms)
		make(keys, now_ms);
	if (!keys->newest)
		return;
	struct node **at = &keys->newest->older;
	while (*at && age_ms(*at, now_ms) < keys->rotation_ms + keys->lifetime_ms)
		at = &(*at)->older;
	drop(at);
}

static enum tls_ticket_found take(const struct tls_ticket_keys *keys, const struct node *node,
				  struct tls_ticket_key *key)
{
	if (!node)
		return TLS_TICKET_NO_KEY;
	*key = node->key;
	return node == keys->newest ? TLS_TICKET_NEWEST : TLS_TICKET_OLDER;
}

enum tls_ticket_found tls_ticket_keys_newest(struct tls_ticket_keys *keys, uint64_t now_ms,
					     struct tls_ticket_key *key)
{
	pthread_mutex_lock(&keys->lock);
	rotate(keys, now_ms);
	enum tls_ticket_found found = take(keys, keys->newest, key);
	pthread_mutex_unlock(&keys->lock);
	return found;
}

enum tls_ticket_found tls_ticket_keys_find(struct tls_ticket_keys *keys, uint64_t now_ms,
					   const uint8_t name[16], struct tls_ticket_key *key)
{
	pthread_mutex_lock(&keys->lock);
	rotate(keys, now_ms);
	const struct node *node = keys->newest;
	while (node && memcmp(node->key.name, name, sizeof(node->key.name)) != 0)
		node = node->older;
	enum tls_ticket_found found = take(keys, node, key);
	pthread_mutex_unlock(&keys->lock);
	return found;
}

/* ---- a file's ---- */

static int bad_line(const char *file, unsigned line, const char *what, struct plait_error *error)
{
	return plait_error_set(
		error, PLAIT_ERROR_INVALID, file,
		"line %u %s; expected one key of 80 bytes a line in base64, as made by: openssl "
		"rand 80 | openssl base64 -A",
		line, what);
}

static bool decode(const char *text, size_t len, struct tls_ticket_key *key)
{
	unsigned char bytes[KEY_BASE64 / 4 * 3];
	bool good = len == KEY_BASE64 && text[len - 1] == '=' && text[len - 2] != '=' &&
		    EVP_DecodeBlock(bytes, (const unsigned char *)text, KEY_BASE64) == sizeof(bytes);
	if (good)
		memcpy(key, bytes, sizeof(*key));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return good;
}

/* Behind the last one. Two of one name could not be told apart. */
static int add(struct tls_ticket_keys *keys, const char *text, size_t len, const char *file, unsigned line,
	       struct plait_error *error)
{
	struct node *node = OPENSSL_zalloc(sizeof(*node)), **at = &keys->newest;
	if (!node)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, file, "no memory for its keys");
	if (!decode(text, len, &node->key)) {
		drop(&node);
		return bad_line(file, line, "is no key", error);
	}
	for (; *at; at = &(*at)->older) {
		if (memcmp((*at)->key.name, node->key.name, sizeof(node->key.name)) != 0)
			continue;
		drop(&node);
		return bad_line(file, line, "begins as another key does, which makes them one", error);
	}
	*at = node;
	return 0;
}

/* Empty lines, and those that begin with #, say nothing. */
static int parse(struct tls_ticket_keys *keys, const char *text, size_t len, const char *file,
		 struct plait_error *error)
{
	const char *end = text + len;
	int result = 0;
	for (unsigned line = 1; text < end && result == 0; line++) {
		const char *feed = memchr(text, '\n', (size_t)(end - text));
		size_t some = (size_t)((feed ? feed : end) - text);
		size_t bare = some > 0 && text[some - 1] == '\r' ? some - 1 : some;
		if (bare > 0 && text[0] != '#')
			result = add(keys, text, bare, file, line, error);
		text += some + 1;
	}
	if (result == 0 && !keys->newest)
		return bad_line(file, 1, "has no key, and no other has", error);
	return result;
}

struct tls_ticket_keys *tls_ticket_keys_read(const char *name, bool allow_readable, struct plait_error *error)
{
	struct tls_file file;
	if (tls_file_read(name, FILE_MAX, &file, error) < 0)
		return NULL;
	struct tls_ticket_keys *keys = NULL;
	if (allow_readable || tls_key_file_check(name, &file.status, error) == 0) {
		keys = allocate();
		if (!keys)
			plait_error_set(error, PLAIT_ERROR_MEMORY, name, "no memory for its keys");
		else if (parse(keys, file.data, file.len, name, error) < 0)
			tls_ticket_keys_unref(&keys);
	}
	tls_file_free(&file);
	return keys;
}
