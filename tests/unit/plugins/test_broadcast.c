/* Tests the broadcast plugin on connections over memory: rooms, numbers, framings, and slow readers. */
#include "plugins/broadcast/broadcast.c"

#include "core/base/option.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define CLIENTS 4

struct hall {
	struct rig rig;
	struct rig_listener listener;
	struct rig_client clients[CLIENTS];
	size_t count;
};

static void begin(struct hall *hall, const char *json, size_t count)
{
	rig_init(&hall->rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&hall->listener, &plait_plugin, json, NULL), 0);
	hall->count = count;
	for (size_t i = 0; i < count; i++)
		rig_connect(&hall->rig, &hall->listener, &hall->clients[i]);
}

static void end(struct hall *hall)
{
	for (size_t i = 0; i < hall->count; i++)
		rig_leave(&hall->clients[i]);
	rig_unlisten(&hall->listener);
	rig_fini(&hall->rig);
	CU_ASSERT_PTR_NULL(rooms);
}

static void each_is_greeted_with_its_number(void)
{
	struct hall hall;

	begin(&hall, NULL, 3);
	CU_ASSERT(rig_heard(&hall.clients[0], "welcome, you are number 1\r\n"));
	CU_ASSERT(rig_heard(&hall.clients[1], "welcome, you are number 2\r\n"));
	CU_ASSERT(rig_heard(&hall.clients[2], "welcome, you are number 3\r\n"));
	rig_leave(&hall.clients[1]);
	rig_connect(&hall.rig, &hall.listener, &hall.clients[1]);
	CU_ASSERT(rig_heard(&hall.clients[1], "welcome, you are number 4\r\n"));
	end(&hall);
	begin(&hall, "{\"welcome\": \"{number}: hi {number}\"}", 1);
	CU_ASSERT(rig_heard(&hall.clients[0], "1: hi 1\r\n"));
	end(&hall);
	begin(&hall, "{\"welcome\": \"\"}", 1);
	CU_ASSERT(rig_heard(&hall.clients[0], ""));
	end(&hall);
}

static void what_one_says_all_others_hear(void)
{
	struct hall hall;

	begin(&hall, "{\"welcome\": \"\"}", 3);
	rig_say(&hall.clients[1], "hello\r\nwor");
	rig_say(&hall.clients[1], "ld\n\r\n");
	rig_say(&hall.clients[2], "yes\r\n");
	CU_ASSERT(rig_heard(&hall.clients[0], "<2> hello\r\n<2> world\r\n<2> \r\n<3> yes\r\n"));
	CU_ASSERT(rig_heard(&hall.clients[1], "<3> yes\r\n"));
	CU_ASSERT(rig_heard(&hall.clients[2], "<2> hello\r\n<2> world\r\n<2> \r\n"));
	rig_leave(&hall.clients[2]);
	rig_say(&hall.clients[0], "gone?\r\n");
	CU_ASSERT(rig_heard(&hall.clients[1], "<1> gone?\r\n"));
	rig_connect(&hall.rig, &hall.listener, &hall.clients[2]);
	end(&hall);
}

static void the_sender_hears_itself_if_the_option_says_so(void)
{
	struct hall hall;

	begin(&hall, "{\"welcome\": \"\", \"echo_to_sender\": true}", 2);
	rig_say(&hall.clients[0], "hello\r\n");
	CU_ASSERT(rig_heard(&hall.clients[0], "<1> hello\r\n"));
	CU_ASSERT(rig_heard(&hall.clients[1], "<1> hello\r\n"));
	end(&hall);
}

static void a_stream_is_passed_on_as_it_comes(void)
{
	struct hall hall;

	begin(&hall, "{\"framing\": \"stream\", \"welcome\": \"hi {number}\", \"max_message\": 3}", 2);
	CU_ASSERT(rig_heard(&hall.clients[1], "hi 2"));
	rig_say(&hall.clients[0], "any bytes");
	CU_ASSERT(rig_heard(&hall.clients[1], "any bytes"));
	rig_say(&hall.clients[0], "\r\n\n");
	CU_ASSERT(rig_heard(&hall.clients[1], "\r\n\n"));
	end(&hall);
}

static void a_longer_line_ends_its_sender_only(void)
{
	struct hall hall;

	begin(&hall, "{\"max_message\": 4, \"welcome\": \"\"}", 2);
	rig_say(&hall.clients[0], "four\r\nfiver\r\n");
	CU_ASSERT(hall.clients[0].memory.was_shut_down);
	CU_ASSERT_FALSE(hall.clients[1].memory.was_shut_down);
	CU_ASSERT(rig_heard(&hall.clients[1], "<1> four\r\n"));
	end(&hall);
}

