/* The additions to a PROXY header of version 2: a type, a length, a value each. */
#ifndef NET_PROXY_TLV_H
#define NET_PROXY_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proxy_tlv_type {
	PROXY_TLV_ALPN = 0x01,
	PROXY_TLV_AUTHORITY = 0x02,
	PROXY_TLV_CRC32C = 0x03,
	PROXY_TLV_NOOP = 0x04,
	PROXY_TLV_UNIQUE_ID = 0x05,
	PROXY_TLV_SSL = 0x20,
	PROXY_TLV_NETNS = 0x30,

	/* Inside SSL. */
	PROXY_TLV_SSL_VERSION = 0x21,
	PROXY_TLV_SSL_CN = 0x22,
	PROXY_TLV_SSL_CIPHER = 0x23,
	PROXY_TLV_SSL_SIG_ALG = 0x24,
	PROXY_TLV_SSL_KEY_ALG = 0x25,
};

#define PROXY_TLV_HEAD 3
#define PROXY_UNIQUE_ID_MAX 128

/* SSL begins with these: what of TLS there was (a set of bits), and the verdict on the client's certificate. */
#define PROXY_SSL_HEAD 5
enum { PROXY_SSL_TLS = 1, PROXY_SSL_CERTIFICATE = 2, PROXY_SSL_SESSION_CERTIFICATE = 4 };

struct proxy_tlv {
	uint8_t type;
	size_t len;
	const uint8_t *value;
};

/* Takes the first of the *len bytes at *at, and moves on behind it. False: there is none, or not all of it. */
bool proxy_tlv_take(const uint8_t **at, size_t *len, struct proxy_tlv *tlv);

/* The number'th of a type, from 0 on, of sound ones. False: there is none. */
bool proxy_tlv_find(const uint8_t *tlvs, size_t len, unsigned type, unsigned number, struct proxy_tlv *tlv);

/* NULL: all are sound; else what is wrong. The checksum is of the whole header, of which they are the last part. */
const char *proxy_tlv_fault(const uint8_t *header, size_t tlvs, size_t header_len);

#endif
