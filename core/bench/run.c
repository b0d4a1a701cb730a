/* A run from its beginning to its end, on the calling thread: the boss of the workers. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/container.h"
#include "core/bench/kind.h"
#include "core/bench/process.h"
#include "core/loop/signals.h"
#include "core/net/net.h"

#define TICK_MS 50
#define DRAIN_NS 1000000000ull /* so long what is in flight may take to come at the end */
#define STOP_PATIENCE_MS 10000
#define SPARE_DESCRIPTORS 32

struct boss {
	struct run run;
	struct signals *signals;
	struct timer tick;
	struct processes processes;
	struct process_sample before, after;
	struct rusage own_before, own_after;
	FILE *progress;
	bool interrupted, started;
	uint64_t activity, active_ns; /* what came in last, and when */
	uint64_t shown_ns, shown_operations;
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void on_signal(int number, void *arg)
{
	struct boss *boss = arg;
	(void)number;
	boss->interrupted = true;
}

static void on_tick(struct timer *timer)
{
	struct boss *boss = CONTAINER_OF(timer, struct boss, tick);
	loop_start_timer(boss->run.boss, timer, loop_now(boss->run.boss) + TICK_MS);
}

/* ---- preparing ---- */

static int raise_descriptors(const struct run *run, struct plait_error *error)
{
	struct rlimit limit;
	uint64_t needed = run->settings.connections + run->settings.idle + run->worker_count * 3 +
			  SPARE_DESCRIPTORS;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL,
				       "%" PRIu64 " connections need %" PRIu64
				       " descriptors, and a process may have %" PRIu64
				       " here; use fewer, or raise the limit (ulimit -Hn)",
				       run->settings.connections + run->settings.idle, needed,
				       (uint64_t)limit.rlim_max);
	if (limit.rlim_cur < needed) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return 0;
}

static int check_ports(struct run *run, struct plait_error *error)
{
	uint64_t held = run->settings.idle + (run->kind->churns ? 0 : run->settings.connections);
	run->ports = dial_ports(&run->dial);
	if (!run->ports || run->dial.loopback || held <= run->ports)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL,
			       "%" PRIu64
			       " connections need a port each, and this machine gives %u towards one "
			       "server; use fewer, or widen net.ipv4.ip_local_port_range",
			       held, run->ports);
}

static int make_workers(struct boss *boss, struct plait_error *error)
{
	struct run *run = &boss->run;
	static const int numbers[] = { SIGINT, SIGTERM, 0 };
	run->loops = workers_new(run->worker_count, error);
	if (!run->loops)
		return PLAIT_ERROR_SYSTEM;
	for (unsigned i = 0; i < run->worker_count; i++)
		net_new(workers_loop(run->loops, i)); /* where TLS keeps what connections in use need */
	run->boss = loop_new(run->worker_count, run->worker_count);
	boss->signals = run->boss ? signals_new(run->boss, numbers, on_signal, boss) : NULL;
	if (!boss->signals)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot make the main loop: %s",
				       strerror(errno));
	timer_init(&boss->tick, on_tick);
	on_tick(&boss->tick);
	run->workers = aligned_alloc(CACHE_LINE, run->worker_count * sizeof(*run->workers));
	if (!run->workers)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for %u threads",
				       run->worker_count);
	memset(run->workers, 0, run->worker_count * sizeof(*run->workers));
	for (unsigned i = 0; i < run->worker_count; i++) {
		int result = worker_init(&run->workers[i], run, i, error);
		if (result < 0)
			return result;
	}
	int result = workers_start(run->loops, error);
	boss->started = result == 0;
	return result;
}

static int prepare(struct boss *boss, const struct bench_settings *settings, struct plait_error *error)
{
	struct run *run = &boss->run;
	int result = endpoint_parse(settings->endpoint, NULL, &run->endpoint, error);
	run->settings = *settings;
	run->kind = kind_find(settings->kind);
	run->worker_count = (unsigned)settings->threads;
	run->transport = run->endpoint.scheme == ENDPOINT_TLS ? &transport_tls : &transport_plain;
	if (result == 0 && settings->pids)
		result = processes_parse(settings->pids, &boss->processes, error);
	if (result == 0)
		result = processes_sample(&boss->processes, &boss->before, error);
	if (result == 0)
		result = raise_descriptors(run, error);
	if (result == 0)
		result = dial_init(&run->dial, &run->endpoint, error);
	if (result == 0)
		result = check_ports(run, error);
	if (result == 0)
		result = run->kind->prepare(run, error);
	if (result < 0)
		return result;
	uint64_t each = run->kind->operations ? run->kind->operations(settings) : 1;
	run->limited = settings->operations > 0;
	atomic_store(&run->quota, (long long)((settings->operations + each - 1) / each));
	signal(SIGPIPE, SIG_IGN);
	return make_workers(boss, error);
}

