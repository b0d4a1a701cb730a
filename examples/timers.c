/* Timers: prints the time at an even pace, and stops after a while.
 * Usage: timers [PERIOD_MS [TIMES]] */
#include <plait/plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct clock {
	uint64_t period_ms;
	unsigned long left;
	struct plait_looping_call *ticks;
};

static void print_time(const char *what)
{
	char text[32];
	time_t now = time(NULL);
	struct tm parts;
	strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&now, &parts));
	printf("%s %s\n", text, what);
}

static struct plait_deferred *tick(uint64_t count, void *arg)
{
	struct clock *clock = arg;
	print_time(count > 1 ? "tick, and some were missed" : "tick");
	if (--clock->left == 0)
		plait_looping_call_stop(clock->ticks);
	return NULL;
}

static void never(void *arg)
{
	(void)arg;
	print_time("this was cancelled");
}

static struct plait_result stop(struct plait_result result, void *arg)
{
	struct clock *clock = arg;
	print_time("stop");
	plait_looping_call_free(&clock->ticks);
	return result;
}

static struct plait_deferred *start(struct plait_loop *loop, void *arg)
{
	struct clock *clock = arg;
	print_time("start");
	struct plait_timer timer = plait_call_later(loop, 1, never, NULL);
	plait_timer_cancel(&timer);
	clock->ticks = plait_looping_call_new(loop, tick, clock);
	plait_looping_call_start(clock->ticks, clock->period_ms, false);
	return plait_add_both(plait_looping_call_done(clock->ticks), stop, clock);
}

int main(int argc, char **argv)
{
	struct clock clock = { .period_ms = 1000, .left = 3 };
	if (argc > 1)
		clock.period_ms = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		clock.left = strtoul(argv[2], NULL, 10);
	return plait_react(NULL, start, &clock);
}
