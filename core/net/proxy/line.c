/* The PROXY protocol's version 1: a line of text. */
#include <arpa/inet.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/net/proxy/header.h"

/* What is left of a line. */
struct line {
	const char *at;
	size_t len;
};

/* Takes what is before the next blank, or the last word, into out as a string. False: there is none, or it is longer than
 * any that is good. */
static bool take_word(struct line *line, bool last, char *out, size_t size)
{
	const char *blank = memchr(line->at, ' ', line->len);
	size_t len = blank ? (size_t)(blank - line->at) : line->len;

	if (!blank != last || len == 0 || len >= size || memchr(line->at, '\0', len))
		return false;
	memcpy(out, line->at, len);
	out[len] = '\0';
	line->at += len + !last;
	line->len -= len + !last;
	return true;
}

/* The C library's reading is as strict as the specification's: four decimal numbers without leading zeros; of IPv6, groups of
 * up to four digits and one double colon at most, 128 bits in all. It also takes "::ffff:192.0.2.1", as proxies write what
 * came to a socket of both families. */
static bool take_address(struct line *line, int family, struct plait_addr *addr)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} sa = { .in6 = { .sin6_family = (sa_family_t)family } };
	void *to = family == AF_INET ? (void *)&sa.in.sin_addr : (void *)&sa.in6.sin6_addr;
	char word[INET6_ADDRSTRLEN];

	if (!take_word(line, false, word, sizeof(word)) || inet_pton(family, word, to) != 1)
		return false;
	addr_from_sockaddr(&sa.any, sizeof(sa), addr);
	return true;
}

static bool take_port(struct line *line, bool last, uint16_t *port)
{
	char word[sizeof("65535")];
	unsigned number = 0;

	if (!take_word(line, last, word, sizeof(word)) || (word[0] == '0' && word[1]))
		return false;
	for (const char *at = word; *at; at++) {
		if (*at < '0' || *at > '9')
			return false;
		number = number * 10 + (unsigned)(*at - '0');
	}
	*port = (uint16_t)number;
	return number <= UINT16_MAX;
}

static enum proxy_verdict read_inet(struct line line, int family, struct proxy_header *header)
{
	if (!take_address(&line, family, &header->source) ||
	    !take_address(&line, family, &header->destination))
		return proxy_broken(header, "an address is not good, or not of the family that is announced");
	if (!take_port(&line, false, &header->source.port) ||
	    !take_port(&line, true, &header->destination.port))
		return proxy_broken(header, "a port is not good, or more follows than two");
	header->addressed = true;
	return PROXY_DONE;
}

/* Without its CRLF. */
static enum proxy_verdict read_words(struct line line, struct proxy_header *header)
{
	char word[sizeof("UNKNOWN")];
	struct line known = line;

	/* What follows that is to be ignored, whatever it is. */
	if (line.len >= 7 && memcmp(line.at, "UNKNOWN", 7) == 0 && (line.len == 7 || line.at[7] == ' '))
		return PROXY_DONE;
	if (take_word(&known, false, word, sizeof(word))) {
		if (strcmp(word, "TCP4") == 0)
			return read_inet(known, AF_INET, header);
		if (strcmp(word, "TCP6") == 0)
			return read_inet(known, AF_INET6, header);
	}
	return proxy_broken(header, "the family is none of TCP4, TCP6 and UNKNOWN");
}

enum proxy_verdict proxy_line_read(const uint8_t *data, size_t len, struct proxy_header *header)
{
	static const char start[] = "PROXY ";
	const size_t skip = sizeof(start) - 1;
	size_t most = len < PROXY_LINE_MAX ? len : PROXY_LINE_MAX;

	header->version = 1;
	if (len < skip)
		return PROXY_MORE;
	if (memcmp(data, start, skip) != 0)
		return proxy_broken(header, "no blank follows PROXY");
	/* Who ends it by LF alone is told at once; behind UNKNOWN anything may stand. */
	const uint8_t *feed = memchr(data, '\n', most), *end = memmem(data, most, "\r\n", 2);
	bool unknown = most >= skip + 7 && memcmp(data + skip, "UNKNOWN", 7) == 0;
	if (feed && feed[-1] != '\r' && !unknown)
		return proxy_broken(header, "it ends without a CR");
	if (end) {
		header->len = (size_t)(end - data) + 2;
		return read_words((struct line){ (const char *)data + skip, header->len - 2 - skip }, header);
	}
	return len < PROXY_LINE_MAX ? PROXY_MORE
				    : proxy_broken(header, "no CRLF is among the first 107 bytes");
}
