/* Groups of connections: a message is one chunk, mail to each loop that has members, one walk there. */
#include "core/net/group.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "core/base/block.h"
#include "core/base/compiler.h"
#include "core/net/conn.h"
#include "core/net/group_mail.h"

/* A member's place: what a walk needs, in one row. */
struct slot {
	struct plait_conn *conn; /* NULL: it left during a walk */
	struct membership *membership;
};

/* The members on one loop. A slot emptied during a walk is closed up after it. */
struct group_part {
	struct plait_group *group;
	struct plait_loop *loop;
	struct slot *slots;
	size_t count, capacity;
	unsigned walks; /* on the stack now */
	bool holes;
	unsigned leavers; /* references to the group that are given back after the walk */
	/* Read by all loops for every message. */
	_Alignas(CACHE_LINE) atomic_size_t alive;
};

struct plait_group {
	_Atomic(struct group_part *) parts[PLAIT_LOOPS_MAX];
	/* Written when somebody comes or goes, apart from what is read for every message. */
	_Alignas(CACHE_LINE) atomic_uint references;
	atomic_size_t count;
	char *name;
	UT_hash_handle hh;
};

struct membership {
	struct plait_group *group; /* one reference */
	struct plait_conn *conn;
	struct membership *next; /* of the connection */
	size_t index;            /* in the part */
};

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct plait_group *names;

/* In lines of the cache that are its own. */
static void *zeroed(size_t size)
{
	void *bytes = aligned_alloc(CACHE_LINE, size);
	return bytes ? memset(bytes, 0, size) : NULL;
}

struct plait_group *plait_group_open(const char *name)
{
	struct plait_group *group;
	pthread_mutex_lock(&names_lock);
	HASH_FIND_STR(names, name, group);
	if (group) {
		atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
	} else {
		group = zeroed(sizeof(*group));
		if (group)
			group->name = strdup(name);
		if (group && group->name) {
			atomic_init(&group->references, 1);
			HASH_ADD_KEYPTR(hh, names, group->name, strlen(group->name), group);
		} else {
			free(group);
			group = NULL;
		}
	}
	pthread_mutex_unlock(&names_lock);
	return group;
}

static void group_free(struct plait_group *group)
{
	for (unsigned i = 0; i < PLAIT_LOOPS_MAX; i++) {
		struct group_part *part = atomic_load(&group->parts[i]);
		if (part)
			free(part->slots);
		free(part);
	}
	free(group->name);
	free(group);
}

/* The last reference is given up under the lock, so that nobody finds a group that is going. */
static void unref_many(struct plait_group *group, unsigned count)
{
	unsigned references = atomic_load_explicit(&group->references, memory_order_relaxed);
	while (references > count) {
		if (atomic_compare_exchange_weak_explicit(&group->references, &references, references - count,
							  memory_order_acq_rel, memory_order_relaxed))
			return;
	}
	pthread_mutex_lock(&names_lock);
	bool last = atomic_fetch_sub_explicit(&group->references, count, memory_order_acq_rel) == count;
	if (last)
		HASH_DELETE(hh, names, group);
	pthread_mutex_unlock(&names_lock);
	if (last)
		group_free(group);
}

void group_unref(struct plait_group *group)
{
	if (group)
		unref_many(group, 1);
}

struct plait_group *group_ref(struct plait_group *group)
{
	atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
	return group;
}

struct plait_group *group_of_part(const struct group_part *part)
{
	return part->group;
}

struct plait_loop *group_loop_of_part(const struct group_part *part)
{
	return part->loop;
}

/* A walk on this loop goes on in what the group holds: then the reference is given back after it. */
static void give_up(struct plait_group *group, const struct plait_loop *here)
{
	struct group_part *part = NULL;
	if (here && here->index < PLAIT_LOOPS_MAX)
		part = atomic_load_explicit(&group->parts[here->index], memory_order_relaxed);
	if (part && part->loop == here && part->walks > 0)
		part->leavers++;
	else
		unref_many(group, 1);
}

void plait_group_close(struct plait_group **group_at)
{
	struct plait_group *group = *group_at;
	*group_at = NULL;
	if (group)
		give_up(group, plait_loop_current());
}