static void listeners_share_a_room_of_one_name_and_framing(void)
{
	static const char *const rooms_of[CLIENTS] = {
		"{\"welcome\": \"{number}\"}",
		"{\"welcome\": \"{number}\", \"room\": \"lobby\"}",
		"{\"welcome\": \"{number}\", \"room\": \"other\"}",
		"{\"welcome\": \"{number}\", \"framing\": \"stream\"}",
	};
	static const char *const greetings[CLIENTS] = { "1\r\n", "2\r\n", "1\r\n", "1" };
	struct rig rig;
	struct rig_listener listeners[CLIENTS];
	struct rig_client clients[CLIENTS];

	rig_init(&rig);
	for (size_t i = 0; i < CLIENTS; i++) {
		CU_ASSERT_EQUAL_FATAL(rig_listen(&listeners[i], &plait_plugin, rooms_of[i], NULL), 0);
		rig_connect(&rig, &listeners[i], &clients[i]);
		CU_ASSERT(rig_heard(&clients[i], greetings[i]));
	}
	rig_say(&clients[0], "hello\r\n");
	CU_ASSERT(rig_heard(&clients[1], "<1> hello\r\n"));
	CU_ASSERT(rig_heard(&clients[2], ""));
	CU_ASSERT(rig_heard(&clients[3], ""));
	rig_say(&clients[1], "hello\r\n");
	CU_ASSERT(rig_heard(&clients[0], "<2> hello\r\n"));
	for (size_t i = 0; i < CLIENTS; i++) {
		rig_leave(&clients[i]);
		rig_unlisten(&listeners[i]);
	}
	CU_ASSERT_PTR_NULL(rooms);
	rig_fini(&rig);
}

/* ---- slow readers: clients[0] speaks, clients[1] stops reading, clients[2] reads ---- */

#define SLOW_OPTIONS "\"welcome\": \"\", \"backlog\": 4096"
#define LINE_SIZE 116 /* of "<1> NNNNNNNN xxx...\r\n" */

static void speak(struct hall *hall, unsigned first, unsigned count)
{
	char line[LINE_SIZE];

	for (unsigned i = first; i < first + count; i++) {
		snprintf(line, sizeof(line), "%08u %0100u\r\n", i, 0u);
		rig_say(&hall->clients[0], line);
	}
}

/* Reads "<1> NNNNNNNN ..." lines and "*** N messages dropped": the numbers must go on without a gap but for
 * what was told. Returns the next number to come, or -1. */
static long check_numbers(struct rig_client *client, long next, uint64_t *dropped)
{
	struct buffer *heard = &client->memory.from_conn;
	const char *at = (const char *)buffer_data(heard), *stop = at + buffer_size(heard);

	while (at < stop) {
		const char *line_end = memmem(at, (size_t)(stop - at), "\r\n", 2);
		unsigned number;
		char text[200];

		if (!line_end || (size_t)(line_end - at) >= sizeof(text))
			return -1;
		memcpy(text, at, (size_t)(line_end - at));
		text[line_end - at] = '\0';
		if (sscanf(text, "*** %u messages dropped", &number) == 1) {
			next += number;
			*dropped += number;
		} else if (sscanf(text, "<1> %u", &number) != 1 || number != next++) {
			printf("# \"%s\" instead of number %ld\n", text, next - 1);
			return -1;
		}
		at = line_end + 2;
	}
	buffer_consume(heard, buffer_size(heard));
	return next;
}

static size_t waiting(const struct rig_client *client)
{
	return plait_conn_queued(client->conn);
}

static void nothing_is_lost_while_the_backlog_suffices(void)
{
	struct hall hall;
	uint64_t dropped = 0;

	begin(&hall, "{" SLOW_OPTIONS "}", 3);
	hall.listener.settings.buffers.high = 1000;
	hall.listener.settings.buffers.low = 200;
	rig_stop_reading(&hall.clients[1]);
	speak(&hall, 0, 25);
	const struct member *member = plait_conn_state(hall.clients[1].conn);

	CU_ASSERT(member->count > 10);
	rig_read(&hall.clients[1]);
	CU_ASSERT_EQUAL(check_numbers(&hall.clients[1], 0, &dropped), 25);
	CU_ASSERT_EQUAL(dropped, 0);
	CU_ASSERT_EQUAL(member->size, 0);
	speak(&hall, 25, 5);
	CU_ASSERT_EQUAL(check_numbers(&hall.clients[1], 25, &dropped), 30);
	CU_ASSERT_EQUAL(check_numbers(&hall.clients[2], 0, &dropped), 30);
	end(&hall);
}

