/* Counts log lines by format and listener in windows of a second, in a table of fixed size. */
#include "core/base/log_limit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"

#define SETS 64
#define WAYS 4

/* One key's current window; written 0: free. */
struct window {
	uint64_t key;
	uint64_t began_ms;
	unsigned written;
	struct log_held held;
};

static struct {
	pthread_mutex_t lock;
	uint64_t sweep_ms;     /* when next to look for windows that are over */
	unsigned held_windows; /* with lines held back */
	struct window windows[SETS][WAYS];
} limiter = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* By content: the format of an unloaded plugin may stand where another's stood. FNV-1a. */
static uint64_t hash(uint64_t seed, const char *text)
{
	for (; *text; text++)
		seed = (seed ^ (uint8_t)*text) * 0x100000001b3u;
	return (seed ^ 0xff) * 0x100000001b3u;
}

static void report_held(struct window *window, uint64_t now, log_held_fn *report)
{
	if (!window->held.lines)
		return;
	window->held.seconds = (now - window->began_ms + 999) / 1000;
	if (!window->held.seconds)
		window->held.seconds = 1;
	report(&window->held);
	window->held.lines = 0;
	limiter.held_windows--;
}

static void sweep(uint64_t now, bool all, log_held_fn *report)
{
	for (unsigned set = 0; set < SETS; set++) {
		for (unsigned way = 0; way < WAYS; way++) {
			struct window *window = &limiter.windows[set][way];

			if (all || now - window->began_ms >= LOG_LIMIT_WINDOW_MS)
				report_held(window, now, report);
		}
	}
	limiter.sweep_ms = now + LOG_LIMIT_WINDOW_MS;
}

/* The window of key, or the one of its set that began first, emptied for it. */
static struct window *find(uint64_t key, uint64_t now, log_held_fn *report)
{
	struct window *set = limiter.windows[(key >> 32) % SETS];
	struct window *oldest = &set[0];

	for (unsigned way = 0; way < WAYS; way++) {
		if (set[way].written && set[way].key == key)
			return &set[way];
		if (!set[way].written || (oldest->written && set[way].began_ms < oldest->began_ms))
			oldest = &set[way];
	}
	report_held(oldest, now, report);
	memset(oldest, 0, sizeof(*oldest));
	oldest->key = key;
	oldest->began_ms = now;
	return oldest;
}

bool log_limit_admit(enum plait_log_level level, const char *listener, const char *format, const char *text,
		     log_held_fn *report)
{
	if (!listener)
		listener = "";
	uint64_t key = hash(hash(0xcbf29ce484222325u, format), listener);
	bool admitted = true;

	pthread_mutex_lock(&limiter.lock);
	/* Only here no window, which another thread may have set, begins later. */
	uint64_t now = clock_ms(CLOCK_MONOTONIC);

	if (limiter.held_windows && now >= limiter.sweep_ms)
		sweep(now, false, report);

	struct window *window = find(key, now, report);

	if (now - window->began_ms >= LOG_LIMIT_WINDOW_MS) {
		report_held(window, now, report);
		window->began_ms = now;
		window->written = 0;
	}
	if (window->written < LOG_LIMIT_LINES) {
		window->written++;
	} else {
		admitted = false;
		limiter.held_windows += !window->held.lines;
		window->held.lines++;
		window->held.level = level;
		snprintf(window->held.listener, sizeof(window->held.listener), "%s", listener);
		snprintf(window->held.text, sizeof(window->held.text), "%s", text);
	}
	pthread_mutex_unlock(&limiter.lock);
	return admitted;
}

void log_limit_sweep(log_held_fn *report)
{
	pthread_mutex_lock(&limiter.lock);
	if (limiter.held_windows)
		sweep(clock_ms(CLOCK_MONOTONIC), false, report);
	pthread_mutex_unlock(&limiter.lock);
}

void log_limit_flush(log_held_fn *report)
{
	pthread_mutex_lock(&limiter.lock);
	sweep(clock_ms(CLOCK_MONOTONIC), true, report);
	pthread_mutex_unlock(&limiter.lock);
}