/* ---- waiting ---- */

static void post_all(struct run *run, plait_call_fn *fn)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		plait_post(run->workers[i].loop, fn, &run->workers[i]);
}

static bool reached(const struct run *run, enum stage stage)
{
	for (unsigned i = 0; i < run->worker_count; i++) {
		if (atomic_load_explicit(&run->workers[i].stage, memory_order_acquire) < stage)
			return false;
	}
	return true;
}

static void wait_for(struct run *run, enum stage stage)
{
	while (!reached(run, stage))
		loop_turn(run->boss, true);
}

static uint64_t operations(const struct run *run)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < run->worker_count; i++)
		sum += atomic_load_explicit(&run->workers[i].operations, memory_order_relaxed);
	return sum;
}

static unsigned settled(const struct run *run)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < run->worker_count; i++)
		sum += atomic_load_explicit(&run->workers[i].settled, memory_order_relaxed);
	return sum;
}

/* True when nothing at all has happened for too long. */
static bool stalled(struct boss *boss)
{
	struct run *run = &boss->run;
	uint64_t activity = operations(run) + settled(run), now = clock_ns();
	for (unsigned i = 0; i < run->worker_count; i++)
		activity += atomic_load_explicit(&run->workers[i].bytes, memory_order_relaxed);
	if (activity != boss->activity || boss->active_ns == 0) {
		boss->activity = activity;
		boss->active_ns = now;
	}
	return now - boss->active_ns > run->settings.patience_ms * 1000000u;
}

static void show_progress(struct boss *boss, uint64_t began_ns)
{
	uint64_t now = clock_ns(), count = operations(&boss->run);
	if (!boss->progress || now - boss->shown_ns < 1000000000u)
		return;
	double span = (double)(now - boss->shown_ns) / 1e9;
	fprintf(boss->progress, "\r%4.0f s  %.0f/s  %" PRIu64 " in all ", (double)(now - began_ns) / 1e9,
		(double)(count - boss->shown_operations) / span, count);
	fflush(boss->progress);
	boss->shown_ns = now;
	boss->shown_operations = count;
}

/* ---- the course of it ---- */

static const char *failure_text(const struct run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++) {
		if (run->workers[i].failed)
			return run->workers[i].text;
	}
	return "it failed";
}

static int not_gathered(const struct run *run, const char *why, struct plait_error *error)
{
	unsigned count = settled(run);
	uint64_t held = run->settings.idle + (run->kind->churns ? 0 : run->settings.connections);
	if (count == 0)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "%s", why);
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL,
			       "%u of %" PRIu64 " connections are there, then: %s", count, held, why);
}

static int gather(struct boss *boss, struct plait_error *error)
{
	struct run *run = &boss->run;
	post_all(run, worker_open);
	while (!reached(run, STAGE_READY)) {
		loop_turn(run->boss, true);
		if (atomic_load_explicit(&run->failed, memory_order_acquire))
			return not_gathered(run, failure_text(run), error);
		if (boss->interrupted)
			return not_gathered(run, "interrupted", error);
		if (stalled(boss))
			return not_gathered(run, "nothing more happens", error);
	}
	int result = run->kind->assemble ? run->kind->assemble(run, error) : 0;
	return result < 0 ? result : processes_sample(&boss->processes, &boss->before, error);
}

static void measure(struct boss *boss, struct bench_report *report)
{
	struct run *run = &boss->run;
	struct plait_error error;
	bool stuck = false, failed = false;
	getrusage(RUSAGE_SELF, &boss->own_before);
	post_all(run, worker_count);
	wait_for(run, STAGE_RUNNING);
	uint64_t began = clock_ns();
	uint64_t until = run->settings.time_ms ? began + run->settings.time_ms * 1000000u : UINT64_MAX;
	boss->active_ns = boss->shown_ns = began;
	post_all(run, worker_start);
	for (uint64_t now = began;
	     now < until && !boss->interrupted && !stuck && !failed && !run->finished;) {
		if (until - now < TICK_MS * 1000000ull)
			loop_start_timer(run->boss, &boss->tick,
					 loop_now(run->boss) + (until - now) / 1000000u + 1);
		loop_turn(run->boss, true);
		now = clock_ns();
		run->finished = run_finished(run);
		failed = atomic_load_explicit(&run->failed, memory_order_acquire);
		stuck = stalled(boss);
		show_progress(boss, began);
	}
	if (processes_sample(&boss->processes, &boss->after, &error) < 0) {
		boss->after = boss->before;
		snprintf(report->failure, sizeof(report->failure), "%s", error.text);
	}
	report->resident = processes_resident(&boss->processes);
	post_all(run, worker_stop);
	wait_for(run, STAGE_STOPPED);
	getrusage(RUSAGE_SELF, &boss->own_after);
	if (failed)
		snprintf(report->failure, sizeof(report->failure), "%s", failure_text(run));
	else if (stuck)
		snprintf(report->failure, sizeof(report->failure),
			 "nothing came for %.3g s, and %lld messages wait",
			 (double)run->settings.patience_ms / 1e3, run_in_flight(run));
	for (uint64_t limit = clock_ns() + DRAIN_NS;
	     run_in_flight(run) > 0 && clock_ns() < limit && !failed && !stuck;)
		loop_turn(run->boss, true);
	if (boss->progress && boss->shown_ns != began)
		fputs("\r\033[K", boss->progress);
}

