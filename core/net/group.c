/* Groups of connections: a message is one chunk, one post to each loop that has members, one walk there. */
#include "core/net/group.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "core/net/conn.h"

/* A sender pauses when more than this waits for a loop: or a fast one would fill the memory of a slow one. */
#define IN_FLIGHT_HIGH ((size_t)256 * 1024)
/* What a message costs on its way besides its bytes. */
#define DELIVERY_OVERHEAD sizeof(struct delivery)

/* The members on one loop. A slot emptied during a walk is closed up after it. */
struct group_part {
	struct plait_loop *loop;
	struct membership **members;
	size_t count, capacity;
	unsigned walks; /* on the stack now */
	bool holes;
	atomic_size_t alive;     /* for other threads to see whether a post is worth it */
	atomic_size_t in_flight; /* bytes posted by other threads and not yet delivered */
};

struct plait_group {
	char *name;
	atomic_uint references;
	atomic_size_t count;
	_Atomic(struct group_part *) parts[PLAIT_LOOPS_MAX];
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

struct plait_group *plait_group_open(const char *name)
{
	struct plait_group *group;
	pthread_mutex_lock(&names_lock);
	HASH_FIND_STR(names, name, group);
	if (group) {
		atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
	} else {
		group = calloc(1, sizeof(*group));
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
			free(part->members);
		free(part);
	}
	free(group->name);
	free(group);
}

/* The last reference is given up under the lock, so that nobody finds a group that is going. */
static void unref(struct plait_group *group)
{
	unsigned references = atomic_load_explicit(&group->references, memory_order_relaxed);
	while (references > 1) {
		if (atomic_compare_exchange_weak_explicit(&group->references, &references, references - 1,
							  memory_order_acq_rel, memory_order_relaxed))
			return;
	}
	pthread_mutex_lock(&names_lock);
	bool last = atomic_fetch_sub_explicit(&group->references, 1, memory_order_acq_rel) == 1;
	if (last)
		HASH_DELETE(hh, names, group);
	pthread_mutex_unlock(&names_lock);
	if (last)
		group_free(group);
}

static struct plait_group *ref(struct plait_group *group)
{
	atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
	return group;
}

void plait_group_close(struct plait_group **group_at)
{
	struct plait_group *group = *group_at;
	*group_at = NULL;
	if (group)
		unref(group);
}

static struct group_part *part_of(struct plait_group *group, struct plait_loop *loop)
{
	struct group_part *part = atomic_load_explicit(&group->parts[loop->index], memory_order_relaxed);
	if (part)
		return part;
	part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	part->loop = loop;
	atomic_store_explicit(&group->parts[loop->index], part, memory_order_release);
	return part;
}

static int grow(struct group_part *part)
{
	if (part->count < part->capacity)
		return 0;
	size_t capacity = part->capacity ? part->capacity * 2 : 8;
	struct membership **members = realloc(part->members, capacity * sizeof(struct membership *));
	if (!members)
		return -1;
	part->members = members;
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
	struct membership *membership = part && grow(part) == 0 ? malloc(sizeof(*membership)) : NULL;
	if (!membership)
		return PLAIT_ERROR_MEMORY;
	*membership = (struct membership){
		.group = ref(group), .conn = conn, .next = conn->memberships, .index = part->count
	};
	conn->memberships = membership;
	part->members[part->count++] = membership;
	atomic_fetch_add_explicit(&part->alive, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&group->count, 1, memory_order_relaxed);
	return 0;
}

static void close_up(struct group_part *part)
{
	size_t kept = 0;
	for (size_t i = 0; i < part->count; i++) {
		if (!part->members[i])
			continue;
		part->members[kept] = part->members[i];
		part->members[kept]->index = kept;
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
		part->members[membership->index] = NULL;
		part->holes = true;
	} else {
		struct membership *last = part->members[--part->count];
		part->members[membership->index] = last;
		last->index = membership->index;
	}
	atomic_fetch_sub_explicit(&part->alive, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&group->count, 1, memory_order_relaxed);
	free(membership);
	unref(group);
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

/* The caller holds a reference to the group: what is delivered may end its members. */
static void walk(struct group_part *part, struct plait_chunk *chunk, uint64_t except,
		 plait_group_deliver_fn *deliver)
{
	size_t count = part->count; /* those who join meanwhile are not meant */
	part->walks++;
	for (size_t i = 0; i < count; i++) {
		struct membership *membership = part->members[i];
		if (membership && membership->conn->id != except)
			deliver(membership->conn, chunk);
	}
	if (--part->walks == 0 && part->holes)
		close_up(part);
}

struct delivery {
	struct post post;
	struct plait_group *group;
	struct group_part *part;
	struct plait_chunk *chunk;
	uint64_t except;
	plait_group_deliver_fn *deliver;
};

static void run_delivery(struct post *post)
{
	struct delivery *delivery = (struct delivery *)(void *)post; /* its first member */
	walk(delivery->part, delivery->chunk, delivery->except, delivery->deliver);
	atomic_fetch_sub_explicit(&delivery->part->in_flight, delivery->chunk->size + DELIVERY_OVERHEAD,
				  memory_order_relaxed);
	plait_chunk_unref(&delivery->chunk);
	unref(delivery->group);
	free(delivery);
}

static void no_memory(void)
{
	fputs("plait: no memory to post a message\n", stderr);
	abort();
}

/* Returns whether the loop has so much before it that the sender should wait. */
static bool post_delivery(struct plait_group *group, struct group_part *part, struct plait_chunk *chunk,
			  uint64_t except, plait_group_deliver_fn *deliver)
{
	struct delivery *delivery = malloc(sizeof(*delivery));
	size_t cost = chunk->size + DELIVERY_OVERHEAD;
	if (!delivery)
		no_memory();
	*delivery = (struct delivery){ .group = ref(group),
				       .part = part,
				       .chunk = plait_chunk_ref(chunk),
				       .except = except,
				       .deliver = deliver };
	size_t before = atomic_fetch_add_explicit(&part->in_flight, cost, memory_order_relaxed);
	post_send(&part->loop->posts, &delivery->post, run_delivery);
	return before + cost > IN_FLIGHT_HIGH;
}

/* Posted behind the messages: when it runs, they have been delivered. */
struct wait {
	struct post post;
	struct plait_conn_ref *sender;
};

static void end_wait(struct plait_conn *sender, void *arg)
{
	(void)arg;
	if (sender)
		conn_resume_from(sender, CONN_PAUSE_GROUP);
}

static void caught_up(struct post *post)
{
	struct wait *wait = (struct wait *)(void *)post; /* its first member */
	plait_conn_ref_call(wait->sender, end_wait, NULL);
	plait_conn_unref(&wait->sender);
	free(wait);
}

/* One loop at a time is enough: when it has caught up, the next message finds the others that have not. */
static void wait_for(struct plait_loop *loop, struct plait_conn *sender)
{
	if (!sender || (sender->paused & CONN_PAUSE_GROUP))
		return;
	struct wait *wait = malloc(sizeof(*wait));
	if (!wait)
		no_memory();
	wait->sender = plait_conn_ref(sender);
	conn_pause_for(sender, CONN_PAUSE_GROUP);
	post_send(&loop->posts, &wait->post, caught_up);
}

void plait_group_each(struct plait_group *group, struct plait_chunk *chunk, const struct plait_conn *except,
		      plait_group_deliver_fn *deliver)
{
	struct plait_loop *here = plait_loop_current();
	uint64_t except_id = except ? except->id : 0; /* ids begin at 1 */
	struct plait_conn *sender = here && here->net ? here->net->current : NULL;
	struct group_part *own = NULL;
	unsigned loops = here ? here->count : PLAIT_LOOPS_MAX;

	ref(group);
	for (unsigned i = 0; i < loops; i++) {
		struct group_part *part = atomic_load_explicit(&group->parts[i], memory_order_acquire);
		if (!part || atomic_load_explicit(&part->alive, memory_order_relaxed) == 0)
			continue;
		if (part->loop == here)
			own = part;
		else if (post_delivery(group, part, chunk, except_id, deliver))
			wait_for(part->loop, sender);
	}
	if (own)
		walk(own, chunk, except_id, deliver);
	unref(group);
}

void plait_group_send(struct plait_group *group, struct plait_chunk *chunk, const struct plait_conn *except)
{
	plait_group_each(group, chunk, except, write_to);
}
