/* Eight threads that connect, stop, disconnect, cancel and let go at random, on a reactor's loops and against its listeners,
 * until it ends under them: every connection is lost, every factory stops, every Deferred fires once. A run is some rounds,
 * or PLAIT_STORM_SECONDS. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <plait/threads.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/rig.h"
#include "tests/unit/server/trial.h"
#include "tests/unit/suite.h"

#define THREADS 8
#define LOOPS 3
#define ROUNDS 3
#define ACTS 300
#define CONNECTORS 12
#define HELD 16
#define SERVICES 4

static struct plait_connector *connectors[CONNECTORS];
static char endpoints[4][128]; /* over TCP, over UNIX, by name, and one where nobody listens */
static atomic_long factories, connections, deferreds, attempts, made_in_all;

/* ---- the protocols ---- */

static int factory_start(struct plait_factory *factory, struct plait_error *error)
{
	(void)factory;
	(void)error;
	factories++;
	return 0;
}

static void factory_stop(struct plait_factory *factory)
{
	(void)factory;
	factories--;
}

static uint64_t chance_of(const struct plait_conn *conn)
{
	return plait_conn_id(conn) * 0x9e3779b97f4a7c15u >> 32;
}

static void made(struct plait_conn *conn)
{
	connections++;
	made_in_all++;
	plait_write(conn, "hello", 5);
	if (chance_of(conn) % 7 == 0)
		plait_close(conn);
	else if (chance_of(conn) % 11 == 0)
		plait_abort(conn);
}

/* Each byte comes and goes some times, and then it ends. */
static size_t data(struct plait_conn *conn, const void *bytes, size_t len)
{
	unsigned *turns = plait_conn_state(conn);
	if (++*turns > chance_of(conn) % 16)
		plait_close(conn);
	else
		plait_write(conn, bytes, len);
	return len;
}

static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	(void)reason;
	connections--;
}

static const struct plait_protocol caller = { PLAIT_PROTOCOL_HEAD("caller"),
					      .conn_size = sizeof(unsigned),
					      .factory_start = factory_start,
					      .factory_stop = factory_stop,
					      .made = made,
					      .data = data,
					      .lost = lost };

/* ---- connectors ---- */

static void on_started(struct plait_connector *connector, void *arg)
{
	(void)arg;
	expect(plait_connector_state(connector) == PLAIT_CONNECTOR_CONNECTING);
	attempts++;
}

static void on_connected(struct plait_connector *connector, struct plait_conn *conn, void *arg)
{
	(void)arg;
	expect(plait_connector_conn(connector) == conn);
	if (chance_of(conn) % 5 == 0)
		plait_connector_disconnect(connector);
}

static void on_failed(struct plait_connector *connector, struct plait_failure *failure, void *arg)
{
	(void)arg;
	expect(failure->text[0] != '\0');
	expect(plait_connector_state(connector) == PLAIT_CONNECTOR_DISCONNECTED);
	attempts--;
}

static void on_lost(struct plait_connector *connector, enum plait_reason reason, void *arg)
{
	(void)arg;
	attempts--;
	if (reason == PLAIT_REASON_CLOSED)
		plait_connector_connect(connector);
}

static const struct plait_connector_callbacks callbacks = {
	.started = on_started, .connected = on_connected, .failed = on_failed, .lost = on_lost
};

static struct plait_loop *some_loop(uint64_t chance)
{
	return loop_of((unsigned)(chance % LOOPS));
}

static struct plait_connector *new_connector(uint64_t chance)
{
	struct plait_error error;
	struct plait_connector *connector = plait_connector_new(some_loop(chance / 4), endpoints[chance % 4],
								&caller, NULL, &callbacks, NULL, &error);
	if (!connector) {
		puts(error.text);
		abort();
	}
	return connector;
}

/* ---- on the loops ---- */

struct stage {
	struct plait_deferred *held[HELD];
	struct plait_service *services[SERVICES];
};

static void end_stage(struct plait_loop *loop, void *data_)
{
	struct stage *stage = data_;
	expect(plait_loop_current() == loop);
	for (int i = 0; i < SERVICES; i++)
		plait_service_free(&stage->services[i]);
	for (int i = 0; i < HELD; i++)
		plait_deferred_unref(&stage->held[i]);
}

static const struct plait_loop_key stage_key = { sizeof(struct stage), NULL, end_stage };

static struct plait_result fired(struct plait_result result, void *arg)
{
	(void)arg;
	deferreds--;
	plait_result_drop(&result);
	return plait_value(NULL);
}

static void hold(struct stage *stage, uint64_t chance, struct plait_deferred *deferred)
{
	deferreds++;
	plait_add_both(deferred, fired, NULL);
	plait_deferred_unref(&stage->held[chance % HELD]);
	stage->held[chance % HELD] = deferred;
}

static struct plait_deferred *prepare(struct plait_conn *conn, void *arg)
{
	(void)arg;
	switch (chance_of(conn) % 4) {
	case 0: return plait_fail(plait_failure(-100, "as chance will have it"));
	case 1: return plait_deferred_new(NULL, NULL); /* until the connection is lost */
	case 2: return plait_succeed(plait_value(NULL));
	default: return NULL;
	}
}

