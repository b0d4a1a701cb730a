/* Who comes in: asked of the lists, of the counts of server, listener, block and address, and of the newcomers' rates. */
#include "core/policy/limits.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/loop/loop.h"
#include "core/policy/visitors.h"

/* Who waits for room that another listener will make looks again after this; its own wakes it. */
#define LOOK_AGAIN_MS 20

struct limits {
	_Alignas(CACHE_LINE) atomic_llong connections;
	atomic_llong handshakes;
	atomic_ullong full_ns; /* of the newcomers' bucket */
	struct visitors *visitors;
};

static struct limits_gate *gate_of(struct admission *admission)
{
	return CONTAINER_OF(admission, struct limits_gate, admission);
}

/* The accepting loop's clock; they differ by a turn. */
static uint64_t now_ns(void)
{
	struct plait_loop *loop = plait_loop_current();
	return loop ? loop_now(loop) * (BUCKET_SECOND_NS / 1000) : 0;
}

/* ---- counts ---- */

/* Adds one; false, and nothing was added, when there are most of them. 0: any number. *before: how many there were. */
static bool count_in(atomic_llong *count, int64_t most, int64_t *before)
{
	*before = atomic_fetch_add(count, 1);
	if (most == 0 || *before < most)
		return true;
	atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
	return false;
}

/* Whoever waits for room must see it after this, or be seen: stream_listener.c. */
static void count_out(atomic_llong *count)
{
	atomic_fetch_sub(count, 1);
}

static bool enter_server(const struct limits_gate *gate)
{
	int64_t before;
	return !gate->server ||
	       count_in(&gate->server->connections,
			atomic_load_explicit(&gate->server->most, memory_order_relaxed), &before);
}

static void leave_server(const struct limits_gate *gate)
{
	if (gate->server)
		count_out(&gate->server->connections);
}

static bool enter_listener(const struct limits_gate *gate, bool *overflow)
{
	int64_t most = gate->settings->connections, before;
	bool entered = count_in(&gate->limits->connections, most > 0 ? most + gate->settings->overflow : 0,
				&before);
	*overflow = most > 0 && before >= most;
	return entered;
}

/* Both. */
static enum plait_reason count(const struct limits_gate *gate, bool *overflow)
{
	if (!enter_server(gate))
		return PLAIT_REASON_LIMIT_SERVER;
	if (enter_listener(gate, overflow))
		return PLAIT_REASON_NONE;
	leave_server(gate);
	return PLAIT_REASON_LIMIT_CONNECTIONS;
}

static void uncount(const struct limits_gate *gate)
{
	count_out(&gate->limits->connections);
	leave_server(gate);
}

/* ---- newcomers ---- */

/* Takes a token of the listener's; or how long until there is one. */
static uint64_t take_token(const struct limits_gate *gate)
{
	const struct bucket_settings *newcomers = &gate->newcomers;
	if (newcomers->each_ns == 0)
		return 0;
	uint64_t now = now_ns(), wait;
	unsigned long long full = atomic_load_explicit(&gate->limits->full_ns, memory_order_relaxed), next;
	do {
		uint64_t bounded = bucket_bounded(newcomers, full, now);
		wait = bucket_wait(newcomers, bounded, now);
		next = wait > 0 ? bounded : bucket_less(newcomers, bounded, now);
	} while (next != full &&
		 !atomic_compare_exchange_weak_explicit(&gate->limits->full_ns, &full, next,
							memory_order_relaxed, memory_order_relaxed));
	return wait;
}

/* Nobody came for it. */
static void return_token(const struct limits_gate *gate)
{
	if (gate->newcomers.each_ns > 0)
		atomic_fetch_sub_explicit(&gate->limits->full_ns, gate->newcomers.each_ns,
					  memory_order_relaxed);
}

/* ---- addresses ---- */

static const enum plait_reason reasons[][4] = {
	[VISITOR_ADDRESS] = { [VISIT_TOO_MANY] = PLAIT_REASON_LIMIT_ADDRESS,
			      [VISIT_TOO_FAST] = PLAIT_REASON_LIMIT_ADDRESS_RATE,
			      [VISIT_NO_MEMORY] = PLAIT_REASON_INTERNAL },
	[VISITOR_PREFIX] = { [VISIT_TOO_MANY] = PLAIT_REASON_LIMIT_PREFIX,
			     [VISIT_NO_MEMORY] = PLAIT_REASON_INTERNAL },
};

/* The peers of a UNIX socket have no address to be told apart by. */
static bool has_address(const struct plait_addr *peer)
{
	return peer->family == PLAIT_FAMILY_IPV4 || peer->family == PLAIT_FAMILY_IPV6;
}

/* What is counted of an address by these settings; false: nothing. */
static bool key_of(const struct limits_gate *gate, enum visitor_kind kind, const struct plait_addr *peer,
		   struct visitor_key *key)
{
	const struct limit_settings *settings = gate->settings;
	const struct prefix_settings *prefix = &settings->per_prefix;
	bool ipv4 = peer->family == PLAIT_FAMILY_IPV4;
	if (!has_address(peer))
		return false;
	if (kind == VISITOR_PREFIX) {
		*key = visitor_key(kind, peer, (unsigned)(ipv4 ? prefix->ipv4 : prefix->ipv6));
		return prefix->connections > 0;
	}
	*key = visitor_key(kind, peer, ipv4 ? 32 : 128);
	return settings->per_address > 0 || settings->address_rate > 0;
}

