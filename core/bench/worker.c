/* A worker: opens its clients, lets them loose, and gathers them in. */
#include "core/bench/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/container.h"
#include "core/bench/client.h"
#include "core/net/tls/tls.h"

/* Connections that are being made at a time, so that the server's queue does not overflow. */
#define OPENING_MOST 64

#define TICK_MS 100

static void nothing(void *arg)
{
	(void)arg;
}

/* The boss looks at all stages when it wakes. */
static void reach(struct worker *worker, enum stage stage)
{
	atomic_store_explicit(&worker->stage, stage, memory_order_release);
	plait_post(worker->run->boss, nothing, NULL);
}

void worker_trouble(struct worker *worker, enum bench_trouble trouble, const char *text)
{
	worker->troubles[trouble]++;
	if (!worker->text[0])
		snprintf(worker->text, sizeof(worker->text), "%s", text);
}

void worker_fail(struct worker *worker, const char *text)
{
	if (worker->failed)
		return;
	worker->issuing = false;
	snprintf(worker->text, sizeof(worker->text), "%s", text);
	atomic_store_explicit(&worker->failed, true, memory_order_release);
	atomic_store_explicit(&worker->run->failed, true, memory_order_release);
	plait_post(worker->run->boss, nothing, NULL);
}

void worker_due(struct client *client)
{
	struct worker *worker = client->worker;
	if (client->due)
		return;
	client->due = true;
	client->next_due = worker->due;
	worker->due = client;
	loop_defer(worker->loop, &worker->task);
}

void worker_wait(struct client *client)
{
	if (client->due)
		return;
	client->due = true;
	client->next_due = client->worker->waiting;
	client->worker->waiting = client;
}

static void open_more(struct worker *worker)
{
	bool held = !worker->run->kind->churns;
	uint32_t first = held ? 0 : worker->count;
	while (worker->opening < OPENING_MOST && first + worker->opened < worker->count + worker->idle &&
	       !worker->failed) {
		worker->opening++;
		client_open(&worker->clients[first + worker->opened++]);
	}
	uint32_t all = worker->idle + (held ? worker->count : 0);
	if (atomic_load(&worker->settled) == all && atomic_load(&worker->stage) == STAGE_NEW)
		reach(worker, STAGE_READY);
}

void worker_settled(struct worker *worker)
{
	worker->opening--;
	WORKER_ADD(worker->settled, 1u);
	loop_defer(worker->loop, &worker->task);
}

/* Before the run and during it. */
static bool may_open(const struct worker *worker)
{
	return !worker->failed && atomic_load_explicit(&worker->stage, memory_order_relaxed) < STAGE_STOPPED;
}

static void end_turn(struct task *task)
{
	struct worker *worker = CONTAINER_OF(task, struct worker, task);
	struct client *client = worker->due;
	worker->due = NULL;
	for (struct client *next; client; client = next) {
		next = client->next_due;
		client->due = false;
		if (client->state == CLIENT_OPEN)
			client_flush(client);
		else if (client->state == CLIENT_CLOSED && may_open(worker))
			client_open(client);
	}
	if (atomic_load_explicit(&worker->stage, memory_order_relaxed) == STAGE_NEW)
		open_more(worker);
}

static void on_tick(struct timer *timer)
{
	struct worker *worker = CONTAINER_OF(timer, struct worker, tick);
	struct client *client = worker->waiting;
	worker->waiting = NULL;
	for (struct client *next; client; client = next) {
		next = client->next_due;
		client->due = false;
		worker_due(client);
	}
	if (worker->run->kind->tick && worker->counting)
		worker->run->kind->tick(worker);
	loop_start_timer(worker->loop, &worker->tick, loop_now(worker->loop) + TICK_MS);
}

