/* Eight threads that post, defer, cancel, wait, write, close and stop at random, on loops that end under them: what was
 * handed over comes to exactly one of those it may come to. A run is some rounds, or PLAIT_STORM_SECONDS. */
#include <plait/threads.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/async/pool.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define THREADS 8
#define LOOPS 3
#define ROUNDS 20
#define ACTS 400
#define HANDLES 16
#define HELD 16

static struct plait_loop *loops[LOOPS];
static struct rig_listener listener;
static atomic_long tokens;  /* handed over, and not yet come to anybody */
static atomic_long results; /* of work, and not yet taken or released */
static atomic_long acts;    /* in this round */
static atomic_bool wrong;

/* Handles that threads share. */
static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;
static struct plait_conn_ref *handles[HANDLES];

/* A loop's outstanding work, and the connections it made. */
struct stage {
	struct plait_deferred *held[HELD];
	struct client *clients;
};

struct client {
	struct memory memory;
	struct client *next;
};

static void end_stage(struct plait_loop *loop, void *data)
{
	struct stage *stage = data;
	if (plait_loop_current() != loop)
		wrong = true;
	for (int i = 0; i < HELD; i++)
		plait_deferred_unref(&stage->held[i]);
	while (stage->clients) {
		struct client *client = stage->clients;
		stage->clients = client->next;
		memory_fini(&client->memory);
		free(client);
	}
}

static const struct plait_loop_key stage_key = { sizeof(struct stage), NULL, end_stage };

static struct stage *stage_here(void)
{
	return plait_loop_data(plait_loop_current(), &stage_key);
}

/* ---- what is handed over ---- */

struct token {
	uint64_t chance;
	struct plait_loop *loop;
};

static struct token *token_new(uint64_t chance)
{
	struct token *token = malloc(sizeof(*token));
	if (!token)
		abort();
	*token = (struct token){ chance, loops[chance % LOOPS] };
	tokens++;
	return token;
}

static void token_end(void *arg)
{
	free(arg);
	tokens--;
}

static void result_end(void *value)
{
	free(value);
	results--;
}

static struct plait_result some_result(void)
{
	results++;
	return plait_owned(malloc(8), result_end);
}

static struct plait_result take(struct plait_result result, void *arg)
{
	(void)arg;
	plait_result_drop(&result);
	return plait_value(NULL);
}

/* ---- on the pool's threads ---- */

static struct plait_result answer_at_once(void *arg)
{
	const struct token *token = arg;
	if (plait_loop_current() != token->loop)
		wrong = true;
	return some_result();
}

/* The token is lent, and taken back when the call returns. */
static struct plait_result wait_for_loop(plait_work_fn *fn, struct plait_loop *loop, uint64_t chance)
{
	struct token token = { chance, loop };
	struct plait_result result;
	struct plait_error error;
	int code = plait_blocking_call(loop, fn, &token, &result, &error);
	token.loop = NULL;
	return code < 0 ? plait_failed(plait_failure(code, "%s", error.text)) : result;
}

static struct plait_result work(void *arg)
{
	struct token token = *(struct token *)arg;
	token_end(arg);
	if (plait_loop_current())
		wrong = true;
	switch (token.chance % 7) {
	case 0: return plait_failed(plait_failure(PLAIT_ERROR_MISSING, "as chance will have it"));
	case 1: return wait_for_loop(answer_at_once, token.loop, token.chance);
	default: return some_result();
	}
}

static void call(void *arg)
{
	if (plait_loop_current())
		wrong = true;
	token_end(arg);
}

/* ---- on the loops ---- */

static void hold(uint64_t chance, struct plait_deferred *deferred)
{
	struct stage *stage = stage_here();
	plait_deferred_unref(&stage->held[chance % HELD]);
	stage->held[chance % HELD] = deferred;
}

static struct plait_deferred *defer(uint64_t chance)
{
	struct plait_deferred *deferred = plait_defer_to_thread_owned(plait_loop_current(), work,
								      token_new(chance / 8), token_end);
	if (chance % 5 == 0)
		plait_add_timeout(deferred, plait_loop_current(), chance % 3);
	return deferred;
}

static void start_work(void *arg)
{
	struct token *token = arg;
	hold(token->chance, plait_add_both(defer(token->chance), take, NULL));
	token_end(token);
}

static void cancel_some(void *arg)
{
	struct token *token = arg;
	struct stage *stage = stage_here();
	for (int i = 0; i < HELD; i++) {
		if (stage->held[i] && (token->chance >> i & 1))
			plait_deferred_cancel(stage->held[i]);
	}
	token_end(token);
}

static struct plait_result defer_there(void *arg)
{
	const struct token *token = arg;
	return plait_later(defer(token->chance));
}

static void connect_here(void *arg)
{
	static const struct plait_addr peer = { .family = PLAIT_FAMILY_IPV4, .u.bytes = { 127, 0, 0, 1 } };
	struct token *token = arg;
	struct stage *stage = stage_here();
	struct client *client = calloc(1, sizeof(*client));
	if (!client)
		abort();
	client->next = stage->clients;
	stage->clients = client;
	memory_init(&client->memory, plait_loop_current());
	struct plait_conn *conn = conn_new(plait_loop_current(), listener.factory, &transport_memory, -1,
					   &client->memory, &peer, NULL);
	if (!conn)
		abort();
	conn_start(conn);
	struct plait_conn_ref *ref = plait_conn_ref(conn), *before;
	pthread_mutex_lock(&handles_lock);
	before = handles[token->chance % HANDLES];
	handles[token->chance % HANDLES] = ref;
	pthread_mutex_unlock(&handles_lock);
	plait_conn_unref(&before);
	token_end(token);
}

