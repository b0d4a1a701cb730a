/* What the members of a group share, against a model: whatever members do in a turn, each is sent all that it was told
 * and wrote, in that order, and nothing else. */
#include <plait/group.h>
#include <stdio.h>
#include <string.h>

#include "core/net/group/part.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define MEMBERS 7
#define GROUPS 2
#define WALKS 400
#define STEPS 300

/* Somebody, and what was for them: the model. */
struct member {
	struct rig_client client;
	struct buffer expected;
	bool shut;   /* its direction has ended: it is told nothing */
	bool missed; /* the message being said: it was slow */
	bool in[GROUPS];
};

static struct rig rig;
static struct rig_listener listener, tight; /* the latter has low marks */
static struct plait_group *groups[GROUPS];
static struct member members[MEMBERS];
static uint32_t state;
static bool right;

static uint32_t below(uint32_t bound)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % bound;
}

static struct member *member_of(const struct plait_conn *conn)
{
	for (int i = 0; i < MEMBERS; i++) {
		if (members[i].client.conn == conn)
			return &members[i];
	}
	return NULL;
}

static bool is_open(const struct member *member)
{
	return member->client.conn && member->client.conn->state == CONN_OPEN;
}

static bool listens(const struct member *member)
{
	return is_open(member) && !member->shut;
}

static void expect(struct member *member, const struct plait_chunk *chunk)
{
	buffer_append(&member->expected, chunk->bytes, chunk->size);
}

/* Mostly small, some that travel by reference, few that are more than the high mark. */
static struct plait_chunk *something(void)
{
	static const size_t most[] = { 20, 20, 20, 20, 400, 1500, 3500, 9000 };
	static uint8_t next;
	char text[9000];
	size_t len = below((uint32_t)most[below(8)]) + 1;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + next++ % 26);
	return plait_chunk_new(text, len);
}

static void write_own(struct member *member)
{
	if (!member->client.conn)
		return;
	struct plait_chunk *chunk = something();
	if (listens(member))
		expect(member, chunk);
	if (below(2))
		plait_write(member->client.conn, chunk->bytes, chunk->size);
	else
		plait_write_chunk(member->client.conn, chunk);
	plait_chunk_unref(&chunk);
}

/* A plugin's answer to a slow reader may be rude to others. */
static void slow(struct plait_conn *conn, struct plait_chunk *chunk)
{
	struct member *member = member_of(conn), *other = &members[below(MEMBERS)];
	(void)chunk;
	right &= member && plait_conn_blocked(conn);
	member->missed = true;
	if (below(20) == 0 && other->client.conn)
		plait_abort(other->client.conn);
	if (below(4) == 0)
		write_own(member);
}

static void deliver(struct plait_conn *conn, struct plait_chunk *chunk)
{
	plait_write_chunk(conn, chunk);
}

static void say(struct member *from)
{
	unsigned in = below(GROUPS);
	const struct plait_conn *except = from && below(3) ? from->client.conn : NULL;
	struct plait_chunk *chunk = something();
	bool told[MEMBERS];
	for (int i = 0; i < MEMBERS; i++) {
		members[i].missed = false;
		told[i] = members[i].in[in] && listens(&members[i]) && members[i].client.conn != except;
	}
	switch (below(5)) {
	case 0: plait_group_send(groups[in], chunk, except); break;
	case 1: plait_group_each(groups[in], chunk, except, deliver); break;
	default: plait_group_offer(groups[in], chunk, except, slow);
	}
	for (int i = 0; i < MEMBERS; i++) {
		if (told[i] && !members[i].missed)
			expect(&members[i], chunk);
	}
	plait_chunk_unref(&chunk);
}

static size_t on_data(struct plait_conn *conn, const void *data, size_t len)
{
	struct member *member = member_of(conn);
	(void)data;
	if (below(3) == 0)
		write_own(member);
	for (unsigned i = below(3); i > 0; i--)
		say(member);
	if (below(3) == 0)
		write_own(member);
	return len;
}

static void on_drained(struct plait_conn *conn)
{
	if (below(3) == 0)
		say(member_of(conn));
}

static const struct plait_protocol chatter = {
	PLAIT_PROTOCOL_HEAD("chatter"),
	.data = on_data,
	.drained = on_drained,
};

