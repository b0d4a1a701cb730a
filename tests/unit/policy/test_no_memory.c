/* Policies when there is no memory for what a newcomer costs: it is refused, and nobody else notices. */
#include <stdlib.h>

#include "core/policy/limits.h"
#include "core/policy/pace.h"
#include "core/policy/visitors.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define NEVER (-1)

static int fails_at = NEVER; /* counted down */

static bool fails(void)
{
	return fails_at != NEVER && fails_at-- == 0;
}

/* The linker puts these in malloc's and calloc's place (--wrap). */
void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_calloc(size_t count, size_t size);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

static struct rig rig;

/* ---- an address that is to be counted ---- */

static enum plait_reason come(struct limits_gate *gate)
{
	const struct plait_addr peer = { .family = PLAIT_FAMILY_IPV4, .u.bytes = { 10, 0, 0, 1 } };
	bool overflow;
	enum plait_reason reason = gate->admission.admit(&gate->admission, &peer, &overflow);
	fails_at = NEVER;
	if (reason == PLAIT_REASON_NONE)
		gate->admission.release(&gate->admission, &peer);
	return reason;
}

static void who_cannot_be_counted_is_refused(void)
{
	const struct limit_settings settings = { .connections = 10,
						 .per_address = 1,
						 .per_prefix = { .connections = 1, .ipv4 = 24, .ipv6 = 64 } };
	unsigned refused = 0;
	rig_init(&rig);
	for (int at = 0;; at++) {
		struct limits_gate gate;
		limits_gate_init(&gate, limits_new(), &settings);
		fails_at = at;
		enum plait_reason reason = come(&gate);
		CU_ASSERT_EQUAL(limits_count(gate.limits), 0);
		CU_ASSERT_EQUAL(come(&gate), PLAIT_REASON_NONE);
		limits_free(&gate.limits);
		if (reason == PLAIT_REASON_NONE)
			break;
		CU_ASSERT_EQUAL(reason, PLAIT_REASON_INTERNAL);
		refused++;
	}
	CU_ASSERT_TRUE(refused >= 2); /* a table has two parts */
	rig_fini(&rig);
}

/* ---- a connection that is to be paced ---- */

static struct pace pace;
static int enter_fails_at;

static void enter(struct traffic *traffic, struct plait_conn *conn)
{
	(void)traffic;
	fails_at = enter_fails_at;
	pace.traffic.enter(&pace.traffic, conn);
	fails_at = NEVER;
}

static void leave(struct traffic *traffic, struct plait_conn *conn)
{
	(void)traffic;
	pace.traffic.leave(&pace.traffic, conn);
}

static void moved(struct traffic *traffic, struct plait_conn *conn, enum traffic_direction direction,
		  size_t len)
{
	(void)traffic;
	pace.traffic.moved(&pace.traffic, conn, direction, len);
}

static void who_cannot_be_paced_is_not_served(void)
{
	static struct traffic starved = { .enter = enter, .leave = leave, .moved = moved };
	const struct limit_settings settings = { .connection_read_rate = 100 };
	struct rig_listener listener;
	struct rig_client client;
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &recorder_protocol, NULL, NULL), 0);
	pace_init(&pace, &settings, NULL);
	listener.factory->traffic = &starved;
	for (enter_fails_at = 0; enter_fails_at < 2; enter_fails_at++) {
		recorder_reset();
		rig_connect(&rig, &listener, &client);
		rig_run(&rig);
		CU_ASSERT_PTR_NULL(client.conn);
		CU_ASSERT_STRING_EQUAL(recorder.events, "");
		rig_leave(&client);
	}
	rig_connect(&rig, &listener, &client);
	rig_say(&client, "hello");
	CU_ASSERT_PTR_NOT_NULL(client.conn);
	rig_leave(&client);
	rig_unlisten(&listener);
	rig_fini(&rig);
	recorder_reset();
}

SUITE_MAIN("no_memory", SUITE_TEST(who_cannot_be_paced_is_not_served),
	   SUITE_TEST(who_cannot_be_counted_is_refused))
