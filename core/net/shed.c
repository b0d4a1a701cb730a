/* Shedding in rounds: every loop counts what its connections hold, by size; from the sum follows how large the ones are that
 * must go; every loop closes its own of that size and above. So the worst go first, whichever loop they are on. */
#include "core/net/shed.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/base/units.h"
#include "core/net/conn/conn.h"
#include "core/net/net.h"

/* Two for each power of two; the first is of those that are going anyway. */
#define CLASSES 130
#define GOING 0

/* A loop that does not answer for so long is left out. */
#define PATIENCE_MS 100

/* A round looks at all connections. */
#define ROUNDS_APART_MS 10

enum stage { STAGE_NONE, STAGE_BEGUN, STAGE_COUNTING, STAGE_CLOSING };

/* A loop's. Its posts are sent when none is on its way. */
struct part {
	struct shed *shed;
	struct plait_loop *loop;
	struct post count, close;
	atomic_bool counts, closes; /* the post is on its way, */
	unsigned of_round;          /* for that round */
	unsigned patient_for;       /* likewise: a round that is over does not stop its timer */
	struct timer patience,
		again; /* of the loop that waits for the others, and of the one that ended a round */
};

struct shed {
	struct holding_sum sum;
	atomic_int stage; /* enum stage */
	atomic_uint round;
	atomic_uint awaited; /* loops, in this stage */
	atomic_llong held[CLASSES];
	atomic_uint least;  /* larger classes go, and of this one as many */
	atomic_llong spare; /* as hold so many bytes */
	atomic_ullong round_closed, closed;
	atomic_ullong not_before_ms;
	unsigned count;
	struct part parts[];
};

static unsigned class_of(const struct plait_conn *conn, unsigned long long held)
{
	if (held < 2 || conn->state == CONN_CLOSED)
		return conn->state == CONN_CLOSED ? GOING : (unsigned)held;
	unsigned log = 63 - (unsigned)__builtin_clzll(held);
	return 2 * log + (unsigned)(held >> (log - 1) & 1);
}

static bool is_over(struct shed *shed)
{
	long long most = atomic_load_explicit(&shed->sum.most, memory_order_relaxed);
	return most > 0 && atomic_load_explicit(&shed->sum.bytes, memory_order_relaxed) > most;
}

static struct part *part_here(struct shed *shed)
{
	struct plait_loop *here = plait_loop_current();
	for (unsigned i = 0; i < shed->count; i++)
		if (shed->parts[i].loop == here)
			return &shed->parts[i];
	return NULL;
}

static void look_again(struct shed *shed)
{
	struct part *here = part_here(shed);
	if (here)
		loop_start_timer(here->loop, &here->again, loop_now(here->loop) + ROUNDS_APART_MS);
}

static void advance(struct shed *shed, unsigned round, int from);

/* Who begins is awaited as well, so that the stage does not end before all have been sent to. */
static void send_to_all(struct shed *shed, int stage, bool closes, post_fn *fn)
{
	unsigned round = atomic_load(&shed->round);
	struct part *here = part_here(shed);
	atomic_store(&shed->awaited, shed->count + 1);
	atomic_store(&shed->stage, stage);
	unsigned left_out = 1;
	for (unsigned i = 0; i < shed->count; i++) {
		struct part *part = &shed->parts[i];
		if (atomic_exchange(closes ? &part->closes : &part->counts, true)) {
			left_out++;
			continue;
		}
		part->of_round = round;
		post_send(&part->loop->posts, closes ? &part->close : &part->count, fn);
	}
	if (here) {
		here->patient_for = round;
		loop_start_timer(here->loop, &here->patience, loop_now(here->loop) + PATIENCE_MS);
	}
	if (atomic_fetch_sub(&shed->awaited, left_out) == left_out)
		advance(shed, round, stage);
}

static void answered(struct shed *shed, unsigned round, int stage)
{
	if (round == atomic_load(&shed->round) && atomic_load(&shed->stage) == stage &&
	    atomic_fetch_sub(&shed->awaited, 1) == 1)
		advance(shed, round, stage);
}

static void on_count(struct post *post)
{
	struct part *part = CONTAINER_OF(post, struct part, count);
	struct shed *shed = part->shed;
	unsigned round = part->of_round;
	long long held[CLASSES] = { 0 };
	atomic_store(&part->counts, false);
	if (!part->loop->net)
		return;
	queue_pool_tell(&part->loop->pool);
	for (const struct plait_conn *conn = part->loop->net->conns; conn; conn = conn->next) {
		size_t bytes = conn_held(conn);
		held[class_of(conn, bytes)] += (long long)bytes;
	}
	for (unsigned i = 0; i < CLASSES; i++)
		if (held[i] > 0)
			atomic_fetch_add(&shed->held[i], held[i]);
	answered(shed, round, STAGE_COUNTING);
}

static bool must_go(struct shed *shed, const struct plait_conn *conn)
{
	size_t held = conn_held(conn);
	unsigned class = class_of(conn, held), least = atomic_load(&shed->least);
	return class > least || (class == least && atomic_fetch_sub(&shed->spare, (long long)held) > 0);
}

