/* The pace of each connection: when what it has moved will be paid for, and a timer for its pause. */
#include "core/policy/pace.h"

#include "core/base/block.h"
#include "core/base/container.h"
#include "core/net/conn/conn.h"
#include "core/policy/bucket.h"

#define MS_NS (BUCKET_SECOND_NS / 1000)

struct lane {
	uint64_t paid_ns; /* when all that was moved is paid for */
	uint64_t held_from_ms;
	bool held;
};

/* One connection's. */
struct paced {
	struct plait_conn *conn;
	struct timer timer;
	struct lane lanes[TRAFFIC_DIRECTIONS];
};

static struct pace *pace_of(struct traffic *traffic)
{
	return CONTAINER_OF(traffic, struct pace, traffic);
}

/* When no more than a second's worth is unpaid. */
static uint64_t free_at_ms(const struct lane *lane)
{
	return lane->paid_ns > BUCKET_SECOND_NS ? (lane->paid_ns - BUCKET_SECOND_NS + MS_NS - 1) / MS_NS : 0;
}

static void hold_or_release(struct paced *paced, enum traffic_direction direction)
{
	struct lane *lane = &paced->lanes[direction];
	uint64_t now_ms = loop_now(paced->conn->loop);
	bool hold = free_at_ms(lane) > now_ms;
	if (hold == lane->held)
		return;
	lane->held = hold;
	if (hold) {
		lane->held_from_ms = now_ms;
		conn_hold(paced->conn, direction, TRAFFIC_OWN);
	} else {
		conn_release(paced->conn, direction, TRAFFIC_OWN, now_ms - lane->held_from_ms);
	}
}

static void on_timer(struct timer *timer)
{
	struct paced *paced = CONTAINER_OF(timer, struct paced, timer);
	uint64_t next_ms = TIMER_NEVER;
	for (unsigned i = 0; i < TRAFFIC_DIRECTIONS; i++) {
		hold_or_release(paced, i);
		if (paced->lanes[i].held && free_at_ms(&paced->lanes[i]) < next_ms)
			next_ms = free_at_ms(&paced->lanes[i]);
	}
	if (next_ms != TIMER_NEVER)
		loop_start_timer(paced->conn->loop, &paced->timer, next_ms);
}

static void enter(struct traffic *traffic, struct plait_conn *conn)
{
	struct conn_extra *extra = conn_extra_or_fail(conn);
	struct paced *paced = extra ? block_take(sizeof(*paced)) : NULL;
	if (traffic->inner)
		traffic->inner->enter(traffic->inner, conn);
	if (!paced) {
		conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for its pace");
		return;
	}
	*paced = (struct paced){ .conn = conn };
	timer_init(&paced->timer, on_timer);
	extra->paced = paced;
}

static void leave(struct traffic *traffic, struct plait_conn *conn)
{
	struct paced *paced = conn->extra ? conn->extra->paced : NULL;
	if (traffic->inner)
		traffic->inner->leave(traffic->inner, conn);
	if (!paced)
		return;
	loop_stop_timer(conn->loop, &paced->timer);
	conn->extra->paced = NULL;
	block_give(paced);
}

static void moved(struct traffic *traffic, struct plait_conn *conn, enum traffic_direction direction,
		  size_t len)
{
	struct paced *paced = conn->extra->paced;
	struct lane *lane = &paced->lanes[direction];
	uint64_t rate = pace_of(traffic)->rates[direction];
	if (traffic->inner)
		traffic->inner->moved(traffic->inner, conn, direction, len);
	if (rate == 0)
		return;
	uint64_t now_ms = loop_now(conn->loop);
	if (lane->paid_ns < now_ms * MS_NS)
		lane->paid_ns = now_ms * MS_NS;
	lane->paid_ns += (uint64_t)((unsigned __int128)len * BUCKET_SECOND_NS / rate);
	if (!lane->held && free_at_ms(lane) > now_ms)
		loop_start_timer(conn->loop, &paced->timer, now_ms);
}

void pace_init(struct pace *pace, const struct limit_settings *settings, struct traffic *inner)
{
	*pace = (struct pace){
		.traffic = { .enter = enter, .leave = leave, .moved = moved, .inner = inner },
		.rates = { [TRAFFIC_IN] = settings->connection_read_rate,
			   [TRAFFIC_OUT] = settings->connection_write_rate },
	};
}
