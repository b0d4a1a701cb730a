/* Finds the lengths of handshake messages in records that are not encrypted. */
#include "core/net/tls/greeting.h"

#include <openssl/ssl3.h>

struct cursor {
	const uint8_t *data;
	size_t len;
};

/* Fills a head of size bytes, of which have are there; true when it is whole. */
static bool gather(struct cursor *cursor, uint8_t *head, uint8_t *have, uint8_t size)
{
	for (; *have < size && cursor->len > 0; cursor->len--)
		head[(*have)++] = *cursor->data++;
	return *have == size;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* At most len bytes, all of one record. */
static void read_messages(struct tls_greeting *greeting, struct cursor cursor)
{
	const uint8_t *head = greeting->message;
	while (cursor.len > 0 && !greeting->refused) {
		size_t skip = least(cursor.len, greeting->message_left);
		cursor.data += skip;
		cursor.len -= skip;
		greeting->message_left -= (uint32_t)skip;
		if (cursor.len == 0 || !gather(&cursor, greeting->message, &greeting->message_head, 4))
			return;
		greeting->message_head = 0;
		greeting->message_left = (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
		greeting->refused = head[0] == SSL3_MT_CLIENT_HELLO &&
				    greeting->message_left > TLS_GREETING_MAX;
	}
}

/* All of a ClientHello is one short record then, and no other ClientHello follows. */
static bool is_ssl_2(const uint8_t *record)
{
	return record[0] & 0x80;
}

/* Records of other types are passed over, as OpenSSL does with a few of them. */
static void read_record(struct tls_greeting *greeting, struct cursor *cursor)
{
	const uint8_t *head = greeting->record;
	if (greeting->record_left == 0) {
		if (!gather(cursor, greeting->record, &greeting->record_head, 5))
			return;
		greeting->record_head = 0;
		greeting->record_left = (uint32_t)head[3] << 8 | head[4];
		if (is_ssl_2(head)) {
			greeting->over = true;
			return;
		}
	}
	size_t len = least(cursor->len, greeting->record_left);
	if (head[0] == SSL3_RT_HANDSHAKE)
		read_messages(greeting, (struct cursor){ cursor->data, len });
	cursor->data += len;
	cursor->len -= len;
	greeting->record_left -= (uint32_t)len;
}

bool tls_greeting_is_sound(struct tls_greeting *greeting, const void *data, size_t len)
{
	struct cursor cursor = { data, len };
	while (cursor.len > 0 && !greeting->over && !greeting->refused)
		read_record(greeting, &cursor);
	return !greeting->refused;
}
