/* Sets of addresses, written as CIDR blocks: the first block that holds an address says whether it is in. Looking up costs a
 * binary search, whatever the number of blocks. */
#ifndef POLICY_CIDR_H
#define POLICY_CIDR_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/network.h"

struct cidr {
	struct network network; /* of no family: every address */
	bool except;            /* what it holds is not in */
};

/* "192.0.2.0/24", "2001:db8::/32", an address alone, or "all"; with "!" before it, an exception. Mapped IPv4 becomes IPv4. 0,
 * or PLAIT_ERROR_INVALID with error filled. */
int cidr_parse(const char *text, struct cidr *out, struct plait_error *error);

struct cidr_set;

struct cidr_set *cidr_set_new(void); /* NULL: no memory */
void cidr_set_free(struct cidr_set **set);

/* Those that are added first come first. 0, or -1: no memory. */
int cidr_set_add(struct cidr_set *set, const struct cidr *cidr);
size_t cidr_set_count(const struct cidr_set *set);

/* Once, after the last block; lookups follow. 0, or -1: no memory. */
int cidr_set_compile(struct cidr_set *set);

/* Other families than IPv4 and IPv6 are in no set. Any thread. */
bool cidr_set_has(const struct cidr_set *set, const struct plait_addr *addr);

/* Whether both hold the same addresses. */
bool cidr_set_same(const struct cidr_set *a, const struct cidr_set *b);

#endif
