/* Turns of a loop: descriptors in its set, guests on libevent's base beside them, tasks and timers after both. */
#include <event2/event.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/container.h"
#include "core/loop/loop.h"
#include "tests/unit/suite.h"

struct end {
	struct watch watch;
	struct end *other; /* to be silenced when this one is called; NULL: none */
	unsigned calls, ready;
	int peer;
};

static void on_ready(struct watch *watch, unsigned ready)
{
	struct end *end = CONTAINER_OF(watch, struct end, watch);
	end->calls++;
	end->ready |= ready;
	if (end->other)
		watch_set(&end->other->watch, WATCH_NONE);
}

static void open_end(struct plait_loop *loop, struct end *end)
{
	int fds[2];
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*end = (struct end){ .peer = fds[1] };
	watch_init(&end->watch, loop, fds[0], on_ready);
}

static void close_end(struct end *end)
{
	watch_set(&end->watch, WATCH_NONE);
	close(end->watch.fd);
	close(end->peer);
}

static void reports_what_is_waited_for(void)
{
	struct plait_loop *loop = loop_new(0, 1);
	struct end end;

	open_end(loop, &end);
	loop_turn(loop, false);
	CU_ASSERT_EQUAL(end.calls, 0);
	watch_set(&end.watch, WATCH_WRITE);
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(end.ready, WATCH_WRITE);
	watch_set(&end.watch, WATCH_READ);
	end.ready = 0;
	loop_turn(loop, false);
	CU_ASSERT_EQUAL(end.ready, 0);
	CU_ASSERT_EQUAL(write(end.peer, "x", 1), 1);
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(end.ready, WATCH_READ);
	/* level-triggered: nobody read it */
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(end.calls, 3);
	watch_set(&end.watch, WATCH_NONE);
	loop_turn(loop, false);
	CU_ASSERT_EQUAL(end.calls, 3);
	close_end(&end);
	loop_free(&loop);
}

/* The end of a descriptor is reported whatever is waited for, but not when nothing is. */
static void reports_the_end(void)
{
	struct plait_loop *loop = loop_new(0, 1);
	struct end end;

	open_end(loop, &end);
	shutdown(end.peer, SHUT_RDWR);
	loop_turn(loop, false);
	CU_ASSERT_EQUAL(end.calls, 0);
	watch_set(&end.watch, WATCH_READ);
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(end.ready, WATCH_READ);
	watch_set(&end.watch, WATCH_WRITE);
	end.ready = 0;
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(end.ready, WATCH_WRITE);
	watch_set(&end.watch, WATCH_NONE);
	struct epoll_event event;
	CU_ASSERT_EQUAL(epoll_wait(loop->set, &event, 1, 0), 0);
	close_end(&end);
	loop_free(&loop);
}

/* Of a pipe the kernel says no more than that the other end is gone. */
static void reports_an_end_that_is_nothing_else(void)
{
	struct plait_loop *loop = loop_new(0, 1);
	struct end end = { 0 };
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	watch_init(&end.watch, loop, fds[0], on_ready);
	watch_set(&end.watch, WATCH_READ);
	close(fds[1]);
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(end.ready, WATCH_READ);
	watch_set(&end.watch, WATCH_NONE);
	close(fds[0]);
	loop_free(&loop);
}

/* Both are reported by one wait, and whichever is called first takes the other's interest away. */
static void does_not_call_who_stopped_waiting_in_the_same_turn(void)
{
	struct plait_loop *loop = loop_new(0, 1);
	struct end a, b;

	open_end(loop, &a);
	open_end(loop, &b);
	a.other = &b;
	b.other = &a;
	watch_set(&a.watch, WATCH_WRITE);
	watch_set(&b.watch, WATCH_WRITE);
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(a.calls + b.calls, 1);
	close_end(&a);
	close_end(&b);
	loop_free(&loop);
}

static void count(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	++*(unsigned *)arg;
}

