/* What the test kit lets a test do by hand: work, names, connections being opened. */
#include <plait/plait.h>
#include <plait/testing.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "tests/unit/suite.h"

static struct plait_test *test;
static char seen[300];

static void note(const char *what)
{
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s ", what);
}

static void begin(void)
{
	seen[0] = '\0';
	test = plait_test_new();
}

static struct plait_result work(void *arg)
{
	CU_ASSERT_PTR_NULL(plait_loop_current());
	note(arg);
	return plait_value(arg);
}

static struct plait_result on_value(struct plait_result result, void *arg)
{
	(void)arg;
	note(result.value);
	return plait_value(NULL);
}

static struct plait_result on_failure(struct plait_result result, void *arg)
{
	(void)arg;
	note(result.failure->text);
	plait_result_drop(&result);
	return plait_value(NULL);
}

static struct plait_deferred *defer(char *name)
{
	struct plait_deferred *deferred = plait_defer_to_thread(plait_test_loop(test), work, name);
	return plait_add_callbacks(deferred, on_value, on_failure, NULL);
}

static void work_waits_until_it_is_run(void)
{
	begin();
	struct plait_deferred *one = defer("one"), *two = defer("two"), *three = defer("three");
	plait_test_run(test);
	CU_ASSERT_EQUAL(plait_test_work(test), 3);
	CU_ASSERT_STRING_EQUAL(seen, "");
	plait_deferred_cancel(two);
	CU_ASSERT_EQUAL(plait_test_work(test), 2);
	seen[0] = '\0';
	CU_ASSERT_TRUE(plait_test_run_work(test));
	CU_ASSERT_STRING_EQUAL(seen, "one one ");
	plait_deferred_unref(&one);
	plait_deferred_unref(&two);
	plait_deferred_unref(&three);
	CU_ASSERT_EQUAL(plait_test_free(&test), 1); /* three was never run */
}

static void failures_that_nobody_handles_are_counted(void)
{
	log_configure((enum plait_log_level) - 1, LOG_HUMAN);
	begin();
	struct plait_deferred *deferred = plait_fail(plait_failure(PLAIT_ERROR_MISSING, "as expected"));
	plait_deferred_unref(&deferred);
	CU_ASSERT_EQUAL(plait_test_free(&test), 1);
	log_configure(PLAIT_LOG_INFO, LOG_HUMAN);
}

/* ---- clients ---- */

static void greet(struct plait_conn *conn)
{
	plait_write(conn, "hello", 5);
	plait_close(conn);
}

static size_t hear(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	char text[20];
	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)data);
	note(text);
	return len;
}

static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	note(plait_reason_name(reason));
}

static const struct plait_protocol greeter = { PLAIT_PROTOCOL_HEAD("greeter"), .made = greet };
static const struct plait_protocol hearer = { PLAIT_PROTOCOL_HEAD("hearer"), .data = hear, .lost = lost };

static struct plait_result connected(struct plait_result result, void *arg)
{
	(void)arg;
	note(result.value ? "connected" : "?");
	return plait_value(NULL);
}

static void dial(const char *endpoint)
{
	struct plait_deferred *deferred = plait_connect(plait_test_loop(test), endpoint, &hearer, NULL);
	plait_add_callbacks(deferred, connected, on_failure, NULL);
	plait_deferred_unref(&deferred);
	plait_test_run(test);
}

