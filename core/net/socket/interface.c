/* Network interfaces: found by name, number or address. */
#include "core/net/socket/interface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/escape.h"

/* 0: nobody has it. */
static unsigned index_of_address(struct plait_addr wanted)
{
	struct ifaddrs *all = NULL;
	unsigned index = 0;
	if (getifaddrs(&all) < 0)
		return 0;
	for (const struct ifaddrs *one = all; one && index == 0; one = one->ifa_next) {
		struct plait_addr addr;
		addr_from_sockaddr(one->ifa_addr, sizeof(struct sockaddr_in6), &addr);
		if (wanted.scope == 0)
			addr.scope = 0;
		if (addr.family != PLAIT_FAMILY_NONE && plait_addr_same_host(&addr, &wanted))
			index = if_nametoindex(one->ifa_name);
	}
	freeifaddrs(all);
	return index;
}

/* 0: there is none. */
static unsigned index_of_number(const char *text)
{
	char name[IF_NAMESIZE], *end;
	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	return errno == 0 && !*end && number <= UINT32_MAX && if_indextoname((unsigned)number, name)
		       ? (unsigned)number
		       : 0;
}

int interface_find(const char *text, struct interface *out, struct plait_error *error)
{
	char found[128];
	*out = (struct interface){ 0 };
	if (!text || !*text)
		return 0;
	out->index = if_nametoindex(text);
	if (out->index == 0 && addr_from_host(text, &out->addr) == 0)
		out->index = index_of_address(out->addr);
	else if (out->index == 0)
		out->index = index_of_number(text);
	if (out->index > 0)
		return 0;
	escape_text(found, sizeof(found), text, strnlen(text, sizeof(found)));
	return plait_error_set(
		error, PLAIT_ERROR_MISSING, NULL,
		"there is no interface \"%s\"; expected a name such as \"eth0\", a number, or an "
		"address of this machine",
		found);
}