/* A guest's descriptor, its timer, and ours: each ends a wait of its own. */
static void waits_for_guests_too(void)
{
	struct plait_loop *loop = loop_new(0, 1);
	struct event_base *base = loop_guests(loop);
	struct timeval soon = { .tv_usec = 1000 };
	unsigned heard = 0, fired = 0;
	struct end guest, own;

	CU_ASSERT_PTR_NOT_NULL_FATAL(base);
	CU_ASSERT_PTR_EQUAL(loop_guests(loop), base);
	open_end(loop, &guest);
	open_end(loop, &own);
	struct event *event = event_new(base, guest.watch.fd, EV_READ | EV_PERSIST, count, &heard);
	struct event *timer = evtimer_new(base, count, &fired);
	event_add(event, NULL);
	event_add(timer, &soon);
	while (fired == 0)
		loop_turn(loop, true);
	CU_ASSERT_EQUAL(heard, 0);
	CU_ASSERT_EQUAL(write(guest.peer, "x", 1), 1);
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(heard, 1);
	event_del(event);
	watch_set(&own.watch, WATCH_READ);
	CU_ASSERT_EQUAL(write(own.peer, "x", 1), 1);
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(own.calls, 1);
	event_free(event);
	event_free(timer);
	close_end(&guest);
	close_end(&own);
	loop_free(&loop);
}

struct step {
	struct task task;
	struct plait_loop *loop;
	unsigned *order, place;
	bool again;
};

static void on_step(struct task *task)
{
	struct step *step = CONTAINER_OF(task, struct step, task);
	step->place = ++*step->order;
	if (step->again)
		loop_defer(step->loop, task);
	step->again = false;
}

static void runs_tasks_in_order_and_those_of_tasks_a_turn_later(void)
{
	struct plait_loop *loop = loop_new(0, 1);
	unsigned order = 0;
	struct step steps[3];

	for (int i = 0; i < 3; i++) {
		steps[i] = (struct step){ .loop = loop, .order = &order, .again = i == 0 };
		task_init(&steps[i].task, on_step);
		loop_defer(loop, &steps[i].task);
		loop_defer(loop, &steps[i].task); /* once is enough */
	}
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(steps[0].place, 1);
	CU_ASSERT_EQUAL(steps[1].place, 2);
	CU_ASSERT_EQUAL(steps[2].place, 3);
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(steps[0].place, 4);
	CU_ASSERT_PTR_NULL(loop->tasks);
	loop_free(&loop);
}

static uint64_t clock_of(void *context)
{
	return *(uint64_t *)context;
}

struct far_timer {
	struct timer timer;
	unsigned calls;
};

static void on_timer(struct timer *timer)
{
	CONTAINER_OF(timer, struct far_timer, timer)->calls++;
}

/* Two milliseconds here, and the second when it is near: a loop that waits for ever is ended by the alarm. */
static void waits_for_a_far_timer_in_two_steps(void)
{
	struct plait_loop *loop = loop_new(0, 1);
	struct far_timer far = { 0 };
	uint64_t now_ms = 5000;

	alarm(60);
	loop_set_clock(loop, clock_of, &now_ms);
	timer_init(&far.timer, on_timer);
	loop_start_timer(loop, &far.timer, now_ms + 1002);
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(far.calls, 0);
	now_ms += 1001;
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(far.calls, 0);
	now_ms += 1;
	loop_turn(loop, true);
	CU_ASSERT_EQUAL(far.calls, 1);
	alarm(0);
	loop_free(&loop);
}

SUITE_MAIN("loop", SUITE_TEST(reports_what_is_waited_for), SUITE_TEST(reports_the_end),
	   SUITE_TEST(reports_an_end_that_is_nothing_else),
	   SUITE_TEST(does_not_call_who_stopped_waiting_in_the_same_turn), SUITE_TEST(waits_for_guests_too),
	   SUITE_TEST(runs_tasks_in_order_and_those_of_tasks_a_turn_later),
	   SUITE_TEST(waits_for_a_far_timer_in_two_steps))
