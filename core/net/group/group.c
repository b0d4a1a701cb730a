/* Groups of connections: a message is one chunk, mail to each loop that has members, one walk there. */
#include "core/net/group/group.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* hh.tbl of what was not added is NULL */
#include <uthash.h>

#include "core/base/block.h"
#include "core/base/compiler.h"
#include "core/net/conn/conn.h"
#include "core/net/group/mail.h"

struct plait_group {
	_Atomic(struct group_part *) parts[PLAIT_LOOPS_MAX];
	/* Written when somebody comes or goes, apart from what is read for every message. */
	_Alignas(CACHE_LINE) atomic_uint references;
	atomic_size_t count;
	char *name;
	UT_hash_handle hh;
};

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static struct plait_group *names;

static struct plait_group *group_new(const char *name)
{
	struct plait_group *group = aligned_alloc(CACHE_LINE, sizeof(*group));
	if (!group)
		return NULL;
	*group = (struct plait_group){ .name = strdup(name) };
	atomic_init(&group->references, 1);
	if (group->name)
		return group;
	free(group);
	return NULL;
}

static void group_free(struct plait_group *group)
{
	for (unsigned i = 0; i < PLAIT_LOOPS_MAX; i++)
		part_free(atomic_load(&group->parts[i]));
	free(group->name);
	free(group);
}

struct plait_group *plait_group_open(const char *name)
{
	struct plait_group *group;
	pthread_mutex_lock(&names_lock);
	HASH_FIND_STR(names, name, group);
	if (group) {
		atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
	} else {
		group = group_new(name);
		if (group)
			HASH_ADD_KEYPTR(hh, names, group->name, strlen(group->name), group);
		if (group && !group->hh.tbl) {
			group_free(group);
			group = NULL;
		}
	}
	pthread_mutex_unlock(&names_lock);
	return group;
}

/* The last reference is given up under the lock, so that nobody finds a group that is going. */
void group_unref_many(struct plait_group *group, unsigned count)
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
		group_unref_many(group, 1);
}

struct plait_group *group_ref(struct plait_group *group)
{
	atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
	return group;
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
		group_unref_many(group, 1);
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
	part = part_new(group, loop);
	if (!part)
		return NULL;
	atomic_store_explicit(&group->parts[loop->index], part, memory_order_release);
	return part;
}

static struct membership **find(struct plait_conn *conn, const struct plait_group *group)
{
	struct membership **at = &conn->memberships;
	while (*at && (*at)->part->group != group)
		at = &(*at)->next;
	return at;
}

int plait_group_add(struct plait_group *group, struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	if (*find(conn, group))
		return 0;
	if (!conn_is_live(conn))
		return PLAIT_ERROR_CLOSING;
	if (conn->sharing)
		group_stop_sharing(conn);
	struct group_part *part = part_of(group, conn->loop);
	if (!part || !conn_is_live(conn) || part_add(part, conn) < 0)
		return PLAIT_ERROR_MEMORY;
	group_ref(group);
	atomic_fetch_add_explicit(&group->count, 1, memory_order_relaxed);
	return 0;
}

static void leave(struct membership **at)
{
	struct membership *membership = *at;
	struct group_part *part = membership->part;
	if (membership->conn->sharing && membership == membership->conn->memberships)
		group_stop_sharing(membership->conn);
	if (*at != membership) /* there was no memory for what it is owed: it failed, and has left already */
		return;
	*at = membership->next;
	part_remove(membership);
	atomic_fetch_sub_explicit(&part->group->count, 1, memory_order_relaxed);
	block_give(membership);
	give_up(part->group, part->loop);
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
		part_walk(own, chunk, except, delivery);
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