static void join(struct member *member, unsigned group)
{
	if (is_open(member) && plait_group_add(groups[group], member->client.conn) == 0)
		member->in[group] = true;
}

static void leave(struct member *member, unsigned group)
{
	if (member->client.conn)
		plait_group_remove(groups[group], member->client.conn);
	member->in[group] = false;
}

static void come(struct member *member)
{
	*member = (struct member){ 0 };
	rig_connect(&rig, below(4) ? &listener : &tight, &member->client);
	member->client.memory.write_most = below(4) ? 0 : 1000;
	join(member, below(GROUPS));
}

/* What was sent is what it was to be sent, as far as it goes. */
static bool is_prefix(struct member *member)
{
	size_t sent = buffer_size(&member->client.memory.from_conn);
	if (sent > buffer_size(&member->expected))
		return false;
	return sent == 0 ||
	       !memcmp(buffer_data(&member->client.memory.from_conn), buffer_data(&member->expected), sent);
}

static size_t left(struct member *member)
{
	return buffer_size(&member->expected) - buffer_size(&member->client.memory.from_conn);
}

static void check(struct member *member)
{
	right &= is_prefix(member);
	if (is_open(member) && !member->client.memory.fail_writes) {
		right &= plait_conn_queued(member->client.conn) == left(member);
		right &= left(member) <= member->client.conn->factory->settings->buffers.high ||
			 plait_conn_blocked(member->client.conn);
	}
}

/* Whoever was not cut off reads all in the end. */
static void go(struct member *member)
{
	bool cut = !member->client.conn || member->client.conn->state == CONN_CLOSED ||
		   member->client.memory.fail_writes;
	if (!cut && below(2))
		plait_close(member->client.conn);
	if (!cut)
		rig_read(&member->client);
	right &= is_prefix(member) && (cut || left(member) == 0 || !member->client.conn);
	rig_leave(&member->client);
	buffer_fini(&member->expected);
}

static void step(void)
{
	struct member *member = &members[below(MEMBERS)];
	switch (below(24)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4: say(NULL); break;
	case 5:
	case 6: say(member); break;
	case 7:
	case 8:
	case 9: write_own(member); break;
	case 10:
	case 11:
	case 12: memory_feed(&member->client.memory, "!", 1); break;
	case 13: member->client.memory.write_room = below(6000); break;
	case 14: rig_read(&member->client); break;
	case 15: join(member, below(GROUPS)); break;
	case 16: leave(member, below(GROUPS)); break;
	case 17:
		if (below(4) == 0 && member->client.conn) {
			plait_shutdown_write(member->client.conn);
			member->shut = true;
		}
		break;
	case 18:
		if (below(6) == 0)
			member->client.memory.fail_writes = PLAIT_REASON_RESET;
		break;
	case 19:
		if (below(3) == 0) {
			go(member);
			come(member);
		}
		break;
	default: loop_turn(rig.loop, false);
	}
	for (int i = 0; i < MEMBERS; i++)
		check(&members[i]);
}

static void random_walk(uint32_t seed)
{
	state = seed * 2654435761u + 1;
	for (int i = 0; i < MEMBERS; i++)
		come(&members[i]);
	for (int i = 0; i < STEPS && right; i++)
		step();
	for (int i = 0; i < MEMBERS; i++)
		go(&members[i]);
}

static void everybody_is_sent_what_was_for_them_in_order(void)
{
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &chatter, NULL, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&tight, &chatter, NULL, NULL), 0);
	listener.settings.buffers.high = 10000;
	listener.settings.buffers.low = 2000;
	tight.settings.buffers.high = 4000;
	tight.settings.buffers.low = 0;
	groups[0] = plait_group_open("test/share");
	groups[1] = plait_group_open("test/other");
	right = true;
	for (uint32_t seed = 1; seed <= WALKS && right; seed++) {
		random_walk(seed);
		if (!right)
			printf("# seed %u\n", seed);
	}
	CU_ASSERT_TRUE(right);
	for (int i = 0; i < GROUPS; i++)
		plait_group_close(&groups[i]);
	rig_unlisten(&listener);
	rig_unlisten(&tight);
	rig_fini(&rig);
}

/* ---- what is said during a walk ---- */

static struct plait_chunk *word(const char *text)
{
	return plait_chunk_new(text, strlen(text));
}

