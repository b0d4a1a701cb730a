/* The additions to a PROXY header: found, and judged. */
#include "core/net/proxy/tlv.h"

#include "core/net/proxy/crc32c.h"

bool proxy_tlv_take(const uint8_t **at, size_t *len, struct proxy_tlv *tlv)
{
	const uint8_t *bytes = *at;

	if (*len < PROXY_TLV_HEAD)
		return false;
	*tlv = (struct proxy_tlv){ bytes[0], (size_t)bytes[1] << 8 | bytes[2], bytes + PROXY_TLV_HEAD };
	if (tlv->len > *len - PROXY_TLV_HEAD)
		return false;
	*at += PROXY_TLV_HEAD + tlv->len;
	*len -= PROXY_TLV_HEAD + tlv->len;
	return true;
}

bool proxy_tlv_find(const uint8_t *tlvs, size_t len, unsigned type, unsigned number, struct proxy_tlv *tlv)
{
	while (proxy_tlv_take(&tlvs, &len, tlv)) {
		if (tlv->type == type && number-- == 0)
			return true;
	}
	return false;
}

static bool are_whole(const uint8_t *at, size_t len)
{
	struct proxy_tlv tlv;

	while (len > 0) {
		if (!proxy_tlv_take(&at, &len, &tlv))
			return false;
	}
	return true;
}

/* Which addition has a form of its own, and what is wrong with this one. */
static const char *fault_of(const struct proxy_tlv *tlv)
{
	switch (tlv->type) {
	case PROXY_TLV_CRC32C: return tlv->len == 4 ? NULL : "the checksum has not 4 bytes";
	case PROXY_TLV_UNIQUE_ID:
		return tlv->len <= PROXY_UNIQUE_ID_MAX ? NULL : "the unique id is longer than 128 bytes";
	case PROXY_TLV_SSL:
		if (tlv->len < PROXY_SSL_HEAD)
			return "what it says of TLS is cut short";
		return are_whole(tlv->value + PROXY_SSL_HEAD, tlv->len - PROXY_SSL_HEAD)
			       ? NULL
			       : "a part of what it says of TLS is longer than the whole";
	default: return NULL;
	}
}

/* As if the field itself were zero. */
static bool sum_is_right(const uint8_t *header, size_t len, const uint8_t *field)
{
	static const uint8_t zeros[4];
	uint32_t said = (uint32_t)field[0] << 24 | (uint32_t)field[1] << 16 | (uint32_t)field[2] << 8 |
			field[3];
	uint32_t sum = crc32c(0, header, (size_t)(field - header));

	sum = crc32c(sum, zeros, sizeof(zeros));
	return crc32c(sum, field + 4, len - (size_t)(field + 4 - header)) == said;
}

const char *proxy_tlv_fault(const uint8_t *header, size_t tlvs, size_t header_len)
{
	const uint8_t *at = header + tlvs, *field = NULL;
	size_t len = header_len - tlvs;
	struct proxy_tlv tlv;

	while (len > 0) {
		if (!proxy_tlv_take(&at, &len, &tlv))
			return "an addition is longer than the header";
		const char *fault = fault_of(&tlv);
		if (fault)
			return fault;
		if (tlv.type == PROXY_TLV_CRC32C && field)
			return "it has two checksums";
		if (tlv.type == PROXY_TLV_CRC32C)
			field = tlv.value;
	}
	return field && !sum_is_right(header, header_len, field) ? "the checksum is wrong" : NULL;
}