static enum plait_reason visit(const struct limits_gate *gate, enum visitor_kind kind,
			       const struct plait_addr *peer)
{
	struct visitor_key key;
	struct visit_limits limits = { .connections = gate->settings->per_prefix.connections };
	if (!key_of(gate, kind, peer, &key))
		return PLAIT_REASON_NONE;
	if (kind == VISITOR_ADDRESS)
		limits = (struct visit_limits){ .connections = gate->settings->per_address,
						.bucket = gate->address_newcomers };
	return reasons[kind][visitors_enter(gate->limits->visitors, &key, &limits, now_ns())];
}

static void leave(const struct limits_gate *gate, enum visitor_kind kind, const struct plait_addr *peer)
{
	struct visitor_key key;
	if (key_of(gate, kind, peer, &key))
		visitors_leave(gate->limits->visitors, &key, now_ns());
}

static enum plait_reason visit_all(const struct limits_gate *gate, const struct plait_addr *peer)
{
	enum plait_reason reason = visit(gate, VISITOR_PREFIX, peer);
	if (reason != PLAIT_REASON_NONE)
		return reason;
	reason = visit(gate, VISITOR_ADDRESS, peer);
	if (reason != PLAIT_REASON_NONE)
		leave(gate, VISITOR_PREFIX, peer);
	return reason;
}

static void leave_all(const struct limits_gate *gate, const struct plait_addr *peer)
{
	leave(gate, VISITOR_ADDRESS, peer);
	leave(gate, VISITOR_PREFIX, peer);
}

/* ---- admission ---- */

/* The listener's tokens are asked for last: a flood from one address must not use them up. */
static enum plait_reason admit_counted(const struct limits_gate *gate, const struct plait_addr *peer)
{
	enum plait_reason reason = visit_all(gate, peer);
	if (reason != PLAIT_REASON_NONE || take_token(gate) == 0)
		return reason;
	leave_all(gate, peer);
	return PLAIT_REASON_LIMIT_RATE;
}

static enum plait_reason admit(struct admission *admission, const struct plait_addr *peer, bool *overflow)
{
	const struct limits_gate *gate = gate_of(admission);
	if (!access_allows(gate->access, peer))
		return PLAIT_REASON_DENIED;
	enum plait_reason reason = count(gate, overflow);
	if (reason == PLAIT_REASON_NONE) {
		reason = admit_counted(gate, peer);
		if (reason != PLAIT_REASON_NONE)
			uncount(gate);
	}
	return reason;
}

/* What was reserved is theirs, or goes back. */
static enum plait_reason admit_reserved(struct admission *admission, const struct plait_addr *peer,
					bool *overflow)
{
	const struct limits_gate *gate = gate_of(admission);
	int64_t most = gate->settings->connections;
	*overflow = most > 0 && limits_count(gate->limits) > most;
	enum plait_reason reason = PLAIT_REASON_DENIED;
	if (access_allows(gate->access, peer))
		reason = visit_all(gate, peer);
	if (reason != PLAIT_REASON_NONE)
		admission->cancel(admission);
	return reason;
}

static uint64_t reserve(struct admission *admission)
{
	const struct limits_gate *gate = gate_of(admission);
	bool overflow;
	if (count(gate, &overflow) != PLAIT_REASON_NONE)
		return LOOK_AGAIN_MS;
	uint64_t wait_ns = take_token(gate);
	if (wait_ns == 0)
		return 0;
	uncount(gate);
	return wait_ns / (BUCKET_SECOND_NS / 1000) + 1;
}

static void cancel(struct admission *admission)
{
	const struct limits_gate *gate = gate_of(admission);
	return_token(gate);
	uncount(gate);
}

static void release(struct admission *admission, const struct plait_addr *peer)
{
	const struct limits_gate *gate = gate_of(admission);
	leave_all(gate, peer);
	uncount(gate);
}

static bool begin_handshake(struct admission *admission)
{
	const struct limits_gate *gate = gate_of(admission);
	int64_t before;
	return count_in(&gate->limits->handshakes, gate->settings->handshakes, &before);
}

static void end_handshake(struct admission *admission)
{
	count_out(&gate_of(admission)->limits->handshakes);
}

int64_t limits_handshakes(const struct limits *limits)
{
	return atomic_load_explicit(&limits->handshakes, memory_order_relaxed);
}

int64_t limits_count(const struct limits *limits)
{
	return atomic_load_explicit(&limits->connections, memory_order_relaxed);
}

struct limits_server *limits_server_new(void)
{
	struct limits_server *server = aligned_alloc(CACHE_LINE, sizeof(*server));
	if (server)
		*server = (struct limits_server){ 0 };
	return server;
}

struct limits *limits_new(void)
{
	struct limits *limits = alloc_apart(sizeof(*limits), "a listener's limits");
	*limits = (struct limits){ .visitors = visitors_new() };
	return limits;
}

void limits_free(struct limits **limits_at)
{
	struct limits *limits = *limits_at;
	*limits_at = NULL;
	if (limits)
		visitors_free(&limits->visitors);
	free(limits);
}

void limits_gate_init(struct limits_gate *gate, struct limits *limits, const struct limit_settings *settings)
{
	bool waits = settings->over == LIMIT_OVER_WAIT;
	*gate = (struct limits_gate){
		.admission = { .admit = waits ? admit_reserved : admit,
			       .release = release,
			       .reserve = waits ? reserve : NULL,
			       .cancel = cancel,
			       .begin_handshake = begin_handshake,
			       .end_handshake = end_handshake,
			       .farewell = settings->over == LIMIT_OVER_MESSAGE ? settings->message : NULL },
		.settings = settings,
		.limits = limits,
		.newcomers = bucket_settings(settings->accept_rate, settings->accept_burst),
		.address_newcomers = bucket_settings(settings->address_rate, settings->address_burst),
	};
}
