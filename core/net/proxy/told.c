/* A PROXY header as protocols see it. */
#include "core/net/proxy/told.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/container.h"
#include "core/base/escape.h"
#include "core/net/proxy/tlv.h"

/* Room for a text: each has a NUL more than its bytes in the header, where a head of three stands before them; a path has
 * one more, and up to two of these are copied. */
static size_t room_for(const struct proxy_header *header)
{
	return 2 * header->tlvs_len + (header->paths ? 2 * (PROXY_PATH_MAX + 1) : 0);
}

/* Copies a text to *free and moves that on. NULL: it could be taken for another, or ruins what it is printed on. */
static const char *keep(uint8_t **free_at, const uint8_t *text, size_t len)
{
	char checked[PROXY_HEADER_MAX + 1];
	char *kept = (char *)*free_at;

	if (escape_controls(checked, sizeof(checked), text, len) != len || memcmp(checked, text, len) != 0)
		return NULL;
	memcpy(kept, text, len);
	kept[len] = '\0';
	*free_at += len + 1;
	return kept;
}

/* The first that there is. */
static const char *keep_tlv(uint8_t **free_at, const uint8_t *tlvs, size_t len, enum proxy_tlv_type type)
{
	struct proxy_tlv tlv;

	return proxy_tlv_find(tlvs, len, type, 0, &tlv) ? keep(free_at, tlv.value, tlv.len) : NULL;
}

static const char *keep_path(uint8_t **free_at, const uint8_t *path)
{
	uint8_t name[PROXY_PATH_MAX];
	size_t len = path[0] ? strnlen((const char *)path, PROXY_PATH_MAX) : PROXY_PATH_MAX;

	memcpy(name, path, len);
	if (!path[0]) {
		/* How long an abstract name is, nothing says: zeros at its end are filling. */
		while (len > 0 && !name[len - 1])
			len--;
		name[0] = '@';
	}
	return len > 0 ? keep(free_at, name, len) : NULL;
}

static void show_tls(struct proxy_told *told, uint8_t **free_at)
{
	struct proxy_tlv tlv;

	if (!proxy_tlv_find(told->bytes, told->tlvs_len, PROXY_TLV_SSL, 0, &tlv) ||
	    !(tlv.value[0] & PROXY_SSL_TLS))
		return;
	static const uint8_t good[4];
	const uint8_t *inside = tlv.value + PROXY_SSL_HEAD;
	size_t len = tlv.len - PROXY_SSL_HEAD;
	bool certificate = tlv.value[0] & (PROXY_SSL_CERTIFICATE | PROXY_SSL_SESSION_CERTIFICATE);

	told->tls = (struct plait_proxy_tls){
		.certificate = certificate,
		.verified = certificate && memcmp(tlv.value + 1, good, sizeof(good)) == 0,
		.version = keep_tlv(free_at, inside, len, PROXY_TLV_SSL_VERSION),
		.cipher = keep_tlv(free_at, inside, len, PROXY_TLV_SSL_CIPHER),
		.common_name = keep_tlv(free_at, inside, len, PROXY_TLV_SSL_CN),
		.signature = keep_tlv(free_at, inside, len, PROXY_TLV_SSL_SIG_ALG),
		.key = keep_tlv(free_at, inside, len, PROXY_TLV_SSL_KEY_ALG),
	};
	told->shown.tls = &told->tls;
}

struct proxy_told *proxy_told_new(const struct proxy_header *header, const uint8_t *data)
{
	struct proxy_told *told = malloc(sizeof(*told) + room_for(header));
	struct proxy_tlv id;

	if (!told)
		return NULL;
	*told = (struct proxy_told){
		.shown = { .version = header->version, .addressed = header->addressed },
		.source = header->source,
		.destination = header->destination,
		.tlvs_len = header->tlvs_len,
	};
	if (header->tlvs_len > 0)
		memcpy(told->bytes, data + header->tlvs, header->tlvs_len);
	uint8_t *free_at = told->bytes + told->tlvs_len;
	if (proxy_tlv_find(told->bytes, told->tlvs_len, PROXY_TLV_UNIQUE_ID, 0, &id)) {
		told->shown.unique_id = id.value;
		told->shown.unique_id_len = id.len;
	}
	told->shown.authority = keep_tlv(&free_at, told->bytes, told->tlvs_len, PROXY_TLV_AUTHORITY);
	told->shown.alpn = keep_tlv(&free_at, told->bytes, told->tlvs_len, PROXY_TLV_ALPN);
	told->shown.netns = keep_tlv(&free_at, told->bytes, told->tlvs_len, PROXY_TLV_NETNS);
	show_tls(told, &free_at);
	if (header->paths) {
		told->shown.source_path = keep_path(&free_at, data + header->paths);
		told->shown.destination_path = keep_path(&free_at, data + header->paths + PROXY_PATH_MAX);
	}
	return told;
}

const void *plait_proxy_tlv(const struct plait_proxy *proxy, unsigned type, unsigned number, size_t *len)
{
	const struct proxy_told *told = CONTAINER_OF(proxy, const struct proxy_told, shown);
	struct proxy_tlv tlv;

	if (!proxy_tlv_find(told->bytes, told->tlvs_len, type, number, &tlv))
		return NULL;
	*len = tlv.len;
	return tlv.value;
}