static void the_oldest_are_dropped_and_told(void)
{
	struct hall hall;
	uint64_t dropped = 0;

	begin(&hall, "{" SLOW_OPTIONS "}", 3);
	hall.listener.settings.buffers.high = 1000;
	hall.listener.settings.buffers.low = 200;
	rig_stop_reading(&hall.clients[1]);
	speak(&hall, 0, 1000);
	const struct member *member = plait_conn_state(hall.clients[1].conn);

	CU_ASSERT(member->cost <= 4096);
	CU_ASSERT(member->size <= 64);
	CU_ASSERT(waiting(&hall.clients[1]) <= 1000 + LINE_SIZE);
	CU_ASSERT(member->dropped > 900);
	/* The other one heard each in its time. */
	CU_ASSERT_EQUAL(check_numbers(&hall.clients[2], 0, &dropped), 1000);
	CU_ASSERT_EQUAL(dropped, 0);
	rig_read(&hall.clients[1]);
	CU_ASSERT_EQUAL(check_numbers(&hall.clients[1], 0, &dropped), 1000);
	CU_ASSERT_EQUAL(dropped, member->dropped);
	speak(&hall, 1000, 1);
	CU_ASSERT_EQUAL(check_numbers(&hall.clients[1], 1000, &dropped), 1001);
	end(&hall);
}

static void a_reader_that_is_slow_again_and_again_is_told_each_time(void)
{
	struct hall hall;
	uint64_t dropped = 0;
	long next = 0;

	begin(&hall, "{" SLOW_OPTIONS "}", 2);
	hall.listener.settings.buffers.high = 1000;
	hall.listener.settings.buffers.low = 200;
	for (unsigned round = 0; round < 200; round++) {
		hall.clients[1].memory.write_room = (round * 37) % 3000;
		memory_wake(&hall.clients[1].memory);
		speak(&hall, round * 17, 17);
	}
	rig_read(&hall.clients[1]);
	next = check_numbers(&hall.clients[1], next, &dropped);
	CU_ASSERT_EQUAL(next, 200 * 17);
	CU_ASSERT(dropped > 0);
	CU_ASSERT(dropped < 200 * 17);
	end(&hall);
}

static void one_message_may_be_longer_than_the_backlog(void)
{
	static char line[20000];
	struct hall hall;

	memset(line, 'x', sizeof(line));
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	begin(&hall, "{" SLOW_OPTIONS "}", 2);
	hall.listener.settings.buffers.high = 1000;
	hall.listener.settings.buffers.low = 200;
	rig_stop_reading(&hall.clients[1]);
	for (int i = 0; i < 5; i++)
		rig_say_bytes(&hall.clients[0], line, sizeof(line));
	const struct member *member = plait_conn_state(hall.clients[1].conn);

	CU_ASSERT_EQUAL(member->count, 1);
	CU_ASSERT_EQUAL(member->dropped, 3);
	rig_read(&hall.clients[1]);
	CU_ASSERT_EQUAL(buffer_size(&hall.clients[1].memory.from_conn),
			2 * (sizeof(line) + 4) + strlen("*** 3 messages dropped\r\n"));
	end(&hall);
}

static void a_burst_in_one_turn_is_not_a_slow_reader(void)
{
	static char burst[60000];
	struct hall hall;
	size_t lines = sizeof(burst) / 3;

	for (size_t i = 0; i < lines; i++)
		memcpy(burst + 3 * i, "x\r\n", 3);
	begin(&hall, "{" SLOW_OPTIONS "}", 2);
	rig_say_bytes(&hall.clients[0], burst, 3 * lines);
	CU_ASSERT_EQUAL(buffer_size(&hall.clients[1].memory.from_conn), lines * strlen("<1> x\r\n"));
	const struct member *member = plait_conn_state(hall.clients[1].conn);

	CU_ASSERT_EQUAL(member->dropped, 0);
	CU_ASSERT_EQUAL(member->count, 0);
	end(&hall);
}

