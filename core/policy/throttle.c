/* The throttle: each loop counts for itself; once a second one of them adds up, and each holds back its own. */
#include "core/policy/throttle.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/compiler.h"
#include "core/base/container.h"
#include "core/net/conn/conn.h"
#include "core/net/net.h"

#define PERIOD_MS 1000

/* A burst is not waited out for the rest of its second when it is so many seconds' worth: the pause that follows would be
 * for everybody, and as long as the network is fast. Loops share it, but each may have what is too much in any case. */
#define BURST_S 4
#define BURST_LEAST_S 2

/* More time without traffic than this earns nothing more, and cannot overflow. */
#define FORGET_MS ((uint64_t)24 * 3600 * 1000)

/* One direction, of all loops. */
struct gauge {
	uint64_t rate;     /* bytes a second; 0: any */
	uint64_t measured; /* what all had moved by then */
	uint64_t debt;     /* thousandths of a byte that time has still to pay for */
	uint64_t held_until_ms;
};

/* One loop's share. */
struct part {
	_Alignas(CACHE_LINE) struct throttle *throttle;
	struct plait_loop *loop;
	struct timer timer; /* runs while there are connections */
	size_t connections;
	atomic_ullong moved[TRAFFIC_DIRECTIONS]; /* ever; written by the loop, read by all */
	uint64_t burst_at[TRAFFIC_DIRECTIONS];   /* of moved: is measured before its time */
	uint64_t round; /* the measurement that these follow: who comes and goes gets no other burst */
	bool held[TRAFFIC_DIRECTIONS];
	uint64_t held_from_ms[TRAFFIC_DIRECTIONS];
};

struct throttle {
	struct traffic traffic;
	pthread_mutex_t
		lock; /* of what follows; taken once a second, and when a loop gets its first connection */
	uint64_t measured_ms;
	uint64_t rounds; /* measurements, from 1 */
	struct gauge gauges[TRAFFIC_DIRECTIONS];
	struct part *parts[PLAIT_LOOPS_MAX]; /* by a loop's index; a loop reads its own without the lock */
};

static struct throttle *throttle_of(struct traffic *traffic)
{
	return CONTAINER_OF(traffic, struct throttle, traffic);
}

static uint64_t moved_by_all(const struct throttle *throttle, enum traffic_direction direction)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < PLAIT_LOOPS_MAX; i++) {
		if (throttle->parts[i])
			sum += atomic_load_explicit(&throttle->parts[i]->moved[direction],
						    memory_order_relaxed);
	}
	return sum;
}

/* The limit's worth of the time that has passed is paid; the rest pauses until it will be. */
static void measure_one(struct throttle *throttle, enum traffic_direction direction, uint64_t now_ms,
			uint64_t elapsed_ms)
{
	struct gauge *gauge = &throttle->gauges[direction];
	uint64_t sum = moved_by_all(throttle, direction);
	uint64_t paid = gauge->rate * elapsed_ms;
	uint64_t owed = gauge->debt + (sum - gauge->measured) * 1000;
	gauge->measured = sum;
	gauge->debt = gauge->rate > 0 && owed > paid ? owed - paid : 0;
	gauge->held_until_ms = 0;
	if (gauge->debt > 0)
		gauge->held_until_ms = now_ms + (gauge->debt + gauge->rate - 1) / gauge->rate;
}

static void measure(struct throttle *throttle, uint64_t now_ms)
{
	if (now_ms < throttle->measured_ms) /* another loop's turn began later */
		now_ms = throttle->measured_ms;
	uint64_t elapsed_ms = now_ms - throttle->measured_ms;
	throttle->measured_ms = now_ms;
	throttle->rounds++;
	if (elapsed_ms > FORGET_MS)
		elapsed_ms = FORGET_MS;
	for (unsigned i = 0; i < TRAFFIC_DIRECTIONS; i++)
		measure_one(throttle, i, now_ms, elapsed_ms);
}

static void apply_to_all(struct part *part, enum traffic_direction direction)
{
	uint64_t held_ms = loop_now(part->loop) - part->held_from_ms[direction];
	const struct traffic *traffic = &part->throttle->traffic;
	for (struct plait_conn *conn = part->loop->net->conns; conn; conn = conn->next) {
		if (!traffic_has(conn->factory->traffic, traffic))
			continue;
		if (part->held[direction])
			conn_hold(conn, direction, TRAFFIC_ALL);
		else
			conn_release(conn, direction, TRAFFIC_ALL, held_ms);
	}
}

static uint64_t burst(const struct part *part, enum traffic_direction direction, uint64_t rate)
{
	uint64_t moved = atomic_load_explicit(&part->moved[direction], memory_order_relaxed);
	uint64_t share = BURST_S / part->loop->count;
	if (share < BURST_LEAST_S)
		share = BURST_LEAST_S;
	return rate > 0 ? moved + rate * share : UINT64_MAX;
}

