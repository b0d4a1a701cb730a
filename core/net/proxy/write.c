/* Writing a PROXY header. */
#include "core/net/proxy/write.h"

#include <netinet/in.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/net/proxy/crc32c.h"
#include "core/net/proxy/tlv.h"

enum { LOCAL = 0x20, PROXY = 0x21 };

struct writer {
	uint8_t *bytes;
	size_t len;
};

static void add(struct writer *writer, const void *data, size_t len)
{
	memcpy(writer->bytes + writer->len, data, len);
	writer->len += len;
}

static void add_port(struct writer *writer, uint16_t port)
{
	uint16_t there = htons(port);
	add(writer, &there, sizeof(there));
}

static void add_tlv(struct writer *writer, enum proxy_tlv_type type, const void *data, size_t len)
{
	const uint8_t head[PROXY_TLV_HEAD] = { (uint8_t)type, (uint8_t)(len >> 8), (uint8_t)len };
	add(writer, head, sizeof(head));
	add(writer, data, len);
}

static bool is_inet(const struct plait_addr *addr)
{
	return addr->family == PLAIT_FAMILY_IPV4 || addr->family == PLAIT_FAMILY_IPV6;
}

static void add_ipv6(struct writer *writer, const struct plait_addr *addr)
{
	struct sockaddr_storage sa;
	addr_to_sockaddr(addr, AF_INET6, &sa);
	add(writer, &((const struct sockaddr_in6 *)&sa)->sin6_addr, 16);
}

/* With the bytes of the head that tell of them. */
static void add_addresses(struct writer *writer, const struct plait_proxy_send *send)
{
	const struct plait_addr *source = &send->source, *destination = &send->destination;
	uint8_t *head = writer->bytes + PROXY_SIGNATURE_LEN;
	head[0] = source->family == PLAIT_FAMILY_NONE ? LOCAL : PROXY;
	head[1] = 0;
	if (!is_inet(source))
		return;
	if (source->family == PLAIT_FAMILY_IPV4 && destination->family == PLAIT_FAMILY_IPV4) {
		head[1] = 0x11;
		add(writer, source->u.bytes, 4);
		add(writer, destination->u.bytes, 4);
	} else {
		head[1] = 0x21;
		add_ipv6(writer, source);
		add_ipv6(writer, destination);
	}
	add_port(writer, source->port);
	add_port(writer, destination->port);
}

static void set_length(const struct writer *writer)
{
	size_t rest = writer->len - 16;
	writer->bytes[14] = (uint8_t)(rest >> 8);
	writer->bytes[15] = (uint8_t)rest;
}

/* The last of all: it is of the whole header, its own bytes zero. */
static void add_checksum(struct writer *writer)
{
	add_tlv(writer, PROXY_TLV_CRC32C, "\0\0\0", 4);
	set_length(writer);
	uint32_t sum = htonl(crc32c(0, writer->bytes, writer->len));
	memcpy(writer->bytes + writer->len - 4, &sum, 4);
}

static const char *fault_of(const struct plait_proxy_send *send)
{
	bool same = send->source.family == send->destination.family;
	if (!same && !(is_inet(&send->source) && is_inet(&send->destination)))
		return "a PROXY header's source and destination are both of IPv4 or IPv6, or both of neither";
	if (send->unique_id_len > PROXY_UNIQUE_ID_MAX)
		return "a PROXY header's unique id has at most 128 bytes";
	if (send->authority && strlen(send->authority) > PROXY_AUTHORITY_MAX)
		return "a PROXY header's authority has at most 255 bytes";
	return NULL;
}

int proxy_header_write(const struct plait_proxy_send *send, uint8_t out[PROXY_WRITTEN_MAX],
		       struct plait_error *error)
{
	const char *fault = fault_of(send);
	struct writer writer = { out, 16 };
	if (fault)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "%s", fault);
	memcpy(out, PROXY_SIGNATURE, PROXY_SIGNATURE_LEN);
	add_addresses(&writer, send);
	if (send->authority)
		add_tlv(&writer, PROXY_TLV_AUTHORITY, send->authority, strlen(send->authority));
	if (send->unique_id_len > 0)
		add_tlv(&writer, PROXY_TLV_UNIQUE_ID, send->unique_id, send->unique_id_len);
	set_length(&writer);
	if (send->checksum)
		add_checksum(&writer);
	return (int)writer.len;
}
