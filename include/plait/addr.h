/* A network address by value: IPv4, IPv6 or the peer of a UNIX socket. Copy and compare it freely. */
#ifndef PLAIT_ADDR_H
#define PLAIT_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plait/abi.h>
#include <plait/error.h>

enum plait_family {
	PLAIT_FAMILY_NONE = 0,
	PLAIT_FAMILY_IPV4 = 4,
	PLAIT_FAMILY_IPV6 = 6, /* an IPv4-mapped IPv6 address is always stored as IPV4 */
	PLAIT_FAMILY_UNIX = 1,
};

/* Read it through the calls below; the members may grow a meaning, never a size. */
struct plait_addr {
	uint8_t family; /* enum plait_family */
	uint8_t reserved;
	uint16_t port;  /* host byte order; 0 for UNIX */
	uint32_t scope; /* IPv6 scope id */
	union {
		uint8_t bytes[16]; /* network byte order; IPv4 uses the first four */
		struct {
			uint32_t pid, uid,
				gid; /* of the process at the other end of a UNIX socket; 0 if unknown */
		} peer;
	} u;
};

#define PLAIT_ADDR_TEXT 80 /* enough for any text plait_addr_format writes, its NUL included */

/* Writes "127.0.0.1:80", "[::1]:80" or "unix(pid 12, uid 0)" into text and returns text. Any thread. */
PLAIT_EXPORT const char *plait_addr_format(const struct plait_addr *addr, char *text, size_t size);

/* Reads what plait_addr_format writes of IPv4 and IPv6: "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80". Nothing is looked
 * up, so names are refused. 0, or PLAIT_ERROR_INVALID with error (which may be NULL) filled. Any thread. */
PLAIT_EXPORT int plait_addr_parse(const char *text, struct plait_addr *addr, struct plait_error *error);

/* True when both are the same host and port. Any thread. */
PLAIT_EXPORT bool plait_addr_equal(const struct plait_addr *a, const struct plait_addr *b);

/* True when both are the same host, whatever the port. Any thread. */
PLAIT_EXPORT bool plait_addr_same_host(const struct plait_addr *a, const struct plait_addr *b);

#endif