/* ---- what came of it ---- */

static uint64_t ns_of(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

static void explain(const struct run *run, struct bench_report *report)
{
	uint64_t troubles = 0;
	const char *first = "";
	for (enum bench_trouble i = 0; i < BENCH_TROUBLES; i++)
		troubles += i == BENCH_LOST ? 0 : report->troubles[i];
	for (unsigned i = 0; i < run->worker_count && !*first; i++)
		first = run->workers[i].text;
	if (report->failure[0])
		return;
	if (troubles > 0)
		snprintf(report->failure, sizeof(report->failure), "%" PRIu64 " %s failed; the first: %s",
			 troubles,
			 run->kind->churns ? troubles == 1 ? "attempt" : "attempts"
			 : troubles == 1   ? "connection"
					   : "connections",
			 first);
	else if (report->operations == 0)
		snprintf(report->failure, sizeof(report->failure), "not one operation came to its end%s%s",
			 *first ? ": " : "", first);
}

static void fill_report(struct boss *boss, struct bench_report *report)
{
	const struct run *run = &boss->run;
	struct histogram *all = calloc(1, sizeof(*all));
	uint64_t began = UINT64_MAX, ended = 0;
	for (unsigned i = 0; i < run->worker_count; i++) {
		const struct worker *worker = &run->workers[i];
		began = earlier(began, worker->began_ns);
		ended = later(ended, worker->ended_ns);
		report->resumed += worker->resumed;
		for (enum bench_trouble k = 0; k < BENCH_TROUBLES; k++)
			report->troubles[k] += worker->troubles[k];
		if (all)
			histogram_merge(all, &worker->latency);
	}
	report->settings = run->settings;
	report->operations = operations(run);
	report->seconds = ended > began ? (double)(ended - began) / 1e9 : 0;
	report->interrupted = boss->interrupted;
	if (all) {
		report->p50_ns = histogram_quantile(all, 0.5);
		report->p99_ns = histogram_quantile(all, 0.99);
		report->p999_ns = histogram_quantile(all, 0.999);
		report->max_ns = all->max;
	}
	free(all);
	processes_difference(&boss->before, &boss->after, &report->server);
	report->load.user_ns = ns_of(boss->own_after.ru_utime) - ns_of(boss->own_before.ru_utime);
	report->load.system_ns = ns_of(boss->own_after.ru_stime) - ns_of(boss->own_before.ru_stime);
	explain(run, report);
}

static void finish(struct boss *boss)
{
	struct run *run = &boss->run;
	if (boss->started) {
		post_all(run, worker_close);
		wait_for(run, STAGE_CLOSED);
		workers_stop(run->loops, STOP_PATIENCE_MS);
	}
	signals_free(&boss->signals);
	for (unsigned i = 0; run->loops && i < run->worker_count; i++)
		net_free(workers_loop(run->loops, i));
	workers_free(&run->loops);
	if (run->boss)
		loop_stop_timer(run->boss, &boss->tick);
	loop_free(&run->boss);
	for (unsigned i = 0; run->workers && i < run->worker_count; i++)
		worker_fini(&run->workers[i]);
	free(run->workers);
	if (run->kind && run->kind->finish)
		run->kind->finish(run);
	pattern_fini(&run->pattern);
}

int bench_run(const struct bench_settings *settings, FILE *progress, struct bench_report *report,
	      struct plait_error *error)
{
	struct boss *boss = calloc(1, sizeof(*boss));
	*report = (struct bench_report){ .settings = *settings };
	if (!boss)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a run");
	boss->progress = progress;
	int result = prepare(boss, settings, error);
	if (result == 0)
		result = gather(boss, error);
	if (result == 0) {
		measure(boss, report);
		fill_report(boss, report);
	}
	finish(boss);
	free(boss);
	return result;
}