static void on_close(struct post *post)
{
	struct part *part = CONTAINER_OF(post, struct part, close);
	struct shed *shed = part->shed;
	unsigned round = part->of_round;
	atomic_store(&part->closes, false);
	if (!part->loop->net)
		return;
	for (struct plait_conn *conn = part->loop->net->conns, *next; conn && is_over(shed); conn = next) {
		next = conn->next;
		if (!must_go(shed, conn))
			continue;
		atomic_fetch_add(&shed->round_closed, 1);
		conn_fail(conn, PLAIT_REASON_SHED, NULL);
	}
	answered(shed, round, STAGE_CLOSING);
}

static void count(struct shed *shed)
{
	atomic_fetch_add(&shed->round, 1);
	atomic_store(&shed->round_closed, 0);
	for (unsigned i = 0; i < CLASSES; i++)
		atomic_store(&shed->held[i], 0);
	send_to_all(shed, STAGE_COUNTING, false, on_count);
}

static void end(struct shed *shed)
{
	unsigned long long closed = atomic_load(&shed->round_closed);
	struct part *here = part_here(shed);
	char most[32];
	if (closed > 0)
		log_write(
			PLAIT_LOG_WARNING, NULL,
			"more than %s were held for peers (limits.buffered); closed of those that held the most: %llu",
			units_format_size(most, sizeof(most), (uint64_t)atomic_load(&shed->sum.most)),
			closed);
	atomic_fetch_add(&shed->closed, closed);
	if (here)
		atomic_store(&shed->not_before_ms, loop_now(here->loop) + ROUNDS_APART_MS);
	atomic_store(&shed->stage, STAGE_NONE);
	if (closed > 0) /* what they shared with others may be held still */
		look_again(shed);
}

/* What is above the bound, and an eighth of the bound, is to go. */
static void choose(struct shed *shed)
{
	long long most = atomic_load(&shed->sum.most);
	long long stays = atomic_load(&shed->sum.bytes) - atomic_load(&shed->held[GOING]);
	long long surplus = stays - (most - most / 8), above = 0;
	unsigned class = CLASSES - 1;
	if (most == 0 || stays <= most) {
		end(shed);
		return;
	}
	while (class > 1 && above + atomic_load(&shed->held[class]) < surplus)
		above += atomic_load(&shed->held[class --]);
	atomic_store(&shed->least, class);
	atomic_store(&shed->spare, surplus - above);
	send_to_all(shed, STAGE_CLOSING, true, on_close);
}

/* Only one of those who see the end of a stage goes on. */
static void advance(struct shed *shed, unsigned round, int from)
{
	if (round != atomic_load(&shed->round) ||
	    !atomic_compare_exchange_strong(&shed->stage, &from, STAGE_BEGUN))
		return;
	if (from == STAGE_COUNTING)
		choose(shed);
	else
		end(shed);
}

static void begin(struct shed *shed)
{
	int none = STAGE_NONE;
	struct part *here = part_here(shed);
	if (atomic_load(&shed->stage) != STAGE_NONE)
		return;
	if (here && loop_now(here->loop) < atomic_load(&shed->not_before_ms))
		look_again(shed);
	else if (atomic_compare_exchange_strong(&shed->stage, &none, STAGE_BEGUN))
		count(shed);
}

static void on_over(struct holding_sum *sum)
{
	begin(CONTAINER_OF(sum, struct shed, sum));
}

/* Somebody did not answer. */
static void on_patience(struct timer *timer)
{
	struct part *part = CONTAINER_OF(timer, struct part, patience);
	int stage = atomic_load(&part->shed->stage);
	if (stage == STAGE_COUNTING || stage == STAGE_CLOSING)
		advance(part->shed, part->patient_for, stage);
}

static void on_again(struct timer *timer)
{
	struct shed *shed = CONTAINER_OF(timer, struct part, again)->shed;
	if (is_over(shed))
		begin(shed);
}

struct shed *shed_new(struct plait_loop *const *loops, unsigned count, uint64_t most)
{
	struct shed *shed = alloc_zeroed(sizeof(*shed) + count * sizeof(*shed->parts),
					 "a bound on what is buffered");
	shed->sum.over = on_over;
	shed->count = count;
	shed_set_most(shed, most);
	for (unsigned i = 0; i < count; i++) {
		shed->parts[i].shed = shed;
		shed->parts[i].loop = loops[i];
		timer_init(&shed->parts[i].patience, on_patience);
		timer_init(&shed->parts[i].again, on_again);
		loops[i]->pool.holding.sum = &shed->sum;
	}
	return shed;
}

void shed_free(struct shed **shed)
{
	free(*shed);
	*shed = NULL;
}

void shed_set_most(struct shed *shed, uint64_t most)
{
	atomic_store(&shed->sum.most, most < INT64_MAX ? (long long)most : 0);
}

void shed_tell(struct shed *shed, struct shed_told *told)
{
	long long bytes = atomic_load(&shed->sum.bytes);
	told->bytes = bytes > 0 ? (uint64_t)bytes : 0;
	told->most = (uint64_t)atomic_load(&shed->sum.most);
	told->closed = atomic_load(&shed->closed);
}
