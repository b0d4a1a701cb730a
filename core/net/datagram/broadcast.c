/* Broadcast addresses: those of the interfaces' networks, read again when they may have changed. */
#include "core/net/datagram/broadcast.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/net/net.h"

#define BROADCASTS_MAX 256
#define FRESH_MS 1000

struct broadcasts {
	uint64_t read_ms;
	unsigned count;
	in_addr_t items[BROADCASTS_MAX];
};

void broadcasts_free(struct broadcasts **broadcasts)
{
	free(*broadcasts);
	*broadcasts = NULL;
}

static in_addr_t ipv4_of(const struct sockaddr *sa)
{
	struct sockaddr_in in;
	memcpy(&in, sa, sizeof(in));
	return in.sin_addr.s_addr;
}

/* Loopback has one without saying so: it is told from the network's mask. */
static void read_interfaces(struct broadcasts *broadcasts)
{
	struct ifaddrs *all = NULL;
	broadcasts->count = 0;
	if (getifaddrs(&all) < 0)
		return; /* the kernel refuses what we let pass */
	for (const struct ifaddrs *one = all; one && broadcasts->count < BROADCASTS_MAX;
	     one = one->ifa_next) {
		if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || !one->ifa_netmask)
			continue;
		in_addr_t hosts = ~ipv4_of(one->ifa_netmask);
		if (ntohl(hosts) >= 3)
			broadcasts->items[broadcasts->count++] = ipv4_of(one->ifa_addr) | hosts;
	}
	freeifaddrs(all);
}

static const struct broadcasts *broadcasts_of(struct plait_loop *loop)
{
	struct broadcasts *broadcasts = loop->net->broadcasts;
	bool fresh = broadcasts && loop_now(loop) - broadcasts->read_ms < FRESH_MS;
	if (fresh)
		return broadcasts;
	if (!broadcasts)
		broadcasts = loop->net->broadcasts = alloc_zeroed(sizeof(*broadcasts), "broadcast addresses");
	broadcasts->read_ms = loop_now(loop);
	read_interfaces(broadcasts);
	return broadcasts;
}

bool broadcast_known(struct plait_loop *loop, const struct plait_addr *addr)
{
	in_addr_t wanted;
	memcpy(&wanted, addr->u.bytes, sizeof(wanted));
	if (wanted == htonl(INADDR_BROADCAST))
		return true;
	const struct broadcasts *broadcasts = broadcasts_of(loop);
	for (unsigned i = 0; i < broadcasts->count; i++) {
		if (broadcasts->items[i] == wanted)
			return true;
	}
	return false;
}
