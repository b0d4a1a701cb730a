/* The stage of a test: its loop, its clock, and what must not be left when it ends. */
#include "core/testing/kit.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/async/failure.h"
#include "core/async/hook.h"
#include "core/base/alloc.h"

/* What has not come to rest by then never will. */
#define TURNS_MOST 100000

void *kit_alloc(size_t size)
{
	return alloc_zeroed(size, "a test");
}

void kit_fault(struct plait_test *test, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("# ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	test->faults++;
}

static uint64_t clock_of(void *context)
{
	return ((const struct plait_test *)context)->now_ms;
}

struct plait_test *plait_test_new(void)
{
	struct plait_test *test = kit_alloc(sizeof(*test));
	test->now_ms = 1000000;
	test->loop = loop_new(0, 1);
	if (!test->loop) {
		perror("plait: no loop for a test");
		abort();
	}
	loop_set_clock(test->loop, clock_of, test);
	net_new(test->loop);
	kit_take_in_hand(test);
	test->failures = failures_unhandled();
	loop_enter(test->loop);
	return test;
}

struct plait_loop *plait_test_loop(struct plait_test *test)
{
	return test->loop;
}

/* Only what plait_test_pick_up connected has sockets. */
static bool sockets_ready(const struct plait_test *test)
{
	struct pollfd set = { .fd = test->loop->set, .events = POLLIN };
	return poll(&set, 1, 0) > 0;
}

static bool is_due(const struct plait_test *test)
{
	return test->loop->tasks || sockets_ready(test) ||
	       timer_heap_next(&test->loop->timers) <= test->now_ms;
}

static void give_up(struct plait_test *test)
{
	if (!test->restless)
		kit_fault(test, "there is no end to what is to be done at %llu ms",
			  (unsigned long long)test->now_ms);
	test->restless = true;
}

void plait_test_run(struct plait_test *test)
{
	unsigned turns = 0;
	do {
		loop_turn(test->loop, false);
		if (++turns == TURNS_MOST) {
			give_up(test);
			return;
		}
	} while (is_due(test) || kit_carry(test));
}

void plait_test_jump(struct plait_test *test, uint64_t ms)
{
	test->now_ms += ms;
	plait_test_run(test);
}

void plait_test_advance(struct plait_test *test, uint64_t ms)
{
	uint64_t end = test->now_ms + ms;
	plait_test_run(test);
	for (;;) {
		uint64_t next = timer_heap_next(&test->loop->timers);
		if (next > end)
			break;
		test->now_ms = next > test->now_ms ? next : test->now_ms;
		plait_test_run(test);
		if (test->restless)
			return;
	}
	test->now_ms = end;
	plait_test_run(test);
}

static void end_peers(struct plait_test *test)
{
	for (struct plait_peer *peer = test->peers; peer; peer = peer->next) {
		if (!peer->conn)
			continue;
		kit_fault(test, "a connection of \"%s\" is not lost",
			  plait_factory_name(plait_conn_factory(peer->conn)));
		plait_abort(peer->conn);
	}
	plait_test_run(test);
	if (test->loop->net->conn_count > 0)
		kit_fault(test, "other connections that are not lost: %zu", test->loop->net->conn_count);
	net_abort_all(test->loop->net);
	plait_test_run(test);
}

static void count_calls(struct plait_test *test)
{
	size_t left = loop_calls(test->loop);
	if (left > 0)
		kit_fault(test, "calls of plait_call_later that are still to come: %zu", left);
}

static void count_failures(struct plait_test *test)
{
	unsigned long more = failures_unhandled() - test->failures;
	if (more > 0)
		kit_fault(test, "failures that nobody handled: %lu", more);
}

static void free_peers(struct plait_test *test)
{
	while (test->peers) {
		struct plait_peer *peer = test->peers;
		test->peers = peer->next;
		memory_fini(&peer->memory);
		free(peer);
	}
}

unsigned plait_test_free(struct plait_test **test_at)
{
	struct plait_test *test = *test_at;
	*test_at = NULL;
	if (!test)
		return 0;
	plait_test_run(test);
	kit_count_unanswered(test);
	end_peers(test);
	kit_free_factories(test);
	kit_drop_work(test);
	plait_test_run(test);
	count_calls(test);
	while (loop_settle(test->loop))
		loop_enter(test->loop);
	count_failures(test);
	hooks_free(test->loop);
	net_free(test->loop);
	loop_free(&test->loop);
	loop_enter(NULL);
	free_peers(test);
	unsigned faults = test->faults;
	free(test);
	return faults;
}
