/* Accepting: in batches, and with patience when descriptors run out. */
#include "core/net/stream_listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/base/system_text.h"
#include "core/net/conn/conn.h"
#include "core/net/famine.h"
#include "core/net/net.h"
#include "core/net/proxy/preamble.h"

/* Accepted in one go before the loop's connections have their turn. */
#define BATCH 64
#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS 1000

/* Who waits for room looks at least so often. */
#define WAIT_MOST_MS 1000
#define SAY_EACH_MS 60000

/* One listening socket on one loop. */
struct acceptor {
	struct stream_listener *listener;
	struct reception *reception; /* NULL: it has stopped */
	struct doorstep doorstep;
	struct watch watch;
	struct timer retry; /* in a famine, or when there may be room */
	enum stream_door door;
	uint64_t retry_ms; /* 0: there is no famine */
	uint64_t famine_said_ms;
	bool famine_told; /* and that it is over has not been said */
	struct famine_waiter hunger;
	struct post meal; /* when the hunger is served */
	struct reception *meal_for;
	uint64_t full_said_ms;
	atomic_bool full; /* who comes waits in the backlog for room */
	atomic_bool woken;
	struct post wake; /* there may be room; when woken */
	struct reception *wake_for;
	int fd;
	struct acceptor *next;
};

struct stream_listener {
	struct reception_host host;
	struct reception *reception; /* the newest; of who starts, changes and stops it */
	struct acceptor *acceptors;
};

static void refuse(struct acceptor *acceptor, int fd)
{
	counter_add(&acceptor->doorstep.loop->net->counters.closed[PLAIT_REASON_DRAIN], 1);
	transport_socket_reset(fd);
}

static void say_famine(struct acceptor *acceptor, int code)
{
	uint64_t now_ms = loop_now(acceptor->doorstep.loop);
	if (acceptor->famine_said_ms > 0 && now_ms - acceptor->famine_said_ms < SAY_EACH_MS)
		return;
	acceptor->famine_said_ms = now_ms;
	acceptor->famine_told = true;
	reception_say(acceptor->reception, PLAIT_LOG_ERROR, NULL, "accepting pauses", system_text(code));
}

/* The backlog keeps who comes; a busy loop would only burn the processor. */
static void pause_accepting(struct acceptor *acceptor, int code)
{
	if (acceptor->retry_ms == 0)
		say_famine(acceptor, code);
	acceptor->retry_ms = acceptor->retry_ms == 0                  ? RETRY_FIRST_MS
			     : acceptor->retry_ms * 2 < RETRY_MOST_MS ? acceptor->retry_ms * 2
								      : RETRY_MOST_MS;
	watch_set(&acceptor->watch, WATCH_NONE);
	loop_start_timer(acceptor->doorstep.loop, &acceptor->retry,
			 loop_now(acceptor->doorstep.loop) + acceptor->retry_ms);
}

/* Nothing could be accepted for want of code. Whether to try again at once. */
static bool starve(struct acceptor *acceptor, int code)
{
	const struct stream_listener_options *options = &acceptor->listener->host.options;
	if ((code == EMFILE || code == ENFILE) && options->spare && options->spare(options->spare_arg))
		return true;
	if (famine_wait(&acceptor->hunger)) {
		reception_use(acceptor->reception, 1); /* as long as it stands in line the listener stays */
		acceptor->meal_for = acceptor->reception;
		return true;
	}
	pause_accepting(acceptor, code);
	return false;
}

static bool leave_line(struct acceptor *acceptor)
{
	bool stood = famine_end(&acceptor->hunger);
	if (stood)
		reception_leave(acceptor->meal_for);
	return stood;
}

static void set_full(struct acceptor *acceptor, bool full)
{
	if (atomic_exchange(&acceptor->full, full) == full)
		return;
	if (full)
		atomic_fetch_add(&acceptor->listener->host.waiting, 1);
	else
		atomic_fetch_sub(&acceptor->listener->host.waiting, 1);
}

