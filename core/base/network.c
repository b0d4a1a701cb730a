/* Networks: read, and asked whether an address is in one. */
#include "core/base/network.h"

#include <string.h>

#include "core/base/addr.h"
#include "core/base/escape.h"

#define MAPPED_BITS 96

const char network_form[] = "a network, such as \"10.0.0.0/8\" or \"2001:db8::/32\", an address, or \"unix\"";

/* -1: it is no number of up to three digits, or begins with a zero that means nothing. */
static int read_bits(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int number = 0;

	if (digits == 0 || digits > 3 || text[digits] || (digits > 1 && *text == '0'))
		return -1;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (text[i] - '0');
	return number;
}

unsigned network_width(uint8_t family)
{
	return family == PLAIT_FAMILY_IPV4 ? 32 : 128;
}

/* Whether only the first of the bytes' bits are set. */
static bool ends_at(const uint8_t *bytes, unsigned bits, unsigned most)
{
	for (unsigned i = bits; i < most; i++) {
		if (bytes[i / 8] & (0x80u >> (i % 8)))
			return false;
	}
	return true;
}

const char *network_read(const char *text, struct network *network)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct plait_addr addr;
	char host[64];

	*network = (struct network){ 0 };
	if (strcmp(text, "unix") == 0) {
		network->family = PLAIT_FAMILY_UNIX;
		return NULL;
	}
	if (len >= sizeof(host))
		return network_form;
	memcpy(host, text, len);
	host[len] = '\0';
	if (addr_from_host(host, &addr) < 0 || addr.scope)
		return network_form;
	int most = (int)network_width(addr.family), bits = slash ? read_bits(slash + 1) : most;
	/* A prefix of an IPv4-mapped address counts the bits before it. */
	int before = slash && addr.family == PLAIT_FAMILY_IPV4 && strchr(host, ':') ? MAPPED_BITS : 0;
	if (bits < 0 || bits > most + before)
		return most + before == 32 ? "a prefix of 0 to 32 bits" : "a prefix of 0 to 128 bits";
	if (bits < before)
		return "a prefix of 96 bits or more behind a mapped IPv4 address";
	bits -= before;
	if (!ends_at(addr.u.bytes, (unsigned)bits, (unsigned)most))
		return "an address with no bits behind its prefix: zero those, or give a longer prefix";
	network->family = addr.family;
	network->bits = (uint8_t)bits;
	memcpy(network->bytes, addr.u.bytes, (size_t)most / 8);
	return NULL;
}

int network_parse(const char *text, struct network *network, struct plait_error *error)
{
	const char *expected = network_read(text, network);
	char found[128];

	if (!expected)
		return 0;
	escape_text(found, sizeof(found), text, strnlen(text, sizeof(found)));
	return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "found \"%s\"; expected %s", found,
			       expected);
}

bool network_has(const struct network *network, const struct plait_addr *addr)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (network->family != addr->family || addr->family == PLAIT_FAMILY_NONE)
		return false;
	if (memcmp(network->bytes, addr->u.bytes, whole) != 0)
		return false;
	return rest == 0 || (network->bytes[whole] ^ addr->u.bytes[whole]) >> (8 - rest) == 0;
}

bool networks_have(const struct network *networks, size_t count, const struct plait_addr *addr)
{
	for (size_t i = 0; i < count; i++) {
		if (network_has(&networks[i], addr))
			return true;
	}
	return false;
}