static void a_name_is_answered_and_a_call_picked_up(void)
{
	begin();
	struct plait_factory *factory = plait_test_factory(test, &greeter, NULL, NULL);
	CU_ASSERT_PTR_NULL(plait_test_question(test));
	CU_ASSERT_FALSE(plait_test_answer(test, "127.0.0.1"));
	dial("tcp://example.org:7007");
	CU_ASSERT_STRING_EQUAL(plait_test_question(test), "example.org");
	CU_ASSERT_PTR_NULL(plait_test_dialled(test));
	CU_ASSERT_TRUE(plait_test_answer(test, "::1 127.0.0.1"));
	CU_ASSERT_STRING_EQUAL(plait_test_dialled(test), "[::1]:7007");
	CU_ASSERT_TRUE(plait_test_refuse(test));
	CU_ASSERT_STRING_EQUAL(plait_test_dialled(test), "127.0.0.1:7007");
	CU_ASSERT_STRING_EQUAL(seen, "");
	CU_ASSERT_TRUE(plait_test_pick_up(test, factory));
	CU_ASSERT_STRING_EQUAL(seen, "connected hello peer-closed ");
	CU_ASSERT_FALSE(plait_test_pick_up(test, factory));
	CU_ASSERT_FALSE(plait_test_refuse(test));
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static void a_name_may_not_exist(void)
{
	begin();
	dial("tcp://nowhere.example:7007");
	CU_ASSERT_TRUE(plait_test_answer(test, NULL));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, "there is no host \"nowhere.example\""));
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static void what_nobody_answers_is_counted(void)
{
	begin();
	dial("tcp://example.org:7007");
	CU_ASSERT_EQUAL(plait_test_free(&test), 1);
	CU_ASSERT_STRING_NOT_EQUAL(seen, ""); /* who asked was told */
	begin();
	dial("tcp://127.0.0.1:7007");
	CU_ASSERT_EQUAL(plait_test_free(&test), 1);
}

static void a_service_comes_back_on_the_clock_of_the_test(void)
{
	static const struct plait_service_options options = { .initial_delay_ms = 1000,
							      .factor = 2,
							      .jitter = -1 };
	begin();
	struct plait_factory *factory = plait_test_factory(test, &greeter, NULL, NULL);
	struct plait_service *service = plait_service_new(plait_test_loop(test), "tcp://127.0.0.1:7007",
							  &hearer, NULL, &options, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(service);
	plait_service_start(service);
	plait_test_run(test);
	CU_ASSERT_TRUE(plait_test_refuse(test));
	plait_test_advance(test, 999);
	CU_ASSERT_PTR_NULL(plait_test_dialled(test));
	plait_test_advance(test, 1);
	CU_ASSERT_TRUE(plait_test_refuse(test));
	plait_test_advance(test, 1999);
	CU_ASSERT_PTR_NULL(plait_test_dialled(test));
	plait_test_advance(test, 1);
	CU_ASSERT_TRUE(plait_test_pick_up(test, factory));
	CU_ASSERT_STRING_EQUAL(seen, "hello peer-closed ");
	plait_service_free(&service);
	plait_test_run(test);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

/* More than both sides' marks and the kernel hold. */
#define MUCH ((size_t)8 << 20)

static size_t answered;

static void write_much(struct plait_conn *conn)
{
	struct plait_chunk *chunk = plait_chunk_new(NULL, MUCH);
	memset(plait_chunk_bytes(chunk), 'x', MUCH);
	plait_write_chunk(conn, chunk);
	plait_chunk_unref(&chunk);
}

static size_t count(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	answered += len;
	if (answered == MUCH)
		plait_close(conn);
	return len;
}

static size_t echo(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

static const struct plait_protocol writer = { PLAIT_PROTOCOL_HEAD("writer"), .made = write_much,
					      .data = count };
static const struct plait_protocol echoing = { PLAIT_PROTOCOL_HEAD("echoing"), .data = echo };

/* Each would wait for the other to read. */
static void who_writes_much_still_reads_the_answer(void)
{
	begin();
	answered = 0;
	struct plait_factory *factory = plait_test_factory(test, &echoing, NULL, NULL);
	struct plait_deferred *deferred = plait_connect(plait_test_loop(test), "tcp://127.0.0.1:7007",
							&writer, NULL);
	plait_deferred_unref(&deferred);
	plait_test_run(test);
	CU_ASSERT_TRUE(plait_test_pick_up(test, factory));
	CU_ASSERT_EQUAL(answered, MUCH);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

SUITE_MAIN("by_hand", SUITE_TEST(work_waits_until_it_is_run),
	   SUITE_TEST(failures_that_nobody_handles_are_counted),
	   SUITE_TEST(a_name_is_answered_and_a_call_picked_up), SUITE_TEST(a_name_may_not_exist),
	   SUITE_TEST(what_nobody_answers_is_counted),
	   SUITE_TEST(a_service_comes_back_on_the_clock_of_the_test),
	   SUITE_TEST(who_writes_much_still_reads_the_answer))