static void wait_for_peers(struct acceptor *acceptor)
{
	set_full(acceptor, false);
	if (acceptor->door == STREAM_HELD)
		return;
	if (watch_set(&acceptor->watch, WATCH_READ) < 0)
		pause_accepting(acceptor, errno);
}

static void accept_some(struct acceptor *acceptor);

/* In a famine whether there are descriptors is to be known also when nobody comes: others may wait for them. */
static void go_on(struct acceptor *acceptor)
{
	bool starved = acceptor->hunger.starves;
	wait_for_peers(acceptor);
	if (starved && acceptor->watch.interest != WATCH_NONE)
		accept_some(acceptor);
}

static void on_retry(struct timer *timer)
{
	go_on(CONTAINER_OF(timer, struct acceptor, retry));
}

/* Also when nobody was waiting: the kernel looks for a descriptor first. */
static void famine_over(struct acceptor *acceptor)
{
	if (acceptor->retry_ms > 0 && acceptor->famine_told)
		reception_say(acceptor->reception, PLAIT_LOG_INFO, NULL, "accepting goes on",
			      "there is enough again");
	acceptor->retry_ms = 0;
	acceptor->famine_told = false;
	if (acceptor->hunger.starves)
		leave_line(acceptor);
	famine_closed(); /* what is free is the next one's */
}

/* Errors of one connection that went before it was taken say nothing about the next. */
static bool passing(int code)
{
	return code == ECONNABORTED || code == EINTR || code == EPROTO || code == EPERM || code == ENETDOWN ||
	       code == ENOPROTOOPT || code == EHOSTDOWN || code == ENONET || code == EHOSTUNREACH ||
	       code == ENETUNREACH;
}

/* Until somebody leaves, or the time has come. */
static void wait_for_room(struct acceptor *acceptor, uint64_t wait_ms)
{
	struct plait_loop *loop = acceptor->doorstep.loop;
	uint64_t now_ms = loop_now(loop);
	if (acceptor->full_said_ms == 0 || now_ms - acceptor->full_said_ms >= SAY_EACH_MS) {
		reception_say(acceptor->reception, PLAIT_LOG_WARNING, NULL, "newcomers wait",
			      "a limit is reached; they are accepted when there is room");
		acceptor->full_said_ms = now_ms;
	}
	leave_line(acceptor);
	watch_set(&acceptor->watch, WATCH_NONE);
	loop_start_timer(loop, &acceptor->retry, now_ms + (wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS));
}

/* Whether there is room for one more; if not, and somebody comes, accepting pauses. Who leaves after the first look sees that
 * we wait, or we see at the second that they left. */
static bool find_room(struct acceptor *acceptor, bool somebody_comes)
{
	if (acceptor->door == STREAM_SHUT || reception_reserve(acceptor->reception) == 0)
		return true;
	if (!somebody_comes) /* the next event will tell */
		return false;
	set_full(acceptor, true);
	uint64_t wait_ms = reception_reserve(acceptor->reception);
	if (wait_ms > 0) {
		wait_for_room(acceptor, wait_ms);
		return false;
	}
	set_full(acceptor, false);
	return true;
}

static void on_wake(struct post *post)
{
	struct acceptor *acceptor = CONTAINER_OF(post, struct acceptor, wake);
	struct reception *reception = acceptor->wake_for;
	atomic_store(&acceptor->woken, false);
	if (acceptor->fd >= 0 && atomic_load(&acceptor->full))
		wait_for_peers(acceptor);
	reception_leave(reception);
}

static void on_room(struct reception_host *host, struct reception *reception)
{
	struct stream_listener *listener = CONTAINER_OF(host, struct stream_listener, host);
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next) {
		if (!atomic_load(&acceptor->full) || atomic_exchange(&acceptor->woken, true))
			continue;
		reception_use(reception, 1); /* as long as the post is on its way the listener stays */
		acceptor->wake_for = reception;
		post_send(&acceptor->doorstep.loop->posts, &acceptor->wake, on_wake);
	}
}

