/* Networks: an address and how many of its bits count, "10.0.0.0/8". */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <plait/addr.h>

/* All zero: no network, which has nobody in it. */
struct network {
	uint8_t family; /* enum plait_family */
	uint8_t bits;   /* of IPv4 at most 32, of IPv6 128; of UNIX 0 */
	uint8_t bytes[16];
};

/* Reads "10.0.0.0/8", "2001:db8::/32", an address alone, or "unix": all peers of UNIX sockets. An IPv4-mapped network is
 * one of IPv4. Bits behind the prefix must be zero, for whoever sets them means something else. 0, or PLAIT_ERROR_INVALID
 * with error filled, which may be NULL. */
int network_parse(const char *text, struct network *network, struct plait_error *error);

/* The same for who has words of its own for what is no network at all. NULL, or what was expected: network_form, or a phrase
 * about the prefix. */
const char *network_read(const char *text, struct network *network);
extern const char network_form[];

/* 32 or 128. */
unsigned network_width(uint8_t family);

bool network_has(const struct network *network, const struct plait_addr *addr);

/* Whether one of them has it. */
bool networks_have(const struct network *networks, size_t count, const struct plait_addr *addr);

#endif
