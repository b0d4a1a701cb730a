/* Choosing connections. */
#include "core/server/control/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/stream_listener.h"

bool selector_init(struct selector *selector, const struct select *select)
{
	*selector = (struct selector){ .id = (uint64_t)select->id, .state = select->state };
	if (select->listener)
		snprintf(selector->listener, sizeof(selector->listener), "%s", select->listener);
	selector->any_peer = !select->peer;
	return !select->peer || network_parse(select->peer, &selector->network, NULL) == 0;
}

bool selector_takes(const struct selector *selector, const struct plait_conn *conn)
{
	return conn->state != CONN_CLOSED && reception_has(conn) &&
	       (selector->id == 0 || conn->id == selector->id) &&
	       (!selector->listener[0] || strcmp(selector->listener, conn->factory->name) == 0) &&
	       (selector->state == SELECT_ANY_STATE || selector->state == conn->state) &&
	       (selector->any_peer || network_has(&selector->network, &conn->peer));
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
