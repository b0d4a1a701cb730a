/* A run, the workers that share it (one a thread and loop), and their clients (one a connection). */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <stdatomic.h>
#include <time.h>

#include "core/bench/bench.h"
#include "core/bench/dial.h"
#include "core/bench/histogram.h"
#include "core/bench/pattern.h"
#include "core/loop/loop.h"
#include "core/loop/workers.h"
#include "core/net/transport/transport.h"

struct kind;
struct tls_client;

/* What is the same for all workers, and does not change while they run but for the atomics. */
struct run {
	struct bench_settings settings;
	struct endpoint endpoint;
	const struct kind *kind;
	const struct transport_ops *transport;
	struct dial dial;
	uint32_t ports; /* that one source address may use; 0: without bound */
	struct pattern pattern;
	void *own;          /* the kind's */
	bool limited;       /* there is a quota */
	atomic_llong quota; /* messages that may still begin; below 0: none */
	atomic_bool failed; /* a worker's failure ends it all */
	bool finished;      /* by itself, before it was stopped */
	struct workers *loops;
	struct plait_loop *boss;
	struct worker *workers;
	unsigned worker_count;
};

/* Stages that a worker has reached, in this order. */
enum stage {
	STAGE_NEW,
	STAGE_READY,   /* the connections that are held are there */
	STAGE_RUNNING, /* it counts */
	STAGE_STOPPED, /* it begins and counts nothing more */
	STAGE_CLOSED,  /* its connections are gone */
};

struct worker {
	_Alignas(CACHE_LINE) struct run *run;
	struct plait_loop *loop;
	struct tls_client *tls;
	uint64_t now_ns; /* when input came last */
	bool counting, issuing;
	atomic_ullong operations, bytes; /* bytes: all that came in; both are read by the boss */
	atomic_llong in_flight;          /* messages begun and not ended */
	atomic_uint settled, live; /* connections held that are there; those of the run that are not lost */

	struct client *clients; /* those that only are there come last */
	uint32_t count, idle;
	uint64_t *stamps;

	uint32_t opened, opening; /* of those that are held: begun, under way */
	uint32_t next_source;
	struct client *due, *waiting; /* for the end of the turn, and for the next tick */
	struct task task;
	struct timer tick;

	_Atomic enum stage stage;
	atomic_bool failed; /* by this worker; its text is the failure */
	uint64_t resumed;
	uint64_t troubles[BENCH_TROUBLES];
	char text[400]; /* the first trouble, or the failure */
	uint64_t began_ns, ended_ns;
	struct histogram latency;
};

enum client_state { CLIENT_CLOSED, CLIENT_CONNECTING, CLIENT_HANDSHAKE, CLIENT_OPEN, CLIENT_STATES };

struct client {
	struct transport transport;
	const struct kind *kind;
	struct worker *worker;
	uint32_t index; /* of all in the run */
	uint8_t state;  /* enum client_state */
	bool blocked;   /* waits until it can send */
	bool due;       /* is in one of the worker's lists */
	struct client *next_due;

	size_t out_at, owed;     /* the pattern's place of what is to be sent, and how much */
	size_t in_at, expected;  /* of what is to come, and how much */
	size_t partial;          /* what has come of the current message */
	uint64_t *stamps;        /* when the messages in flight began, a ring */
	uint32_t oldest, newest; /* in it */
	uint32_t under_way;      /* messages */
	uint64_t began_ns;       /* this connection */
	void *own;               /* the kind's */
};

static inline uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Adds to what only its own thread writes. */
#define WORKER_ADD(counter, by)                                                                              \
	atomic_store_explicit(&(counter), atomic_load_explicit(&(counter), memory_order_relaxed) + (by),     \
			      memory_order_relaxed)

/* For the loops' threads, by plait_post; arg is the worker. Each waits until the one before it is done by all. */
void worker_open(void *arg);  /* makes the connections that are held: STAGE_READY */
void worker_count(void *arg); /* STAGE_RUNNING */
void worker_start(void *arg); /* the first messages leave */
void worker_stop(void *arg);  /* STAGE_STOPPED; what is in flight may still come */
void worker_close(void *arg); /* STAGE_CLOSED */

/* Messages in flight, of all workers; and whether none is, and none will be. Any thread. */
long long run_in_flight(const struct run *run);
bool run_finished(const struct run *run);

/* 0, or a negative code and error filled; what worker_fini has to free is there in any case. */
int worker_init(struct worker *worker, struct run *run, unsigned index, struct plait_error *error);
void worker_fini(struct worker *worker);

/* Up to n messages may begin; how many is returned and counted as in flight. */
uint64_t worker_take(struct worker *worker, uint64_t n);

/* n messages have ended, and so many operations with them. */
static inline void worker_ended(struct worker *worker, uint64_t n, uint64_t operations)
{
	WORKER_ADD(worker->in_flight, -(long long)n);
	if (worker->counting)
		WORKER_ADD(worker->operations, operations);
}

static inline void worker_record(struct worker *worker, uint64_t since_ns)
{
	if (worker->counting)
		histogram_add(&worker->latency, worker->now_ns - since_ns);
}

/* A connection of those that are held is there. */
void worker_settled(struct worker *worker);

/* Flushes or, when it is closed, opens the client at the end of the turn; or at one of the next ticks. */
void worker_due(struct client *client);
void worker_wait(struct client *client);

/* Counts trouble, and keeps the text of the first. */
void worker_trouble(struct worker *worker, enum bench_trouble trouble, const char *text);

/* The run ends. */
void worker_fail(struct worker *worker, const char *text);

/* The boss looks whether the run has finished, when this worker has nothing more to do. */
void worker_check_finished(struct worker *worker);

#endif
