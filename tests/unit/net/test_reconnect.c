/* A reconnecting client whose server is killed again and again: real sockets, and a clock that the test moves. */
#include <malloc.h>
#include <plait/service.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/net/local.h"
#include "tests/unit/suite.h"

#define KILLS 50
#define WARM_UP 12 /* kills until caches are what they will be */
#define INITIAL_MS 100
#define MAX_MS 1600

static struct local local;
static struct plait_service *service;
static uint64_t now_ms;
static struct plait_conn *served; /* the server's end */
static unsigned client_made, client_lost, failures;

static uint64_t clock_of(void *context)
{
	return *(uint64_t *)context;
}

static void server_made(struct plait_conn *conn)
{
	served = conn;
}

static void server_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	(void)reason;
	served = NULL;
}

static const struct plait_protocol server = { PLAIT_PROTOCOL_HEAD("server"), .made = server_made,
					      .data = rig_echo, .lost = server_lost };

static void made(struct plait_conn *conn)
{
	client_made++;
	plait_write(conn, "hello", 5);
}

static size_t data(struct plait_conn *conn, const void *bytes, size_t len)
{
	(void)conn;
	(void)bytes;
	return len;
}

static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	(void)reason;
	client_lost++;
}

static const struct plait_protocol client = { PLAIT_PROTOCOL_HEAD("client"), .made = made, .data = data,
					      .lost = lost };

/* Asked for a delay exactly when an attempt failed or the connection was lost. */
static uint64_t delay(unsigned count, void *arg)
{
	uint64_t ms = INITIAL_MS;
	(void)arg;
	failures++;
	while (--count > 0 && ms < MAX_MS)
		ms *= 2;
	return ms;
}

/* Turns the loop without the clock moving until the counter is no longer what it was. */
static void wait_for(const unsigned *counter, unsigned was)
{
	while (*counter == was) {
		loop_turn(local.loop, false);
		sched_yield();
	}
}

static void wait_for_served(bool there)
{
	while ((served != NULL) != there) {
		loop_turn(local.loop, false);
		sched_yield();
	}
}

/* The clock moves from timer to timer. Returns how far it did until the next attempt was decided. */
static uint64_t next_attempt(void)
{
	uint64_t before = now_ms;
	unsigned failed = failures, connected = client_made;
	now_ms = timer_heap_next(&local.loop->timers);
	while (failures == failed && client_made == connected) {
		loop_turn(local.loop, false);
		sched_yield();
	}
	return now_ms - before;
}

/* Down for some attempts, then up: it is back with the first attempt after that, no later than the bound. */
static void kill_server(unsigned attempts)
{
	unsigned was_lost = client_lost, was_made = client_made, failed = failures;
	local_unlisten(&local);
	plait_abort(served);
	wait_for(&client_lost, was_lost);
	wait_for(&failures, failed);
	wait_for_served(false);
	for (unsigned i = 0; i < attempts; i++) {
		CU_ASSERT(next_attempt() <= MAX_MS);
		CU_ASSERT_EQUAL_FATAL(client_made, was_made);
	}
	local_listen_again(&local);
	CU_ASSERT(next_attempt() <= MAX_MS);
	CU_ASSERT_EQUAL_FATAL(client_made, was_made + 1);
	wait_for_served(true);
	CU_ASSERT_PTR_NOT_NULL(plait_service_conn(service));
}

/* An address that no other test has, so that nobody takes the port while it is free. */
static const char *own_address(void)
{
	static char text[32];
	unsigned pid = (unsigned)getpid();
	snprintf(text, sizeof(text), "127.%u.%u.%u", 64 + (pid >> 16) % 64, pid >> 8 & 255, 1 + pid % 254);
	return text;
}

static void survives(const char *host)
{
	static const struct plait_service_options options = { .delay = delay };
	unsigned descriptors = 0;
	size_t bytes = 0;
	now_ms = 1000000;
	client_made = client_lost = failures = 0;
	served = NULL;
	local_init(&local);
	loop_set_clock(local.loop, clock_of, &now_ms);
	local_listen(&local, &server, host, 0);
	service = plait_service_new(local.loop, local.endpoint, &client, NULL, &options, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(service);
	CU_ASSERT_EQUAL(plait_service_start(service), 0);
	wait_for(&client_made, 0);
	wait_for_served(true);
	for (unsigned i = 0; i < KILLS; i++) {
		kill_server(i % 8);
		if (i == WARM_UP) {
			descriptors = local_descriptors();
			bytes = mallinfo2().uordblks;
		}
	}
	printf("# %d kills, %u attempts; descriptors %u and %u, bytes in use %zu and %zu\n", KILLS,
	       failures - KILLS + client_made, descriptors, local_descriptors(), bytes, mallinfo2().uordblks);
	CU_ASSERT_EQUAL(local_descriptors(), descriptors);
	CU_ASSERT(mallinfo2().uordblks <= bytes + 8192);
	CU_ASSERT_EQUAL(client_made, KILLS + 1);
	plait_service_free(&service);
	local_fini(&local);
	CU_ASSERT_EQUAL(client_lost, KILLS + 1);
}

static void comes_back_over_tcp(void)
{
	survives(own_address());
}

static void comes_back_over_unix(void)
{
	char path[64];
	snprintf(path, sizeof(path), "unix:@plait-reconnect-%d", (int)getpid());
	survives(path);
}

SUITE_MAIN("reconnect", SUITE_TEST(comes_back_over_tcp), SUITE_TEST(comes_back_over_unix))
