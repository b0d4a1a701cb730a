/* Choosing connections. */
#include "core/server/control/select.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/stream_listener.h"

/* ---- networks ---- */

static bool read_bits(const char *text, unsigned most, unsigned *bits)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	*bits = (unsigned)value;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value <= most;
}

/* IPv4 behind ::ffff: is IPv4, as in all addresses of ours. */
static void unmap(struct network *network)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (network->bits < 96 || memcmp(network->bytes, mapped, sizeof(mapped)) != 0)
		return;
	memmove(network->bytes, network->bytes + 12, 4);
	network->family = PLAIT_FAMILY_IPV4;
	network->bits -= 96;
}

static bool read_network(const char *text, struct network *network)
{
	char host[64];
	const char *slash = strchr(text, '/');
	snprintf(host, sizeof(host), "%.*s", slash ? (int)(slash - text) : (int)sizeof(host) - 1, text);
	*network = (struct network){ 0 };
	if (inet_pton(AF_INET, host, network->bytes) == 1)
		network->family = PLAIT_FAMILY_IPV4;
	else if (inet_pton(AF_INET6, host, network->bytes) == 1)
		network->family = PLAIT_FAMILY_IPV6;
	else
		return false;
	network->bits = network->family == PLAIT_FAMILY_IPV4 ? 32 : 128;
	if (slash && !read_bits(slash + 1, network->bits, &network->bits))
		return false;
	if (network->family == PLAIT_FAMILY_IPV6)
		unmap(network);
	return true;
}

static bool holds(const struct network *network, const struct plait_addr *addr)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);
	if (network->family == PLAIT_FAMILY_NONE)
		return true;
	return addr->family == network->family && memcmp(addr->u.bytes, network->bytes, whole) == 0 &&
	       (rest == 0 || ((addr->u.bytes[whole] ^ network->bytes[whole]) & mask) == 0);
}

/* ---- connections ---- */

bool selector_init(struct selector *selector, const struct select *select)
{
	*selector = (struct selector){ .id = (uint64_t)select->id, .state = select->state };
	if (select->listener)
		snprintf(selector->listener, sizeof(selector->listener), "%s", select->listener);
	return !select->peer || read_network(select->peer, &selector->network);
}

bool selector_takes(const struct selector *selector, const struct plait_conn *conn)
{
	return conn->state != CONN_CLOSED && reception_has(conn) &&
	       (selector->id == 0 || conn->id == selector->id) &&
	       (!selector->listener[0] || strcmp(selector->listener, conn->factory->name) == 0) &&
	       (selector->state == SELECT_ANY_STATE || selector->state == conn->state) &&
	       holds(&selector->network, &conn->peer);
}

static uint64_t idle_ms(struct plait_conn *conn)
{
	uint64_t now = loop_now(conn->loop);
	return now > conn->active_ms ? now - conn->active_ms : 0;
}

static uint64_t age_s(struct plait_conn *conn)
{
	return conn_age_s(conn);
}

static uint64_t bytes(struct plait_conn *conn)
{
	return conn->bytes_in + conn->bytes_out;
}

static uint64_t queued(struct plait_conn *conn)
{
	return plait_conn_queued(conn);
}

static uint64_t (*const keys[SELECT_ORDERS])(struct plait_conn *conn) = {
	[SELECT_BY_AGE] = age_s,
	[SELECT_BY_IDLE] = idle_ms,
	[SELECT_BY_BYTES] = bytes,
	[SELECT_BY_QUEUED] = queued,
};

uint64_t selector_key(const struct selector *selector, struct plait_conn *conn)
{
	return keys[selector->order](conn);
}

/* A heap whose top is the smallest: what a larger one replaces. */
struct entry {
	uint64_t key;
	struct plait_conn *conn;
};

static void sink(struct entry *heap, size_t count, size_t at)
{
	for (;;) {
		size_t least = at, left = 2 * at + 1, right = left + 1;
		if (left < count && heap[left].key < heap[least].key)
			least = left;
		if (right < count && heap[right].key < heap[least].key)
			least = right;
		if (least == at)
			return;
		struct entry entry = heap[at];
		heap[at] = heap[least];
		heap[least] = entry;
		at = least;
	}
}

static void rise(struct entry *heap, size_t at)
{
	for (size_t above; at > 0 && heap[at].key < heap[above = (at - 1) / 2].key; at = above) {
		struct entry entry = heap[at];
		heap[at] = heap[above];
		heap[above] = entry;
	}
}

size_t selector_find(const struct selector *selector, struct plait_loop *loop, struct plait_conn **found,
		     uint64_t *matched)
{
	struct entry heap[SELECT_MOST];
	size_t count = 0, limit = selector->limit < SELECT_MOST ? selector->limit : SELECT_MOST;
	*matched = 0;
	for (struct plait_conn *conn = loop->net->conns; conn; conn = conn->next) {
		if (!selector_takes(selector, conn))
			continue;
		struct entry entry = { selector_key(selector, conn), conn };
		(*matched)++;
		if (count < limit) {
			heap[count] = entry;
			rise(heap, count++);
		} else if (limit > 0 && entry.key > heap[0].key) {
			heap[0] = entry;
			sink(heap, count, 0);
		}
	}
	for (size_t i = 0; i < count; i++)
		found[i] = heap[i].conn;
	return count;
}
