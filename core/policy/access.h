/* Who may come: a list of those who may not, which goes first, and a list of those who may. */
#ifndef POLICY_ACCESS_H
#define POLICY_ACCESS_H

#include "core/net/factory.h"
#include "core/policy/cidr.h"

struct access {
	struct audience audience; /* for a datagram listener's factories */
	struct cidr_set *deny;    /* NULL: nobody */
	struct cidr_set *allow;   /* NULL: everybody else */
};

/* Takes the compiled sets over, also when it fails. NULL: no memory. */
struct access *access_new(struct cidr_set *deny, struct cidr_set *allow);
void access_free(struct access **access); /* NULL is allowed */

/* NULL: everybody may. Who has no address may, always. Any thread. */
bool access_allows(const struct access *access, const struct plait_addr *peer);

/* Whether both let in the same addresses; each may be NULL. */
bool access_same(const struct access *a, const struct access *b);

#endif