static struct plait_service *service_at(struct stage *stage, uint64_t chance)
{
	static const struct plait_service_options options = { .initial_delay_ms = 1,
							      .max_delay_ms = 4,
							      .prepare = prepare };
	struct plait_service **at = &stage->services[chance % SERVICES];
	if (!*at)
		*at = plait_service_new(plait_loop_current(), endpoints[chance % 4], &caller, NULL, &options,
					NULL);
	expect(*at != NULL);
	return *at;
}

static void act_here(void *arg)
{
	uint64_t chance = (uintptr_t)arg, pick = chance >> 8;
	struct plait_loop *loop = plait_loop_current();
	struct stage *stage = plait_loop_data(loop, &stage_key);
	switch (chance % 8) {
	case 0:
	case 1: hold(stage, pick, plait_connect(loop, endpoints[pick % 4], &caller, NULL)); break;
	case 2:
		hold(stage, pick,
		     plait_add_timeout(plait_connect(loop, endpoints[pick % 4], &caller, NULL), loop,
				       (unsigned)(pick % 3)));
		break;
	case 3:
		if (stage->held[pick % HELD])
			plait_deferred_cancel(stage->held[pick % HELD]);
		break;
	case 4: plait_service_start(service_at(stage, pick)); break;
	case 5:
		hold(stage, pick,
		     plait_service_when_connected(service_at(stage, pick), (unsigned)(pick % 3)));
		break;
	case 6: hold(stage, pick, plait_service_stop(service_at(stage, pick))); break;
	default: plait_service_free(&stage->services[pick % SERVICES]);
	}
}

/* ---- the threads ---- */

static void act(uint64_t chance)
{
	struct plait_connector *connector = connectors[chance / 16 % CONNECTORS], *own;
	switch (chance % 8) {
	case 0:
	case 1: plait_connector_connect(connector); break;
	case 2: plait_connector_stop_connecting(connector); break;
	case 3: plait_connector_disconnect(connector); break;
	case 4: expect(plait_connector_state(connector) <= PLAIT_CONNECTOR_CONNECTED); break;
	case 5:
		own = new_connector(chance / 16);
		plait_connector_connect(own);
		if (chance & 1024)
			plait_connector_disconnect(own);
		plait_connector_unref(&own);
		break;
	default: plait_post(some_loop(chance / 16), act_here, (void *)(uintptr_t)(chance >> 20));
	}
}

static void *play(void *arg)
{
	uint64_t random = (uintptr_t)arg;
	for (int i = 0; i < ACTS; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		act(random >> 16);
		if (i % 16 == 0)
			sched_yield();
	}
	return NULL;
}

static void *run_reactor(void *arg)
{
	(void)arg;
	plait_reactor_run(reactor);
	return NULL;
}

static int dead_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	snprintf(endpoints[3], sizeof(endpoints[3]), "tcp://127.0.0.1:%u", ntohs(in.sin_port));
	return fd;
}

static void listen_here(void)
{
	char path[64];
	struct plait_error error = { 0 };
	snprintf(path, sizeof(path), "unix:@plait-storm-%d", (int)getpid());
	struct plait_listener *tcp = plait_listen(reactor, "tcp://127.0.0.1:0", &rig_echoer, NULL, &error);
	struct plait_listener *local = plait_listen(reactor, path, &rig_echoer, NULL, &error);
	CU_ASSERT_FATAL(tcp && local);
	snprintf(endpoints[0], sizeof(endpoints[0]), "%s", plait_listener_address(tcp));
	snprintf(endpoints[1], sizeof(endpoints[1]), "%s", path);
	snprintf(endpoints[2], sizeof(endpoints[2]), "tcp://localhost%s", strrchr(endpoints[0], ':'));
}

static void play_round(uint64_t seed)
{
	pthread_t threads[THREADS], runner;
	trial_begin_with(&(struct plait_reactor_options){ .loops = LOOPS, .leave_signals = true });
	int holder = dead_port();
	listen_here();
	for (unsigned i = 0; i < CONNECTORS; i++)
		connectors[i] = new_connector(i);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&runner, NULL, run_reactor, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, play, (void *)(uintptr_t)(seed + i)),
				      0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	plait_reactor_stop(reactor);
	for (unsigned i = 0; i < CONNECTORS; i++)
		plait_connector_unref(&connectors[i]);
	pthread_join(runner, NULL);
	trial_finish();
	close(holder);
}

static bool all_went(void)
{
	return factories == 0 && connections == 0 && deferreds == 0 && attempts == 0;
}

static void nothing_is_left_whatever_the_order(void)
{
	const char *seconds = getenv("PLAIT_STORM_SECONDS");
	time_t until = seconds ? time(NULL) + atol(seconds) : 0;
	uint64_t round = 0;
	do {
		play_round(round * 0x2545f4914f6cdd1du);
		CU_ASSERT_EQUAL(factories, 0);
		CU_ASSERT_EQUAL(connections, 0);
		CU_ASSERT_EQUAL(deferreds, 0);
		CU_ASSERT_EQUAL(attempts, 0);
	} while ((++round < ROUNDS || time(NULL) < until) && all_went());
	CU_ASSERT(made_in_all > 0);
	printf("# %llu rounds, %ld connections\n", (unsigned long long)round, (long)made_in_all);
}

SUITE_MAIN("clients_storm", SUITE_TEST(nothing_is_left_whatever_the_order))
