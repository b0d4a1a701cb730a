/* The PROXY protocol's version 2: a head of 16 bytes, addresses, additions. */
#include <netinet/in.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/net/proxy/header.h"
#include "core/net/proxy/tlv.h"

#define HEAD 16

enum { COMMAND_LOCAL, COMMAND_PROXY };

static void read_ipv4(const uint8_t *bytes, struct proxy_header *header)
{
	struct sockaddr_in source = { .sin_family = AF_INET }, destination = source;

	memcpy(&source.sin_addr, bytes, 4);
	memcpy(&destination.sin_addr, bytes + 4, 4);
	memcpy(&source.sin_port, bytes + 8, 2);
	memcpy(&destination.sin_port, bytes + 10, 2);
	addr_from_sockaddr((struct sockaddr *)&source, sizeof(source), &header->source);
	addr_from_sockaddr((struct sockaddr *)&destination, sizeof(destination), &header->destination);
}

static void read_ipv6(const uint8_t *bytes, struct proxy_header *header)
{
	struct sockaddr_in6 source = { .sin6_family = AF_INET6 }, destination = source;

	memcpy(&source.sin6_addr, bytes, 16);
	memcpy(&destination.sin6_addr, bytes + 16, 16);
	memcpy(&source.sin6_port, bytes + 32, 2);
	memcpy(&destination.sin6_port, bytes + 34, 2);
	addr_from_sockaddr((struct sockaddr *)&source, sizeof(source), &header->source);
	addr_from_sockaddr((struct sockaddr *)&destination, sizeof(destination), &header->destination);
}

static void read_unix(const uint8_t *bytes, struct proxy_header *header)
{
	(void)bytes;
	header->source.family = header->destination.family = PLAIT_FAMILY_UNIX;
	header->paths = HEAD;
}

/* The seven pairs of a family and a transport that the specification expects. Of half a pair, as 0x10, nobody could say how
 * long its addresses are. */
static const struct kind {
	uint8_t pair;
	size_t size;                                                     /* of both addresses */
	void (*read)(const uint8_t *bytes, struct proxy_header *header); /* NULL: no stream has them */
} kinds[] = {
	{ 0x00, 0, NULL },
	{ 0x11, 12, read_ipv4 },
	{ 0x12, 12, NULL },
	{ 0x21, 36, read_ipv6 },
	{ 0x22, 36, NULL },
	{ 0x31, 2 * PROXY_PATH_MAX, read_unix },
	{ 0x32, 2 * PROXY_PATH_MAX, NULL },
};

static const struct kind *find_kind(uint8_t pair)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].pair == pair)
			return &kinds[i];
	}
	return NULL;
}

/* NULL: it is good as far as it is there. */
static const char *head_fault(const uint8_t *data, size_t len)
{
	bool local = len > 12 && (data[12] & 15) == COMMAND_LOCAL;
	const struct kind *kind = len > 13 ? find_kind(data[13]) : NULL;

	if (len > 12 && data[12] >> 4 != 2)
		return "the version is neither 1 nor 2";
	if (len > 12 && (data[12] & 15) > COMMAND_PROXY)
		return "the command is neither LOCAL nor PROXY";
	/* LOCAL's family is to be ignored. */
	if (len > 13 && !local && !kind)
		return "the family and the transport are none that there are";
	if (len < HEAD)
		return NULL;
	size_t rest = (size_t)data[14] << 8 | data[15];
	if (rest > PROXY_HEADER_MAX - HEAD)
		return "it is longer than 4096 bytes";
	return !local && rest < kind->size ? "it is too short for its addresses" : NULL;
}

enum proxy_verdict proxy_binary_read(const uint8_t *data, size_t len, struct proxy_header *header)
{
	header->version = 2;
	header->fault = head_fault(data, len);
	if (header->fault)
		return PROXY_BROKEN;
	size_t all = len < HEAD ? HEAD : HEAD + ((size_t)data[14] << 8 | data[15]);
	if (len < HEAD || len < all)
		return PROXY_MORE;
	header->len = all;
	if ((data[12] & 15) == COMMAND_LOCAL) /* all that follows is to be passed over */
		return PROXY_DONE;
	const struct kind *kind = find_kind(data[13]);
	header->tlvs = HEAD + kind->size;
	header->tlvs_len = all - header->tlvs;
	header->fault = proxy_tlv_fault(data, header->tlvs, all);
	if (header->fault)
		return PROXY_BROKEN;
	header->addressed = kind->read != NULL;
	if (kind->read)
		kind->read(data + HEAD, header);
	return PROXY_DONE;
}
