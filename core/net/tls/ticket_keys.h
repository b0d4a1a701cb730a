/* The keys of session tickets: the newest encrypts, all decrypt. Of our own, made when they are needed, or from a file. */
#ifndef NET_TLS_TICKET_KEYS_H
#define NET_TLS_TICKET_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include <plait/error.h>

/* As they stand in a file. */
struct tls_ticket_key {
	uint8_t name[16];
	uint8_t cipher[32]; /* AES-256-CBC */
	uint8_t mac[32];    /* HMAC-SHA256 */
};

struct tls_ticket_keys;

/* Random ones: a new one each rotation_ms that they are in use, each kept for lifetime_ms after the last ticket it can have
 * encrypted. NULL: no memory. */
struct tls_ticket_keys *tls_ticket_keys_new(uint64_t rotation_ms, uint64_t lifetime_ms);

/* A file's: one of 80 bytes a line in base64, the first encrypts. Who may read it is as with private keys. NULL with error
 * filled. */
struct tls_ticket_keys *tls_ticket_keys_read(const char *file, bool allow_readable,
					     struct plait_error *error);

/* Any thread. The last one wipes the keys; NULL is allowed. */
struct tls_ticket_keys *tls_ticket_keys_ref(struct tls_ticket_keys *keys);
void tls_ticket_keys_unref(struct tls_ticket_keys **keys);

enum tls_ticket_found { TLS_TICKET_NO_KEY, TLS_TICKET_NEWEST, TLS_TICKET_OLDER };

/* A copy of the newest one, or of that name; now_ms is monotonic. The caller wipes it. Any thread. */
enum tls_ticket_found tls_ticket_keys_newest(struct tls_ticket_keys *keys, uint64_t now_ms,
					     struct tls_ticket_key *key);
enum tls_ticket_found tls_ticket_keys_find(struct tls_ticket_keys *keys, uint64_t now_ms,
					   const uint8_t name[16], struct tls_ticket_key *key);

#endif