static void on_meal(struct post *post)
{
	struct acceptor *acceptor = CONTAINER_OF(post, struct acceptor, meal);
	struct reception *reception = acceptor->meal_for;
	famine_take(&acceptor->hunger);
	if (acceptor->fd >= 0 && acceptor->hunger.starves && !atomic_load(&acceptor->full))
		go_on(acceptor);
	else
		famine_closed(); /* it is for somebody else */
	reception_leave(reception);
}

static void on_food(struct famine_waiter *waiter)
{
	struct acceptor *acceptor = CONTAINER_OF(waiter, struct acceptor, hunger);
	post_send(&acceptor->doorstep.loop->posts, &acceptor->meal, on_meal);
}

static void accept_some(struct acceptor *acceptor)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		if (!find_room(acceptor, i == 0))
			return;
		int fd = accept4(acceptor->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		int code = errno;
		if (fd < 0 && acceptor->door != STREAM_SHUT)
			reception_cancel(acceptor->reception);
		if (fd < 0 && passing(code))
			continue;
		if (fd < 0 && code != EAGAIN) {
			if (starve(acceptor, code))
				continue;
			return;
		}
		if (fd < 0) {
			famine_over(acceptor);
			return;
		}
		if (acceptor->retry_ms > 0)
			acceptor->retry_ms = RETRY_FIRST_MS / 2; /* some leave */
		if (acceptor->door == STREAM_SHUT)
			refuse(acceptor, fd);
		else
			reception_receive(acceptor->reception, &acceptor->doorstep, fd, &sa, len);
	}
}

static void on_acceptable(struct watch *watch, unsigned ready)
{
	(void)ready;
	accept_some(CONTAINER_OF(watch, struct acceptor, watch));
}

struct stream_listener *stream_listener_new(const struct stream_listener_options *options,
					    struct reception *reception)
{
	struct stream_listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return NULL;
	listener->host.options = *options;
	listener->host.room = on_room;
	listener->reception = reception;
	reception_init(reception, &listener->host);
	return listener;
}

int stream_listener_add(struct stream_listener *listener, struct plait_loop *loop, int fd)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
	if (!acceptor) {
		close(fd);
		return -1;
	}
	acceptor->listener = listener;
	acceptor->doorstep.loop = loop;
	acceptor->fd = fd;
	acceptor->reception = listener->reception;
	reception_use(acceptor->reception, 1);
	acceptor->hunger = (struct famine_waiter){ .wake = on_food,
						   .privileged = listener->host.options.spare };
	timer_init(&acceptor->retry, on_retry);
	watch_init(&acceptor->watch, loop, fd, on_acceptable);
	acceptor->next = listener->acceptors;
	listener->acceptors = acceptor;
	return 0;
}

static void start(void *arg)
{
	struct acceptor *acceptor = arg;
	if (acceptor->fd >= 0)
		wait_for_peers(acceptor);
}

static void shut(struct acceptor *acceptor)
{
	loop_stop_timer(acceptor->doorstep.loop, &acceptor->retry);
	watch_set(&acceptor->watch, WATCH_NONE);
	if (acceptor->fd >= 0) {
		close(acceptor->fd);
		famine_closed();
	}
	acceptor->fd = -1;
}

static void stop(void *arg)
{
	struct acceptor *acceptor = arg;
	struct reception *reception = acceptor->reception;
	set_full(acceptor, false);
	leave_line(acceptor);
	shut(acceptor);
	acceptor->reception = NULL;
	if (reception)
		reception_leave(reception);
}

static void on_all_loops(struct stream_listener *listener, plait_call_fn *fn)
{
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next)
		plait_post(acceptor->doorstep.loop, fn, acceptor);
}

void stream_listener_start(struct stream_listener *listener)
{
	on_all_loops(listener, start);
}

void stream_listener_stop(struct stream_listener *listener)
{
	on_all_loops(listener, stop);
}

