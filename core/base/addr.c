/* Addresses: as text, compared, and to and from the sockets API. */
#include "core/base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "core/base/escape.h"

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

const char *plait_addr_format(const struct plait_addr *addr, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "";
	char scope[16] = "";

	switch (addr->family) {
	case PLAIT_FAMILY_IPV4:
		inet_ntop(AF_INET, addr->u.bytes, host, sizeof(host));
		snprintf(text, size, "%s:%u", host, addr->port);
		break;
	case PLAIT_FAMILY_IPV6:
		inet_ntop(AF_INET6, addr->u.bytes, host, sizeof(host));
		if (addr->scope)
			snprintf(scope, sizeof(scope), "%%%u", (unsigned)addr->scope);
		snprintf(text, size, "[%s%s]:%u", host, scope, addr->port);
		break;
	case PLAIT_FAMILY_UNIX:
		if (addr->u.peer.pid)
			snprintf(text, size, "unix(pid %u, uid %u)", (unsigned)addr->u.peer.pid,
				 (unsigned)addr->u.peer.uid);
		else
			snprintf(text, size, "unix");
		break;
	default: snprintf(text, size, "unknown");
	}
	return text;
}

bool plait_addr_same_host(const struct plait_addr *a, const struct plait_addr *b)
{
	if (a->family != b->family)
		return false;
	switch (a->family) {
	case PLAIT_FAMILY_IPV4: return !memcmp(a->u.bytes, b->u.bytes, 4);
	case PLAIT_FAMILY_IPV6: return a->scope == b->scope && !memcmp(a->u.bytes, b->u.bytes, 16);
	default: return a->family == PLAIT_FAMILY_UNIX; /* always this host */
	}
}

bool plait_addr_equal(const struct plait_addr *a, const struct plait_addr *b)
{
	if (a->family == PLAIT_FAMILY_UNIX && b->family == PLAIT_FAMILY_UNIX)
		return a->u.peer.pid == b->u.peer.pid && a->u.peer.uid == b->u.peer.uid &&
		       a->u.peer.gid == b->u.peer.gid;
	return plait_addr_same_host(a, b) && a->port == b->port;
}

static void from_ipv6(const struct sockaddr_in6 *in6, struct plait_addr *out)
{
	const uint8_t *bytes = in6->sin6_addr.s6_addr;

	out->port = ntohs(in6->sin6_port);
	if (!memcmp(bytes, mapped_prefix, sizeof(mapped_prefix))) {
		out->family = PLAIT_FAMILY_IPV4;
		memcpy(out->u.bytes, bytes + sizeof(mapped_prefix), 4);
		return;
	}
	out->family = PLAIT_FAMILY_IPV6;
	out->scope = in6->sin6_scope_id;
	memcpy(out->u.bytes, bytes, 16);
}

void addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct plait_addr *out)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	sa_family_t family;

	memset(out, 0, sizeof(*out));
	if (!sa || len < sizeof(family))
		return;
	memcpy(&family, sa, sizeof(family));
	if (family == AF_INET && len >= sizeof(in)) {
		memcpy(&in, sa, sizeof(in));
		out->family = PLAIT_FAMILY_IPV4;
		out->port = ntohs(in.sin_port);
		memcpy(out->u.bytes, &in.sin_addr, 4);
	} else if (family == AF_INET6 && len >= sizeof(in6)) {
		memcpy(&in6, sa, sizeof(in6));
		from_ipv6(&in6, out);
	} else if (family == AF_UNIX) {
		out->family = PLAIT_FAMILY_UNIX;
	}
}

socklen_t addr_to_sockaddr(const struct plait_addr *addr, int family, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (family == AF_INET && addr->family == PLAIT_FAMILY_IPV4) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(addr->port) };

		memcpy(&in.sin_addr, addr->u.bytes, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (family == AF_INET6 && (addr->family == PLAIT_FAMILY_IPV4 || addr->family == PLAIT_FAMILY_IPV6)) {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(addr->port) };

		if (addr->family == PLAIT_FAMILY_IPV6) {
			in6.sin6_scope_id = addr->scope;
			memcpy(in6.sin6_addr.s6_addr, addr->u.bytes, 16);
		} else {
			memcpy(in6.sin6_addr.s6_addr, mapped_prefix, sizeof(mapped_prefix));
			memcpy(in6.sin6_addr.s6_addr + sizeof(mapped_prefix), addr->u.bytes, 4);
		}
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

/* What follows the percent sign: a number or a name. 0: neither. */
static uint32_t scope_from_text(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text >= '0' && *text <= '9' && !*end)
		return number <= UINT32_MAX ? (uint32_t)number : 0;
	return if_nametoindex(text);
}

int addr_from_host(const char *host, struct plait_addr *out)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	size_t len = strcspn(host, "%");
	char bare[INET6_ADDRSTRLEN];

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, host, out->u.bytes) == 1) {
		out->family = PLAIT_FAMILY_IPV4;
		return 0;
	}
	if (len >= sizeof(bare))
		return -1;
	memcpy(bare, host, len);
	bare[len] = '\0';
	if (inet_pton(AF_INET6, bare, &in6.sin6_addr) != 1)
		return -1;
	if (host[len]) {
		in6.sin6_scope_id = scope_from_text(host + len + 1);
		if (in6.sin6_scope_id == 0)
			return -1;
	}
	from_ipv6(&in6, out);
	return 0;
}

/* The port at the end, behind a colon; -1: there is none. */
static int port_from_text(const char *text)
{
	if (*text != ':')
		return -1;
	size_t digits = strspn(text + 1, "0123456789");
	unsigned long port = strtoul(text + 1, NULL, 10);

	return digits > 0 && digits <= 5 && !text[1 + digits] && port <= UINT16_MAX ? (int)port : -1;
}

/* Cuts text into a host, without brackets, and a port. False when it has another form. */
static bool cut(const char *text, char *host, size_t size, int *port)
{
	const char *begin = text + (*text == '['), *end = strrchr(begin, *text == '[' ? ']' : ':');
	if (!end || (size_t)(end - begin) >= size)
		return false;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = '\0';
	*port = port_from_text(end + (*text == '['));
	/* colons belong into brackets, and nothing else does */
	return *port >= 0 && (*text == '[') == (strchr(host, ':') != NULL);
}

int plait_addr_parse(const char *text, struct plait_addr *addr, struct plait_error *error)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE], found[128];
	int port = 0;

	if (cut(text, host, sizeof(host), &port) && addr_from_host(host, addr) == 0) {
		addr->port = (uint16_t)port;
		return 0;
	}
	memset(addr, 0, sizeof(*addr));
	escape_text(found, sizeof(found), text, strnlen(text, sizeof(found)));
	return plait_error_set(
		error, PLAIT_ERROR_INVALID, NULL,
		"found \"%s\"; expected an address and a port, such as \"192.0.2.1:80\", \"[2001:db8::1]:80\" or "
		"\"[fe80::1%%eth0]:80\"",
		found);
}
