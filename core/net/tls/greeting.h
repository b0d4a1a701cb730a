/* The beginning of a client's handshake, looked at before OpenSSL gets it: for a ClientHello that says it is long OpenSSL
 * takes and clears 128 KB at once, before the client has sent any of it. */
#ifndef NET_TLS_GREETING_H
#define NET_TLS_GREETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With post-quantum keys and tickets of the largest kind it has 8 KB at most. */
#define TLS_GREETING_MAX 16384u

/* Zeroed to begin with. */
struct tls_greeting {
	uint8_t record[5], message[4]; /* heads, as far as they have come */
	uint8_t record_head, message_head;
	bool refused; /* it is too long */
	bool over;    /* it is of SSL 2's form */
	uint32_t record_left, message_left;
};

/* The next bytes of the client's stream, from its beginning. False: they announce a ClientHello that is too long. */
bool tls_greeting_is_sound(struct tls_greeting *greeting, const void *data, size_t len);

#endif