static struct group_part *part_of(struct plait_group *group, struct plait_loop *loop)
{
	struct group_part *part = atomic_load_explicit(&group->parts[loop->index], memory_order_relaxed);
	if (part)
		return part;
	part = zeroed(sizeof(*part));
	if (!part)
		return NULL;
	part->group = group;
	part->loop = loop;
	atomic_store_explicit(&group->parts[loop->index], part, memory_order_release);
	return part;
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

static struct membership **find(struct plait_conn *conn, const struct plait_group *group)
{
	struct membership **at = &conn->memberships;
	while (*at && (*at)->group != group)
		at = &(*at)->next;
	return at;
}

int plait_group_add(struct plait_group *group, struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	if (*find(conn, group))
		return 0;
	if (conn->state != CONN_OPEN)
		return PLAIT_ERROR_CLOSING;
	struct group_part *part = part_of(group, conn->loop);
	struct membership *membership = part && grow(part) == 0 ? block_take(sizeof(*membership)) : NULL;
	if (!membership)
		return PLAIT_ERROR_MEMORY;
	*membership = (struct membership){
		.group = group_ref(group), .conn = conn, .next = conn->memberships, .index = part->count
	};
	conn->memberships = membership;
	part->slots[part->count++] = (struct slot){ conn, membership };
	atomic_fetch_add_explicit(&part->alive, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&group->count, 1, memory_order_relaxed);
	return 0;
}

static void close_up(struct group_part *part)
{
	size_t kept = 0;
	for (size_t i = 0; i < part->count; i++) {
		if (!part->slots[i].conn)
			continue;
		part->slots[kept] = part->slots[i];
		part->slots[kept].membership->index = kept;
		kept++;
	}
	part->count = kept;
	part->holes = false;
}

static void leave(struct membership **at)
{
	struct membership *membership = *at;
	struct plait_group *group = membership->group;
	struct group_part *part = part_of(group, membership->conn->loop);
	*at = membership->next;
	if (part->walks > 0) {
		part->slots[membership->index].conn = NULL;
		part->holes = true;
	} else {
		struct slot last = part->slots[--part->count];
		part->slots[membership->index] = last;
		last.membership->index = membership->index;
	}
	atomic_fetch_sub_explicit(&part->alive, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&group->count, 1, memory_order_relaxed);
	block_give(membership);
	give_up(group, part->loop);
}

void plait_group_remove(struct plait_group *group, struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	struct membership **at = find(conn, group);
	if (*at)
		leave(at);
}

void group_remove_all(struct plait_conn *conn)
{
	while (conn->memberships)
		leave(&conn->memberships);
}

size_t plait_group_count(const struct plait_group *group)
{
	return atomic_load_explicit(&group->count, memory_order_relaxed);
}

static void write_to(struct plait_conn *member, struct plait_chunk *chunk)
{
	plait_write_chunk(member, chunk);
}

/* Those who join meanwhile are not meant; and the slots may move. */
static ALONG void walk(struct group_part *part, struct plait_chunk *chunk, const struct plait_conn *except,
		       plait_group_deliver_fn *fn, bool offered)
{
	for (size_t i = 0, count = part->count; i < count; i++) {
		struct plait_conn *conn = part->slots[i].conn;
		if (!conn || conn == except)
			continue;
		if (!offered || !conn_offer(conn, chunk))
			fn(conn, chunk);
	}
}

void group_walk(struct group_part *part, struct plait_chunk *chunk, const struct plait_conn *except,
		struct group_delivery delivery)
{
	part->walks++;
	if (delivery.offered)
		walk(part, chunk, except, delivery.fn, true);
	else
		walk(part, chunk, except, delivery.fn, false);
	if (--part->walks > 0)
		return;
	if (part->holes)
		close_up(part);
	unsigned leavers = part->leavers;
	part->leavers = 0;
	if (leavers > 0)
		unref_many(part->group, leavers);
}

static void send_out(struct plait_group *group, struct plait_chunk *chunk, const struct plait_conn *except,
		     struct group_delivery delivery)
{
	struct plait_loop *here = plait_loop_current();
	struct plait_conn *sender = here && here->net ? here->net->current : NULL;
	struct group_part *own = NULL;
	unsigned loops = here ? here->count : PLAIT_LOOPS_MAX;

	for (unsigned i = 0; i < loops; i++) {
		struct group_part *part = atomic_load_explicit(&group->parts[i], memory_order_acquire);
		if (!part)
			continue;
		if (part->loop == here)
			own = part;
		else if (atomic_load_explicit(&part->alive, memory_order_relaxed) > 0)
			group_mail_add(here, part, chunk, delivery, sender);
	}
	if (own)
		group_walk(own, chunk, except, delivery);
}

void plait_group_each(struct plait_group *group, struct plait_chunk *chunk, const struct plait_conn *except,
		      plait_group_deliver_fn *deliver)
{
	send_out(group, chunk, except, (struct group_delivery){ .fn = deliver });
}

void plait_group_offer(struct plait_group *group, struct plait_chunk *chunk, const struct plait_conn *except,
		       plait_group_deliver_fn *slow)
{
	send_out(group, chunk, except, (struct group_delivery){ .fn = slow, .offered = true });
}

void plait_group_send(struct plait_group *group, struct plait_chunk *chunk, const struct plait_conn *except)
{
	plait_group_offer(group, chunk, except, write_to);
}