int worker_init(struct worker *worker, struct run *run, unsigned index, struct plait_error *error)
{
	const struct bench_settings *settings = &run->settings;
	uint32_t all = (uint32_t)settings->connections, count = run->worker_count;
	worker->run = run;
	worker->loop = workers_loop(run->loops, index);
	worker->count = all / count + (index < all % count);
	worker->idle = (uint32_t)settings->idle / count + (index < settings->idle % count);
	atomic_store(&worker->live, worker->count);
	worker->next_source = index;
	worker->clients = calloc(worker->count + worker->idle, sizeof(*worker->clients));
	worker->stamps = calloc(worker->count * settings->depth, sizeof(*worker->stamps));
	if (!worker->clients || !worker->stamps)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for %u connections",
				       worker->count + worker->idle);
	for (uint32_t i = 0; i < worker->count + worker->idle; i++) {
		struct client *client = &worker->clients[i];
		bool held = i >= worker->count;
		client->worker = worker;
		client->kind = held ? &kind_idle : run->kind;
		client->index = index + i * count;
		if (!held)
			client->stamps = worker->stamps + i * settings->depth;
		if (run->pattern.bytes)
			client->in_at = client->out_at = pattern_start(&run->pattern, client->index);
	}
	task_init(&worker->task, end_turn);
	timer_init(&worker->tick, on_tick);
	if (run->endpoint.scheme != ENDPOINT_TLS)
		return 0;
	struct tls_client_settings tls = { .verify = settings->ca,
					   .ca = settings->ca,
					   .server_name = run->endpoint.host,
					   .resume = settings->resume };
	worker->tls = tls_client_new(&tls, error);
	return worker->tls ? 0 : PLAIT_ERROR_INVALID;
}

void worker_fini(struct worker *worker)
{
	tls_client_free(&worker->tls);
	free(worker->clients);
	free(worker->stamps);
	worker->clients = NULL;
	worker->stamps = NULL;
}

void worker_open(void *arg)
{
	struct worker *worker = arg;
	loop_start_timer(worker->loop, &worker->tick, loop_now(worker->loop) + TICK_MS);
	open_more(worker);
}

uint64_t worker_take(struct worker *worker, uint64_t n)
{
	struct run *run = worker->run;
	if (!worker->issuing)
		return 0;
	/* In flight before the quota says so: or a look between the two would find the run finished. */
	WORKER_ADD(worker->in_flight, (long long)n);
	if (!run->limited)
		return n;
	long long left = atomic_fetch_sub_explicit(&run->quota, (long long)n, memory_order_release);
	if (left >= (long long)n)
		return n;
	uint64_t got = left > 0 ? (uint64_t)left : 0;
	worker->issuing = false;
	WORKER_ADD(worker->in_flight, -(long long)(n - got));
	return got;
}

long long run_in_flight(const struct run *run)
{
	long long sum = 0;
	for (unsigned i = 0; i < run->worker_count; i++)
		sum += atomic_load(&run->workers[i].in_flight);
	return sum;
}

bool run_finished(const struct run *run)
{
	unsigned live = 0;
	bool spent = run->limited && atomic_load(&run->quota) <= 0;
	for (unsigned i = 0; i < run->worker_count; i++)
		live += atomic_load(&run->workers[i].live);
	return (spent || live == 0) && run_in_flight(run) == 0;
}

void worker_check_finished(struct worker *worker)
{
	if (atomic_load_explicit(&worker->in_flight, memory_order_relaxed) == 0)
		plait_post(worker->run->boss, nothing, NULL);
}

void worker_count(void *arg)
{
	struct worker *worker = arg;
	worker->counting = worker->issuing = true;
	reach(worker, STAGE_RUNNING);
}

void worker_start(void *arg)
{
	struct worker *worker = arg;
	const struct kind *kind = worker->run->kind;
	worker->began_ns = worker->now_ns = clock_ns();
	for (uint32_t i = 0; i < worker->count; i++) {
		struct client *client = &worker->clients[i];
		if (kind->churns || client->state == CLIENT_OPEN)
			kind->start(client);
	}
}

void worker_stop(void *arg)
{
	struct worker *worker = arg;
	worker->counting = worker->issuing = false;
	worker->ended_ns = worker->run->finished ? worker->now_ns : clock_ns();
	reach(worker, STAGE_STOPPED);
}

void worker_close(void *arg)
{
	struct worker *worker = arg;
	loop_stop_timer(worker->loop, &worker->tick);
	worker->due = worker->waiting = NULL;
	for (uint32_t i = 0; i < worker->count + worker->idle; i++) {
		struct client *client = &worker->clients[i];
		if (client->state == CLIENT_OPEN)
			client_end(client);
		else if (client->state != CLIENT_CLOSED)
			client_close(client);
	}
	reach(worker, STAGE_CLOSED);
}