static bool burst_came(const struct part *part)
{
	for (unsigned i = 0; i < TRAFFIC_DIRECTIONS; i++) {
		if (atomic_load_explicit(&part->moved[i], memory_order_relaxed) > part->burst_at[i])
			return true;
	}
	return false;
}

/* Measures when it is time, holds back or lets go what that or another loop's measurement says, and looks again when the
 * next thing is due. */
static void look(struct part *part)
{
	struct throttle *throttle = part->throttle;
	uint64_t now_ms = loop_now(part->loop), next_ms, round;
	struct gauge gauges[TRAFFIC_DIRECTIONS];
	pthread_mutex_lock(&throttle->lock);
	if (now_ms >= throttle->measured_ms + PERIOD_MS || burst_came(part))
		measure(throttle, now_ms);
	round = throttle->rounds;
	next_ms = throttle->measured_ms + PERIOD_MS;
	memcpy(gauges, throttle->gauges, sizeof(gauges));
	pthread_mutex_unlock(&throttle->lock);
	for (unsigned i = 0; i < TRAFFIC_DIRECTIONS; i++) {
		bool held = now_ms < gauges[i].held_until_ms;
		if (part->round != round)
			part->burst_at[i] = burst(part, i, gauges[i].rate);
		if (held && gauges[i].held_until_ms < next_ms)
			next_ms = gauges[i].held_until_ms;
		if (held == part->held[i])
			continue;
		part->held[i] = held;
		apply_to_all(part, i);
		part->held_from_ms[i] = now_ms;
	}
	part->round = round;
	loop_start_timer(part->loop, &part->timer, next_ms);
}

static void on_timer(struct timer *timer)
{
	look(CONTAINER_OF(timer, struct part, timer));
}

static struct part *make_part(struct throttle *throttle, struct plait_loop *loop)
{
	struct part *part = alloc_apart(sizeof(*part), "a loop's part of a throttle");
	*part = (struct part){ .throttle = throttle, .loop = loop };
	timer_init(&part->timer, on_timer);
	pthread_mutex_lock(&throttle->lock);
	throttle->parts[loop->index] = part;
	pthread_mutex_unlock(&throttle->lock);
	return part;
}

static void enter(struct traffic *traffic, struct plait_conn *conn)
{
	struct throttle *throttle = throttle_of(traffic);
	struct part *part = throttle->parts[conn->loop->index];
	if (!part)
		part = make_part(throttle, conn->loop);
	for (unsigned i = 0; i < TRAFFIC_DIRECTIONS; i++) {
		if (part->held[i])
			conn_hold(conn, i, TRAFFIC_ALL);
	}
	if (part->connections++ == 0)
		look(part);
}

static void leave(struct traffic *traffic, struct plait_conn *conn)
{
	struct part *part = throttle_of(traffic)->parts[conn->loop->index];
	if (--part->connections > 0)
		return;
	loop_stop_timer(part->loop, &part->timer);
	for (unsigned i = 0; i < TRAFFIC_DIRECTIONS; i++)
		part->held[i] = false; /* nobody is; the next to come looks again */
}

static void moved(struct traffic *traffic, struct plait_conn *conn, enum traffic_direction direction,
		  size_t len)
{
	struct part *part = throttle_of(traffic)->parts[conn->loop->index];
	counter_add(&part->moved[direction], len);
	if (atomic_load_explicit(&part->moved[direction], memory_order_relaxed) > part->burst_at[direction])
		loop_start_timer(part->loop, &part->timer, loop_now(part->loop));
}

struct throttle *throttle_new(const struct limit_settings *settings)
{
	struct throttle *throttle = calloc(1, sizeof(*throttle));
	if (!throttle)
		return NULL;
	throttle->traffic = (struct traffic){ .enter = enter, .leave = leave, .moved = moved };
	throttle->rounds = 1;
	pthread_mutex_init(&throttle->lock, NULL);
	throttle_set(throttle, settings);
	return throttle;
}

void throttle_set(struct throttle *throttle, const struct limit_settings *settings)
{
	pthread_mutex_lock(&throttle->lock);
	throttle->gauges[TRAFFIC_IN].rate = settings->read_rate;
	throttle->gauges[TRAFFIC_OUT].rate = settings->write_rate;
	pthread_mutex_unlock(&throttle->lock);
}

void throttle_free(struct throttle **throttle_at)
{
	struct throttle *throttle = *throttle_at;
	*throttle_at = NULL;
	if (!throttle)
		return;
	for (unsigned i = 0; i < PLAIT_LOOPS_MAX; i++)
		free(throttle->parts[i]);
	pthread_mutex_destroy(&throttle->lock);
	free(throttle);
}

struct traffic *throttle_traffic(struct throttle *throttle)
{
	return &throttle->traffic;
}

uint64_t throttle_moved(struct throttle *throttle, enum traffic_direction direction)
{
	pthread_mutex_lock(&throttle->lock);
	uint64_t moved = moved_by_all(throttle, direction) - throttle->gauges[direction].measured;
	pthread_mutex_unlock(&throttle->lock);
	return moved;
}
