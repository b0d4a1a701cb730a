/* Groups across loops: mail between two loops turned by hand, and between three that run. */
#include "core/net/group/mail.h"

#include <plait/error.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/loop/workers.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define LOOPS 3

static const struct plait_protocol silent = { .head = { .name = "silent" } };

/* One connection on each loop. */
struct side {
	struct plait_loop *loop;
	struct memory memory;
	struct plait_conn *conn;
};

static struct rig_listener listener;
static struct workers *workers;
static struct side sides[LOOPS];
static struct plait_group *group;

static void connect_side(struct side *side)
{
	static const struct plait_addr peer = { .family = PLAIT_FAMILY_IPV4, .u.bytes = { 127, 0, 0, 1 } };
	loop_enter(side->loop);
	memory_init(&side->memory, side->loop);
	side->conn = conn_new(side->loop, listener.factory, &transport_memory, -1, &side->memory, &peer,
			      NULL);
	conn_start(side->conn);
	CU_ASSERT_EQUAL(plait_group_add(group, side->conn), 0);
}

static void open_sides(unsigned count)
{
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &silent, NULL, NULL), 0);
	workers = workers_new(count, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(workers);
	group = plait_group_open("test/mail");
	for (unsigned i = 0; i < count; i++) {
		sides[i].loop = workers_loop(workers, i);
		net_new(sides[i].loop);
	}
	for (unsigned i = 0; i < count; i++)
		connect_side(&sides[i]);
}

static void turn(unsigned i)
{
	loop_turn(sides[i].loop, false);
}

static void settle(void)
{
	workers_settle(workers);
}

static void close_sides(void)
{
	unsigned count = workers_count(workers);
	for (unsigned i = 0; i < count; i++) {
		loop_enter(sides[i].loop);
		net_abort_all(sides[i].loop->net);
	}
	settle();
	for (unsigned i = 0; i < count; i++) {
		net_free(sides[i].loop);
		memory_fini(&sides[i].memory);
	}
	plait_group_close(&group);
	workers_free(&workers);
	rig_unlisten(&listener);
	loop_enter(NULL);
}

static void say_to(struct plait_group *to, const void *text, size_t len)
{
	struct plait_chunk *chunk = plait_chunk_new(text, len);
	plait_group_send(to, chunk, NULL);
	plait_chunk_unref(&chunk);
}

static void say(const char *text)
{
	say_to(group, text, strlen(text));
}

static bool heard(struct side *side, const char *text)
{
	struct rig_client client = { .memory = side->memory };
	bool same = rig_heard(&client, text);
	side->memory.from_conn = client.memory.from_conn;
	return same;
}

static size_t posts(struct side *side)
{
	size_t count = 0;
	for (struct post *post = atomic_load(&side->loop->posts.newest); post; post = post->next)
		count++;
	return count;
}

static void what_a_turn_says_travels_together(void)
{
	open_sides(2);
	turn(1); /* whatever connecting has left */
	loop_enter(sides[0].loop);
	for (int i = 0; i < 10; i++)
		say("x");
	CU_ASSERT_EQUAL(posts(&sides[1]), 0);
	turn(0);
	CU_ASSERT_EQUAL(posts(&sides[1]), 1);
	sides[1].memory.writes = 0;
	turn(1);
	CU_ASSERT_EQUAL(sides[1].memory.writes, 1);
	CU_ASSERT_TRUE(heard(&sides[0], "xxxxxxxxxx"));
	CU_ASSERT_TRUE(heard(&sides[1], "xxxxxxxxxx"));
	close_sides();
}

static void many_messages_keep_their_order(void)
{
	char all[4000] = "", one[16];
	open_sides(2);
	loop_enter(sides[0].loop);
	for (int i = 0; i < 500; i++) {
		snprintf(one, sizeof(one), "%d ", i);
		strcat(all, one);
		say(one);
	}
	CU_ASSERT_TRUE(posts(&sides[1]) > 2); /* who waits for the end of a long turn has nothing to do */
	turn(0);
	turn(1);
	CU_ASSERT_TRUE(heard(&sides[1], all));
	close_sides();
}

static void groups_may_alternate(void)
{
	open_sides(2);
	struct plait_group *second = plait_group_open("test/mail/second");
	loop_enter(sides[1].loop);
	plait_group_add(second, sides[1].conn);
	loop_enter(sides[0].loop);
	for (int i = 0; i < 4; i++) {
		say("a");
		say_to(second, "b", 1);
	}
	plait_group_close(&second); /* the mail holds it, and the member */
	turn(0);
	loop_enter(sides[1].loop);
	turn(1);
	CU_ASSERT_TRUE(heard(&sides[0], "aaaa"));
	CU_ASSERT_TRUE(heard(&sides[1], "abababab"));
	close_sides();
}

static void a_group_may_end_before_its_mail_arrives(void)
{
	open_sides(2);
	struct plait_group *brief = plait_group_open("test/mail/brief");
	loop_enter(sides[1].loop);
	plait_group_add(brief, sides[1].conn);
	loop_enter(sides[0].loop);
	say_to(brief, "late", 4);
	turn(0);
	loop_enter(sides[1].loop);
	plait_group_remove(brief, sides[1].conn);
	plait_group_close(&brief);
	turn(1);
	CU_ASSERT_TRUE(heard(&sides[1], ""));
	close_sides();
}

static void close_group(struct plait_conn *member, struct plait_chunk *chunk)
{
	(void)chunk;
	plait_write(member, "last", 4);
	struct plait_group *its = plait_group_open("test/mail/own");
	plait_group_remove(its, member);
	plait_group_close(&its);
	plait_group_close(&its); /* NULL: allowed */
}

