/* Who may come, by address. */
#include "core/policy/access.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/container.h"

static bool hears(const struct audience *audience, const struct plait_addr *from)
{
	return access_allows(CONTAINER_OF(audience, struct access, audience), from);
}

struct access *access_new(struct cidr_set *deny, struct cidr_set *allow)
{
	struct access *access = alloc_zeroed(sizeof(*access), "lists of addresses");
	*access = (struct access){ .audience = { .hears = hears }, .deny = deny, .allow = allow };
	return access;
}

void access_free(struct access **access_at)
{
	struct access *access = *access_at;
	*access_at = NULL;
	if (!access)
		return;
	cidr_set_free(&access->deny);
	cidr_set_free(&access->allow);
	free(access);
}

bool access_allows(const struct access *access, const struct plait_addr *peer)
{
	if (!access || (peer->family != PLAIT_FAMILY_IPV4 && peer->family != PLAIT_FAMILY_IPV6))
		return true;
	if (access->deny && cidr_set_has(access->deny, peer))
		return false;
	return !access->allow || cidr_set_has(access->allow, peer);
}

static bool same_set(const struct cidr_set *a, const struct cidr_set *b)
{
	return a && b ? cidr_set_same(a, b) : a == b;
}

bool access_same(const struct access *a, const struct access *b)
{
	static const struct access everybody;
	a = a ? a : &everybody;
	b = b ? b : &everybody;
	return same_set(a->deny, b->deny) && same_set(a->allow, b->allow);
}