static void drop(struct plait_conn *conn, struct plait_chunk *chunk)
{
	(void)conn;
	(void)chunk;
}

static void say_more(struct plait_conn *conn, struct plait_chunk *chunk)
{
	struct plait_chunk *more = word("more");
	(void)chunk;
	if (!plait_conn_blocked(conn))
		plait_write_chunk(conn, chunk);
	if (conn == members[0].client.conn)
		plait_group_offer(groups[0], more, NULL, drop);
	plait_chunk_unref(&more);
}

static void three_come(void)
{
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &chatter, NULL, NULL), 0);
	groups[0] = plait_group_open("test/walk");
	for (int i = 0; i < 3; i++) {
		members[i] = (struct member){ 0 };
		rig_connect(&rig, &listener, &members[i].client);
		join(&members[i], 0);
	}
}

static void three_go(void)
{
	for (int i = 0; i < 3; i++)
		rig_leave(&members[i].client);
	plait_group_close(&groups[0]);
	rig_unlisten(&listener);
	rig_fini(&rig);
}

static void who_speaks_in_a_walk_moves_nobody_out_of_it(void)
{
	struct plait_chunk *first = word("first");
	three_come();
	plait_group_each(groups[0], first, NULL, say_more);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&members[0].client, "firstmore"));
	CU_ASSERT_TRUE(rig_heard(&members[1].client, "morefirst"));
	CU_ASSERT_TRUE(rig_heard(&members[2].client, "morefirst"));
	plait_chunk_unref(&first);
	three_go();
}

static void who_shares_hears_what_a_slow_one_has_said(void)
{
	static char flood[100000];
	struct plait_chunk *first = word("first");
	three_come();
	rig_stop_reading(&members[0].client);
	plait_write(members[0].client.conn, flood, sizeof(flood));
	CU_ASSERT_TRUE(plait_conn_blocked(members[0].client.conn));
	plait_group_offer(groups[0], first, NULL, say_more);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&members[1].client, "firstmore"));
	CU_ASSERT_TRUE(rig_heard(&members[2].client, "firstmore"));
	plait_chunk_unref(&first);
	three_go();
}

/* As TLS does, a record at a time. */
static void a_transport_that_takes_some_takes_the_rest_in_the_same_turn(void)
{
	static char block[3000];
	struct plait_chunk *chunk = plait_chunk_new(block, sizeof(block));
	three_come();
	members[1].client.memory.write_most = 16384;
	for (int i = 0; i < 10; i++)
		plait_group_send(groups[0], chunk, NULL);
	loop_turn(rig.loop, false);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(buffer_size(&members[i].client.memory.from_conn), 30000);
	CU_ASSERT_EQUAL(members[1].client.memory.writes, 2);
	CU_ASSERT_TRUE(members[1].client.conn->sharing);
	plait_chunk_unref(&chunk);
	three_go();
}

/* Who writes between messages would only be copied to once more. */
static void who_writes_something_of_its_own_goes_on_alone_for_a_while(void)
{
	struct plait_chunk *chunk = word("x");
	three_come();
	plait_group_send(groups[0], chunk, NULL);
	plait_write(members[0].client.conn, "o", 1);
	rig_run(&rig);
	for (int i = 0; i < GROUP_ALONE; i++) {
		plait_group_send(groups[0], chunk, NULL);
		CU_ASSERT_FALSE(members[0].client.conn->sharing);
		CU_ASSERT_TRUE(members[1].client.conn->sharing);
		rig_run(&rig);
	}
	plait_group_send(groups[0], chunk, NULL);
	CU_ASSERT_TRUE(members[0].client.conn->sharing);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&members[0].client, "xoxxxxxxxxx"));
	plait_chunk_unref(&chunk);
	three_go();
}

SUITE_MAIN("group_share", SUITE_TEST(everybody_is_sent_what_was_for_them_in_order),
	   SUITE_TEST(who_speaks_in_a_walk_moves_nobody_out_of_it),
	   SUITE_TEST(who_shares_hears_what_a_slow_one_has_said),
	   SUITE_TEST(a_transport_that_takes_some_takes_the_rest_in_the_same_turn),
	   SUITE_TEST(who_writes_something_of_its_own_goes_on_alone_for_a_while))