static void a_group_may_end_in_its_own_walk(void)
{
	open_sides(1);
	struct plait_group *own = plait_group_open("test/mail/own");
	struct plait_chunk *chunk = plait_chunk_new("x", 1);
	plait_group_add(own, sides[0].conn);
	struct plait_group *mine = own;
	plait_group_close(&own); /* the member's reference is the last */
	plait_group_each(mine, chunk, NULL, close_group);
	plait_chunk_unref(&chunk);
	turn(0);
	CU_ASSERT_TRUE(heard(&sides[0], "last"));
	own = plait_group_open("test/mail/own");
	CU_ASSERT_EQUAL(plait_group_count(own), 0);
	plait_group_close(&own);
	close_sides();
}

static void who_says_more_than_others_take_is_paused(void)
{
	static char text[1000];
	open_sides(2);
	struct plait_conn *sender = sides[0].conn;
	loop_enter(sides[0].loop);
	conn_enter(sender);
	for (int i = 0; i < 250; i++)
		say_to(group, text, sizeof(text));
	CU_ASSERT_FALSE(sender->paused & CONN_PAUSE_GROUP);
	for (int i = 0; i < 50; i++)
		say_to(group, text, sizeof(text));
	CU_ASSERT_TRUE(sender->paused & CONN_PAUSE_GROUP);
	conn_leave(sender);
	turn(0);
	turn(0);
	CU_ASSERT_TRUE(sender->paused & CONN_PAUSE_GROUP);
	turn(1);
	turn(0);
	CU_ASSERT_FALSE(sender->paused & CONN_PAUSE_GROUP);
	loop_enter(sides[0].loop);
	conn_enter(sender); /* and what arrived is off the account */
	for (int i = 0; i < 200; i++)
		say_to(group, text, sizeof(text));
	CU_ASSERT_FALSE(sender->paused & CONN_PAUSE_GROUP);
	conn_leave(sender);
	settle();
	close_sides();
}

static void what_is_said_on_no_loop_arrives(void)
{
	open_sides(2);
	loop_enter(NULL);
	say("from nowhere");
	turn(0);
	turn(1);
	CU_ASSERT_TRUE(heard(&sides[0], "from nowhere"));
	CU_ASSERT_TRUE(heard(&sides[1], "from nowhere"));
	close_sides();
}

static void mail_that_was_never_sent_leaks_nothing(void)
{
	open_sides(2);
	settle();
	loop_enter(sides[0].loop);
	plait_group_remove(group, sides[0].conn);
	say("unsent");
	/* the loop's network part goes first; its task, the only one, must not run then */
	struct net *net = sides[0].loop->net;
	CU_ASSERT_PTR_NOT_NULL_FATAL(net->mail);
	sides[0].loop->tasks = sides[0].loop->last_task = NULL;
	group_mail_free(&net->mail);
	CU_ASSERT_PTR_NULL(net->mail);
	settle();
	CU_ASSERT_TRUE(heard(&sides[1], ""));
	close_sides();
}

/* ---- loops that run ---- */

#define ROUNDS 200
#define EACH 50
#define EXPECTED (LOOPS * LOOPS * ROUNDS * EACH)
#define PATIENCE_S 60

struct note {
	unsigned from, number;
};

static unsigned next_number[LOOPS][LOOPS]; /* of receiver and sender; the receiver's row */
static atomic_uint received, out_of_order;

static void check(struct plait_conn *member, struct plait_chunk *chunk)
{
	const struct note *note = plait_chunk_bytes(chunk);
	unsigned here = plait_conn_loop(member)->index;
	if (note->number != next_number[here][note->from]++)
		atomic_fetch_add(&out_of_order, 1);
	atomic_fetch_add_explicit(&received, 1, memory_order_relaxed);
}

static void speak(void *arg)
{
	static unsigned said[LOOPS]; /* each loop's own */
	unsigned here = plait_loop_current()->index;
	(void)arg;
	for (int i = 0; i < EACH; i++) {
		struct note note = { here, said[here]++ };
		struct plait_chunk *chunk = plait_chunk_new(&note, sizeof(note));
		plait_group_each(group, chunk, NULL, check);
		plait_chunk_unref(&chunk);
	}
	if (said[here] < ROUNDS * EACH)
		plait_post(plait_loop_current(), speak, NULL);
}

static void running_loops_hear_each_other_in_order(void)
{
	open_sides(LOOPS);
	loop_enter(NULL);
	CU_ASSERT_EQUAL_FATAL(workers_start(workers, NULL), 0);
	workers_post_all(workers, speak, NULL);
	for (time_t end = time(NULL) + PATIENCE_S; time(NULL) < end && atomic_load(&received) < EXPECTED;)
		sched_yield();
	CU_ASSERT_TRUE(workers_stop(workers, 10000));
	CU_ASSERT_EQUAL(received, EXPECTED);
	CU_ASSERT_EQUAL(out_of_order, 0);
	close_sides();
}

SUITE_MAIN("group_mail", SUITE_TEST(what_a_turn_says_travels_together),
	   SUITE_TEST(many_messages_keep_their_order), SUITE_TEST(groups_may_alternate),
	   SUITE_TEST(a_group_may_end_before_its_mail_arrives), SUITE_TEST(a_group_may_end_in_its_own_walk),
	   SUITE_TEST(who_says_more_than_others_take_is_paused), SUITE_TEST(what_is_said_on_no_loop_arrives),
	   SUITE_TEST(mail_that_was_never_sent_leaks_nothing),
	   SUITE_TEST(running_loops_hear_each_other_in_order))