static void write_there(struct plait_conn *conn, void *arg)
{
	if (conn && plait_conn_loop(conn) != plait_loop_current())
		wrong = true;
	if (conn)
		plait_write(conn, "there", 5);
	token_end(arg);
}

/* ---- on the eight ---- */

static void use_handle(uint64_t chance)
{
	pthread_mutex_lock(&handles_lock);
	struct plait_conn_ref *ref = handles[chance % HANDLES];
	if (ref)
		ref = plait_conn_ref_copy(ref);
	pthread_mutex_unlock(&handles_lock);
	if (!ref)
		return;
	int result = 0;
	switch (chance / HANDLES % 16) {
	case 0: result = plait_conn_ref_close(ref); break;
	case 1: result = plait_conn_ref_abort(ref); break;
	case 2: plait_conn_ref_call(ref, write_there, token_new(chance)); break;
	default: result = plait_conn_ref_write(ref, "a few words", 11); break;
	}
	if (result != 0 && result != PLAIT_ERROR_GONE && result != PLAIT_ERROR_OVERFLOW)
		wrong = true;
	plait_conn_unref(&ref);
}

static void wait(plait_work_fn *fn, struct plait_loop *loop, uint64_t chance)
{
	struct plait_result result = wait_for_loop(fn, loop, chance);
	plait_result_drop(&result);
}

static void bound(struct plait_loop *loop, uint64_t chance)
{
	struct plait_thread_settings settings = { .min = (unsigned)(chance % 3),
						  .max = 3 + (unsigned)(chance / 3 % 4),
						  .queue = 1 + (unsigned)(chance / 16 % 50),
						  .idle_ms = 1 };
	if (plait_threads_configure(loop, &settings, NULL) < 0)
		wrong = true;
}

static uint64_t next_chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 8;
}

static void act(uint64_t chance)
{
	struct plait_loop *loop = loops[chance % LOOPS];
	chance /= LOOPS;
	switch (chance % 16) {
	case 0:
	case 1:
	case 2: plait_post(loop, start_work, token_new(chance / 16)); break;
	case 3:
	case 4: plait_post(loop, cancel_some, token_new(chance / 16)); break;
	case 5:
	case 6: plait_call_in_thread_owned(loop, call, token_new(chance / 16), token_end); break;
	case 7: wait(answer_at_once, loop, chance / 16); break;
	case 8: wait(defer_there, loop, chance / 16); break;
	case 9: plait_post(loop, connect_here, token_new(chance / 16)); break;
	case 10: bound(loop, chance / 16); break;
	default: use_handle(chance / 16); break;
	}
}

/* Who makes the act of that number stops the loops, one by one. */
static long stop_at;

static void *act_at_random(void *arg)
{
	uint64_t state = *(const uint64_t *)arg;
	for (int i = 0; i < ACTS; i++) {
		long number = acts++ - stop_at;
		if (number >= 0 && number < LOOPS)
			loop_stop(loops[number]);
		act(next_chance(&state));
	}
	return NULL;
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

/* As a server does when its loops have ended. */
static void settle(void)
{
	bool any;
	do {
		any = false;
		for (int i = 0; i < LOOPS; i++) {
			loop_enter(loops[i]);
			net_abort_all(loops[i]->net);
			any |= loop_settle(loops[i]);
		}
	} while (any);
	loop_enter(NULL);
}

static void play_round(uint64_t seed)
{
	pthread_t threads[THREADS], runners[LOOPS];
	uint64_t seeds[THREADS];
	struct threads *pool = pool_new();
	acts = 0;
	stop_at = (long)(seed % (THREADS * ACTS * 3 / 2));
	for (unsigned i = 0; i < LOOPS; i++) {
		loops[i] = loop_new(i, LOOPS);
		net_new(loops[i]);
		loops[i]->threads = pool;
	}
	for (int i = 0; i < LOOPS; i++)
		pthread_create(&runners[i], NULL, run_loop, loops[i]);
	for (unsigned i = 0; i < THREADS; i++) {
		seeds[i] = (seed + i + 1) * 0x9e3779b97f4a7c15u;
		pthread_create(&threads[i], NULL, act_at_random, &seeds[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < LOOPS; i++)
		loop_stop(loops[i]);
	for (int i = 0; i < LOOPS; i++)
		pthread_join(runners[i], NULL);
	settle();
	CU_ASSERT_TRUE(threads_stop(pool));
	settle();
	for (int i = 0; i < HANDLES; i++)
		plait_conn_unref(&handles[i]);
	for (int i = 0; i < LOOPS; i++) {
		net_free(loops[i]);
		loop_free(&loops[i]);
	}
	threads_free(&pool);
}

static const struct plait_protocol quiet = { PLAIT_PROTOCOL_HEAD("quiet") };

static void nothing_is_lost_whatever_the_order(void)
{
	const char *seconds = getenv("PLAIT_STORM_SECONDS");
	time_t until = seconds ? time(NULL) + atol(seconds) : 0;
	uint64_t round = 0;
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &quiet, NULL, NULL), 0);
	do {
		play_round(round * 0x2545f4914f6cdd1du);
		CU_ASSERT_EQUAL(tokens, 0);
		CU_ASSERT_EQUAL(results, 0);
		CU_ASSERT_FALSE(wrong);
	} while ((++round < ROUNDS || time(NULL) < until) && tokens == 0 && results == 0 && !wrong);
	printf("# %llu rounds\n", (unsigned long long)round);
	rig_unlisten(&listener);
}

SUITE_MAIN("threads_storm", SUITE_TEST(nothing_is_lost_whatever_the_order))
