/* Members of a group on one loop: who they are, walks past them, and what they share. */
#include "core/net/group/part.h"

#include <stdlib.h>

#include "core/base/block.h"
#include "core/base/container.h"
#include "core/net/conn/conn.h"
#include "core/net/group/group.h"

static void send_shared(struct task *task);

struct group_part *part_new(struct plait_group *group, struct plait_loop *loop)
{
	struct group_part *part = aligned_alloc(CACHE_LINE, sizeof(*part));
	if (!part)
		return NULL;
	*part = (struct group_part){ .group = group, .loop = loop };
	task_init(&part->task, send_shared);
	return part;
}

void part_free(struct group_part *part)
{
	if (part)
		free(part->slots);
	free(part);
}

static int grow(struct group_part *part)
{
	if (part->count < part->capacity)
		return 0;
	size_t capacity = part->capacity ? part->capacity * 2 : 8;
	struct slot *slots = realloc(part->slots, capacity * sizeof(*slots));
	if (!slots)
		return -1;
	part->slots = slots;
	part->capacity = capacity;
	return 0;
}

int part_add(struct group_part *part, struct plait_conn *conn)
{
	struct membership *membership = grow(part) == 0 ? block_take(sizeof(*membership)) : NULL;
	if (!membership)
		return -1;
	*membership = (struct membership){
		.part = part, .conn = conn, .next = conn->memberships, .index = part->count
	};
	conn->memberships = membership;
	part->slots[part->count++] = (struct slot){ conn, membership };
	atomic_fetch_add_explicit(&part->alive, 1, memory_order_relaxed);
	return 0;
}

static void put(struct group_part *part, size_t index, struct slot slot)
{
	part->slots[index] = slot;
	if (slot.membership)
		slot.membership->index = index;
}

static void swap(struct group_part *part, size_t a, size_t b)
{
	struct slot slot = part->slots[a];
	put(part, a, part->slots[b]);
	put(part, b, slot);
}

static void start_sharing(struct group_part *part, size_t index)
{
	struct plait_conn *conn = part->slots[index].conn;
	size_t high = conn->factory->settings->buffers.high;
	if (part->sharing == 0 || part->shared_most > high)
		part->shared_most = high;
	conn->sharing = true;
	swap(part, index, part->sharing++);
}

static void stop_sharing(struct membership *membership)
{
	struct group_part *part = membership->part;
	membership->conn->sharing = false;
	swap(part, membership->index, --part->sharing);
}

void group_stop_sharing(struct plait_conn *conn)
{
	struct group_part *part = conn->memberships->part;
	stop_sharing(conn->memberships);
	conn_queue_shared(conn, &part->shared, 0);
}

void group_go_alone(struct plait_conn *conn)
{
	group_stop_sharing(conn);
	conn->alone = GROUP_ALONE;
}

size_t group_owed(const struct plait_conn *conn)
{
	return conn->memberships->part->shared.bytes;
}

static void all_stop_sharing(struct group_part *part)
{
	while (part->sharing > 0)
		group_stop_sharing(part->slots[part->sharing - 1].conn);
}

void part_remove(struct membership *membership)
{
	struct group_part *part = membership->part;
	size_t index = membership->index;
	if (part->walks > 0) {
		part->slots[index] = (struct slot){ 0 };
		part->holes = true;
	} else {
		put(part, index, part->slots[--part->count]);
	}
	atomic_fetch_sub_explicit(&part->alive, 1, memory_order_relaxed);
}

static void close_up(struct group_part *part)
{
	size_t kept = part->sharing;
	for (size_t i = kept; i < part->count; i++) {
		if (part->slots[i].conn)
			put(part, kept++, part->slots[i]);
	}
	part->count = kept;
	part->holes = false;
}

static void begin_walk(struct group_part *part)
{
	part->walks++;
}

/* The part may go with it. */
static void end_walk(struct group_part *part)
{
	if (--part->walks > 0)
		return;
	if (part->holes)
		close_up(part);
	unsigned leavers = part->leavers;
	part->leavers = 0;
	if (leavers > 0)
		group_unref_many(part->group, leavers);
}

/* No callback of a plugin runs in here. From the last on: whoever stops sharing changes places with one that is done. */
static void flush(struct group_part *part)
{
	struct iovec parts[CONN_PARTS_MAX];
	int count = queue_peek(&part->shared, parts, CONN_PARTS_MAX);
	begin_walk(part);
	for (size_t i = part->sharing; i-- > 0;) {
		struct plait_conn *conn = part->slots[i].conn;
		size_t took = conn_send_shared(conn, &part->shared, parts, count);
		if (took == part->shared.bytes || !conn->sharing)
			continue;
		stop_sharing(conn->memberships);
		conn_queue_shared(conn, &part->shared, took);
	}
	queue_clear(&part->shared, &part->loop->pool);
	end_walk(part);
}

static void send_shared(struct task *task)
{
	struct group_part *part = CONTAINER_OF(task, struct group_part, task);
	if (part->shared.bytes > 0)
		flush(part);
	group_unref(part->group);
}

/* Has nothing to send. Of its groups it shares in the one that it joined last. */
static bool may_share(const struct slot *slot)
{
	struct plait_conn *conn = slot->conn;
	if (!conn || !conn_is_quiet(conn) || conn->memberships != slot->membership)
		return false;
	if (conn->alone == 0)
		return true;
	conn->alone--;
	return false;
}

static void find_sharers(struct group_part *part)
{
	for (size_t i = part->sharing; i < part->count; i++) {
		if (may_share(&part->slots[i]))
			start_sharing(part, i);
	}
}

static bool would_block(const struct group_part *part, size_t more)
{
	return part->shared.bytes + more > part->shared_most;
}

/* Adds to what is owed to those who share, or makes that nobody does. */
static void share(struct group_part *part, struct plait_chunk *chunk)
{
	if (would_block(part, chunk->size) && part->shared.bytes > 0)
		flush(part);
	if (would_block(part, chunk->size) || queue_add(&part->shared, &part->loop->pool, chunk) < 0) {
		all_stop_sharing(part);
		return;
	}
	if (!task_queued(&part->task)) {
		group_ref(part->group);
		loop_defer(part->loop, &part->task);
	}
}

/* Before those who do not share are walked past. */
static void share_with_all_but(struct group_part *part, struct plait_chunk *chunk,
			       const struct plait_conn *except)
{
	if (part->walks == 0 && part->shared.bytes == 0)
		find_sharers(part);
	if (except && except->sharing && except->memberships->part == part)
		group_stop_sharing(except->memberships->conn);
	if (part->sharing > 0)
		share(part, chunk);
}

/* Those who join meanwhile are not meant; and the slots may move. */
static ALONG void walk(struct group_part *part, struct plait_chunk *chunk, const struct plait_conn *except,
		       plait_group_deliver_fn *fn, bool offered)
{
	begin_walk(part);
	for (size_t i = part->sharing, count = part->count; i < count; i++) {
		struct plait_conn *conn = part->slots[i].conn;
		if (!conn || conn == except)
			continue;
		if (!offered || !conn_offer(conn, chunk))
			fn(conn, chunk);
	}
	end_walk(part);
}

void part_walk(struct group_part *part, struct plait_chunk *chunk, const struct plait_conn *except,
	       struct group_delivery delivery)
{
	if (delivery.offered) {
		share_with_all_but(part, chunk, except);
		walk(part, chunk, except, delivery.fn, true);
	} else {
		all_stop_sharing(part);
		walk(part, chunk, except, delivery.fn, false);
	}
}