static void a_slow_reader_is_disconnected_if_the_option_says_so(void)
{
	struct hall hall;
	uint64_t dropped = 0;

	begin(&hall, "{" SLOW_OPTIONS ", \"slow_reader\": \"disconnect\"}", 3);
	hall.listener.settings.buffers.high = 1000;
	hall.listener.settings.buffers.low = 200;
	rig_stop_reading(&hall.clients[1]);
	speak(&hall, 0, 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(hall.clients[1].conn);
	speak(&hall, 20, 80);
	CU_ASSERT_PTR_NULL(hall.clients[1].conn);
	CU_ASSERT(hall.clients[1].memory.was_reset);
	CU_ASSERT_EQUAL(check_numbers(&hall.clients[2], 0, &dropped), 100);
	end(&hall);
}

static void a_slow_reader_that_leaves_leaks_nothing(void)
{
	struct hall hall;

	begin(&hall, "{" SLOW_OPTIONS "}", 3);
	hall.listener.settings.buffers.high = 1000;
	rig_stop_reading(&hall.clients[1]);
	speak(&hall, 0, 100);
	rig_end(&hall.clients[1]);
	end(&hall); /* the sanitizer looks */
}

static void a_ring_that_grows_keeps_its_order(void)
{
	struct member member = { 0 };
	unsigned char next_in = 0, next_out = 0;

	for (int round = 0; round < 60; round++) {
		for (int i = 0; i < 5; i++, next_in++) {
			struct plait_chunk *chunk = plait_chunk_new(&next_in, 1);

			CU_ASSERT(ring_put(&member, chunk));
			plait_chunk_unref(&chunk);
		}
		for (int i = 0; i < 3; i++, next_out++) {
			struct plait_chunk *chunk = ring_take(&member);

			CU_ASSERT_EQUAL(*(unsigned char *)plait_chunk_bytes(chunk), next_out);
			plait_chunk_unref(&chunk);
		}
	}
	CU_ASSERT_EQUAL(member.count, 120);
	CU_ASSERT_EQUAL(member.cost, 120 * (OVERHEAD + 1));
	CU_ASSERT_EQUAL(member.size, 128);
	ring_fini(&member);
	CU_ASSERT_EQUAL(member.cost, 0);
}

static void the_option_table_is_sound(void)
{
	char text[256];

	CU_ASSERT_PTR_NULL(option_table_fault(options, sizeof(struct broadcast_options), text, sizeof(text)));
}

/* The sender's message is within the option's bound; that it does not fit under a listener's cap is nobody's end. */
static void a_message_beyond_the_cap_is_dropped_and_told(void)
{
	static char line[100002];
	struct hall hall;

	memset(line, 'm', sizeof(line));
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	begin(&hall, "{\"welcome\": \"\", \"max_message\": \"1m\"}", 2);
	hall.listener.settings.buffers.cap = 100000;
	rig_say_bytes(&hall.clients[0], line, sizeof(line));
	CU_ASSERT_PTR_NOT_NULL_FATAL(hall.clients[1].conn);
	CU_ASSERT(rig_heard(&hall.clients[1], "*** 1 messages dropped\r\n"));
	rig_say(&hall.clients[0], "short\r\n");
	CU_ASSERT(rig_heard(&hall.clients[1], "<1> short\r\n"));
	end(&hall);
}

static void ignore(void *arg)
{
	(void)arg;
}

static void a_drain_gives_slow_readers_what_waits_for_them(void)
{
	struct hall hall;
	char last[LINE_SIZE + 16];

	begin(&hall, "{\"welcome\": \"\"}", 3);
	hall.listener.settings.buffers.high = 1024;
	hall.listener.settings.buffers.low = 512;
	rig_stop_reading(&hall.clients[1]);
	speak(&hall, 0, 100);
	net_drain(hall.rig.loop->net, ignore, NULL);
	rig_run(&hall.rig);
	CU_ASSERT_TRUE(hall.clients[2].memory.was_shut_down);
	CU_ASSERT_FALSE(hall.clients[1].memory.was_shut_down);
	rig_read(&hall.clients[1]);
	CU_ASSERT_TRUE(hall.clients[1].memory.was_shut_down);
	int len = snprintf(last, sizeof(last), "<1> %08u %0100u\r\n", 99u, 0u);
	const struct buffer *heard = &hall.clients[1].memory.from_conn;
	CU_ASSERT_EQUAL(buffer_size(heard), 100 * (size_t)len);
	CU_ASSERT_EQUAL(memcmp(buffer_data(heard) + 99 * len, last, (size_t)len), 0);
	end(&hall);
}

SUITE_MAIN("broadcast", SUITE_TEST(each_is_greeted_with_its_number),
	   SUITE_TEST(what_one_says_all_others_hear),
	   SUITE_TEST(the_sender_hears_itself_if_the_option_says_so),
	   SUITE_TEST(a_stream_is_passed_on_as_it_comes), SUITE_TEST(a_longer_line_ends_its_sender_only),
	   SUITE_TEST(listeners_share_a_room_of_one_name_and_framing),
	   SUITE_TEST(nothing_is_lost_while_the_backlog_suffices),
	   SUITE_TEST(the_oldest_are_dropped_and_told),
	   SUITE_TEST(a_reader_that_is_slow_again_and_again_is_told_each_time),
	   SUITE_TEST(one_message_may_be_longer_than_the_backlog),
	   SUITE_TEST(a_burst_in_one_turn_is_not_a_slow_reader),
	   SUITE_TEST(a_slow_reader_is_disconnected_if_the_option_says_so),
	   SUITE_TEST(a_slow_reader_that_leaves_leaks_nothing), SUITE_TEST(a_ring_that_grows_keeps_its_order),
	   SUITE_TEST(the_option_table_is_sound), SUITE_TEST(a_message_beyond_the_cap_is_dropped_and_told),
	   SUITE_TEST(a_drain_gives_slow_readers_what_waits_for_them))
