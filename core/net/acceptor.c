/* Accepting: in batches, and with patience when room or descriptors run out. */
#include "core/net/acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/base/container.h"
#include "core/base/log.h"
#include "core/base/system_text.h"
#include "core/net/famine.h"
#include "core/net/net.h"

/* Accepted in one go before the loop's connections have their turn. */
#define BATCH 64
#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS 1000

/* Who waits for room looks at least so often. */
#define WAIT_MOST_MS 1000
#define SAY_EACH_MS 60000

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
	const struct stream_listener_options *options = &acceptor->host->options;
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
		atomic_fetch_add(&acceptor->host->waiting, 1);
	else
		atomic_fetch_sub(&acceptor->host->waiting, 1);
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

void acceptor_wake(struct acceptor *acceptor, struct reception *reception)
{
	if (!atomic_load(&acceptor->full) || atomic_exchange(&acceptor->woken, true))
		return;
	reception_use(reception, 1); /* as long as the post is on its way the listener stays */
	acceptor->wake_for = reception;
	post_send(&acceptor->doorstep.loop->posts, &acceptor->wake, on_wake);
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

struct acceptor *acceptor_new(struct reception_host *host, struct reception *reception,
			      struct plait_loop *loop, int fd)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
	if (!acceptor) {
		famine_close(fd);
		return NULL;
	}
	acceptor->host = host;
	acceptor->doorstep.loop = loop;
	acceptor->fd = fd;
	acceptor->reception = reception;
	reception_use(reception, 1);
	acceptor->hunger = (struct famine_waiter){ .wake = on_food, .privileged = host->options.spare };
	timer_init(&acceptor->retry, on_retry);
	watch_init(&acceptor->watch, loop, fd, on_acceptable);
	return acceptor;
}

void acceptor_start(struct acceptor *acceptor)
{
	if (acceptor->fd >= 0)
		wait_for_peers(acceptor);
}

static void shut(struct acceptor *acceptor)
{
	loop_stop_timer(acceptor->doorstep.loop, &acceptor->retry);
	watch_set(&acceptor->watch, WATCH_NONE);
	if (acceptor->fd >= 0)
		famine_close(acceptor->fd);
	acceptor->fd = -1;
}

void acceptor_stop(struct acceptor *acceptor)
{
	struct reception *reception = acceptor->reception;
	set_full(acceptor, false);
	leave_line(acceptor);
	shut(acceptor);
	acceptor->reception = NULL;
	if (reception)
		reception_leave(reception);
}

void acceptor_set_door(struct acceptor *acceptor, enum stream_door door)
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

void acceptor_change(struct acceptor *acceptor, struct reception *reception)
{
	struct reception *before = acceptor->reception;
	bool stood = leave_line(acceptor); /* where it stood by what was before */
	acceptor->reception = reception;
	if ((stood || atomic_load(&acceptor->full)) && acceptor->fd >= 0)
		wait_for_peers(acceptor); /* by other limits there may be room */
	reception_leave(before);
}

void acceptor_leave_line(struct acceptor *acceptor)
{
	leave_line(acceptor);
}

void acceptor_free(struct acceptor **acceptor_at)
{
	struct acceptor *acceptor = *acceptor_at;
	*acceptor_at = NULL;
	famine_end(&acceptor->hunger);
	shut(acceptor);
	free(acceptor);
}
