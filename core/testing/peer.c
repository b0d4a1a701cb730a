/* Connections over memory, and what their peers do and see. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/container.h"
#include "core/testing/kit.h"

static void on_gone(struct conn_owner *owner, const struct plait_addr *addr)
{
	struct plait_peer *peer = CONTAINER_OF(owner, struct plait_peer, owner);
	(void)addr;
	peer->reason = peer->conn->reason;
	peer->conn = NULL;
}

struct plait_peer *plait_test_connect(struct plait_test *test, struct plait_factory *factory)
{
	static const struct plait_addr addr = { .family = PLAIT_FAMILY_IPV4,
						.port = 50000,
						.u.bytes = { 127, 0, 0, 1 } };
	struct plait_peer *peer = kit_alloc(sizeof(*peer));
	peer->test = test;
	peer->owner.gone = on_gone;
	peer->next = test->peers;
	test->peers = peer;
	memory_init(&peer->memory, test->loop);
	peer->conn = conn_new(test->loop, factory, &transport_memory, -1, &peer->memory, &addr, &peer->owner);
	if (!peer->conn)
		abort();
	conn_start(peer->conn);
	plait_test_run(test);
	return peer;
}

void plait_peer_write(struct plait_peer *peer, const void *data, size_t len)
{
	if (!peer->memory.closed)
		memory_feed(&peer->memory, data, len);
}

void plait_peer_send(struct plait_peer *peer, const void *data, size_t len)
{
	plait_peer_write(peer, data, len);
	plait_test_run(peer->test);
}

void plait_peer_send_cut(struct plait_peer *peer, const void *data, size_t len, size_t piece)
{
	const char *bytes = data;
	while (len > 0) {
		size_t some = len < piece ? len : piece;
		plait_peer_send(peer, bytes, some);
		bytes += some;
		len -= some;
	}
}

void plait_peer_say(struct plait_peer *peer, const char *text)
{
	plait_peer_send(peer, text, strlen(text));
}

void plait_peer_end(struct plait_peer *peer)
{
	peer->memory.peer_ended = true;
	memory_wake(&peer->memory);
	plait_test_run(peer->test);
}

void plait_peer_reset(struct plait_peer *peer)
{
	peer->memory.fail_reads = PLAIT_REASON_RESET;
	peer->memory.fail_writes = PLAIT_REASON_RESET;
	memory_wake(&peer->memory);
	plait_test_run(peer->test);
}

bool plait_peer_awaits_tls(const struct plait_peer *peer)
{
	return peer->memory.securing && !peer->memory.closed;
}

void plait_peer_start_tls(struct plait_peer *peer)
{
	peer->memory.secured = true;
	memory_wake(&peer->memory);
	plait_test_run(peer->test);
}

void plait_peer_take(struct plait_peer *peer, size_t room)
{
	peer->memory.write_room = room;
	memory_wake(&peer->memory);
	plait_test_run(peer->test);
}

const void *plait_peer_output(struct plait_peer *peer, size_t *len)
{
	*len = buffer_size(&peer->memory.from_conn);
	return *len > 0 ? (const void *)buffer_data(&peer->memory.from_conn) : "";
}

void plait_peer_forget(struct plait_peer *peer)
{
	buffer_fini(&peer->memory.from_conn);
}

bool plait_peer_heard_bytes(struct plait_peer *peer, const void *data, size_t len)
{
	size_t heard;
	const void *bytes = plait_peer_output(peer, &heard);
	bool same = heard == len && memcmp(bytes, data, len) == 0;
	if (!same)
		printf("# heard \"%.*s\" (%zu bytes) instead of \"%.*s\" (%zu)\n", (int)heard,
		       (const char *)bytes, heard, (int)len, (const char *)data, len);
	plait_peer_forget(peer);
	return same;
}

bool plait_peer_heard(struct plait_peer *peer, const char *text)
{
	return plait_peer_heard_bytes(peer, text, strlen(text));
}

struct plait_conn *plait_peer_conn(struct plait_peer *peer)
{
	return peer->conn;
}

enum plait_reason plait_peer_reason(const struct plait_peer *peer)
{
	return peer->reason;
}

bool plait_peer_sees_end(const struct plait_peer *peer)
{
	return peer->memory.was_shut_down || (peer->memory.closed && !peer->memory.was_reset);
}

bool plait_peer_sees_reset(const struct plait_peer *peer)
{
	return peer->memory.was_reset;
}

bool plait_peer_is_paused(const struct plait_peer *peer)
{
	return peer->conn && peer->conn->paused != 0;
}

/* ---- joined ---- */

void plait_test_join(struct plait_peer *one, struct plait_peer *other)
{
	one->other = other;
	other->other = one;
	plait_test_run(one->test);
}

/* What its connection wrote becomes the other's input, and so with its end. */
static bool carry_one(struct plait_peer *peer)
{
	struct plait_peer *other = peer->other;
	size_t len;
	const void *bytes = plait_peer_output(peer, &len);
	bool ended = plait_peer_sees_end(peer) || plait_peer_sees_reset(peer);
	if (!other || (len == 0 && (!ended || peer->end_passed_on)))
		return false;
	plait_peer_write(other, bytes, len);
	plait_peer_forget(peer);
	if (ended && !peer->end_passed_on) {
		peer->end_passed_on = true;
		if (plait_peer_sees_reset(peer))
			other->memory.fail_reads = other->memory.fail_writes = PLAIT_REASON_RESET;
		else
			other->memory.peer_ended = true;
		memory_wake(&other->memory);
	}
	return true;
}

bool kit_carry(struct plait_test *test)
{
	bool any = false;
	for (struct plait_peer *peer = test->peers; peer; peer = peer->next)
		any |= carry_one(peer);
	return any;
}