static void set_door(struct acceptor *acceptor, enum stream_door door)
{
	acceptor->door = door;
	if (acceptor->fd < 0)
		return;
	if (door == STREAM_HELD) {
		set_full(acceptor, false);
		leave_line(acceptor);
		acceptor->retry_ms = 0;
		loop_stop_timer(acceptor->doorstep.loop, &acceptor->retry);
		watch_set(&acceptor->watch, WATCH_NONE);
	} else {
		wait_for_peers(acceptor);
	}
}

static void open_door(void *arg)
{
	set_door(arg, STREAM_OPEN);
}

static void hold_door(void *arg)
{
	set_door(arg, STREAM_HELD);
}

static void shut_door(void *arg)
{
	set_door(arg, STREAM_SHUT);
}

void stream_listener_set_door(struct stream_listener *listener, enum stream_door door)
{
	static plait_call_fn *const moves[] = {
		[STREAM_OPEN] = open_door,
		[STREAM_HELD] = hold_door,
		[STREAM_SHUT] = shut_door,
	};
	if (door == STREAM_OPEN)
		atomic_store_explicit(&listener->host.draining, false, memory_order_relaxed);
	on_all_loops(listener, moves[door]);
}

struct change {
	struct acceptor *acceptor;
	struct reception *reception; /* has the acceptor's reference */
};

static void change(void *arg)
{
	struct change *change = arg;
	struct acceptor *acceptor = change->acceptor;
	struct reception *before = acceptor->reception;
	bool stood = leave_line(acceptor); /* where it stood by what was before */
	acceptor->reception = change->reception;
	if ((stood || atomic_load(&acceptor->full)) && acceptor->fd >= 0)
		wait_for_peers(acceptor); /* by other limits there may be room */
	block_give(change);
	reception_leave(before);
}

void stream_listener_receive(struct stream_listener *listener, struct reception *reception)
{
	reception_init(reception, &listener->host);
	listener->reception = reception;
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next)
		reception_use(reception, 1);
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next) {
		struct change *one = alloc_block(sizeof(*one), "a change of a listener");
		*one = (struct change){ .acceptor = acceptor, .reception = reception };
		plait_post(acceptor->doorstep.loop, change, one);
	}
}

/* So many that came by it; fn says how many of them count. */
static size_t each(struct stream_listener *listener, struct plait_loop *loop,
		   size_t (*fn)(struct plait_conn *conn))
{
	size_t count = 0;
	for (struct plait_conn *conn = loop->net->conns, *next; conn; conn = next) {
		next = conn->next;
		if (reception_is_of(conn, &listener->host))
			count += fn(conn);
	}
	return count;
}

static size_t drain_one(struct plait_conn *conn)
{
	conn_drain(conn);
	return 1;
}

static size_t abort_one(struct plait_conn *conn)
{
	return conn_abort_drain(conn);
}

static size_t end_preambles(struct stream_listener *listener, const struct plait_loop *loop)
{
	size_t count = 0;
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next) {
		if (acceptor->doorstep.loop == loop)
			count += preamble_end_all(&acceptor->doorstep.preambles);
	}
	return count;
}

size_t stream_listener_drain(struct stream_listener *listener, struct plait_loop *loop)
{
	atomic_store_explicit(&listener->host.draining, true, memory_order_relaxed);
	return end_preambles(listener, loop) + each(listener, loop, drain_one);
}

size_t stream_listener_abort(struct stream_listener *listener, struct plait_loop *loop)
{
	end_preambles(listener, loop);
	return each(listener, loop, abort_one);
}

void stream_listener_quiet(struct stream_listener *listener)
{
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next)
		leave_line(acceptor);
}

void stream_listener_free(struct stream_listener **listener_at)
{
	struct stream_listener *listener = *listener_at;
	*listener_at = NULL;
	if (!listener)
		return;
	while (listener->acceptors) {
		struct acceptor *acceptor = listener->acceptors;
		listener->acceptors = acceptor->next;
		famine_end(&acceptor->hunger);
		shut(acceptor);
		free(acceptor);
	}
	free(listener);
}
