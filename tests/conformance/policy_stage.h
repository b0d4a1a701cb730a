/* The stage of a policy's case: a listener with its policies, and who comes to it. */
#ifndef TESTS_CONFORMANCE_POLICY_STAGE_H
#define TESTS_CONFORMANCE_POLICY_STAGE_H

#include <jansson.h>

#include "core/policy/limits.h"
#include "core/policy/throttle.h"
#include "tests/unit/rig.h"

#define VISITORS_MOST 8

/* Above the limit Twisted sets no other. */
#define OVERFLOW_MOST VISITORS_MOST

struct visitor {
	json_int_t id;
	bool here; /* was let in */
	struct rig_client client;
};

/* What a policy of Twisted's is here. */
struct policy {
	uint64_t (*set_timeout)(struct plait_conn *conn, uint64_t timeout_ms); /* NULL: it has none */
};

/* The play that is on; there is one at a time. */
struct policy_play {
	const struct policy *policy;
	struct rig rig;
	struct rig_listener listener, overflow;
	struct limit_settings settings;
	struct limits *limits;
	struct limits_gate gate;
	struct throttle *throttle; /* NULL: none is needed */
	struct visitor visitors[VISITORS_MOST];
	size_t count;
	uint64_t timeout_ms;
	bool echoes, produces; /* its handler; it is a registered producer, too */
	json_t *after_step;

	/* What the last step brought. */
	json_t *returned, *error;
	bool accepted, served_by_overflow;

	bool timed_out;
	bool producer_paused;
};

extern struct policy_play policy_play;

/* Reads what the case says of the policy; NULL, or what is wrong. */
const char *policy_read(const json_t *params, const struct policy *policy);

/* What was read gets its listener, and whom the script takes to be there. */
void policy_curtain_up(const json_t *params);
void policy_curtain_down(void);

/* Somebody comes, and is let in or not; NULL: not. Follow with conn_start. */
struct visitor *policy_visit(json_int_t id);

/* The one who is there from the beginning. */
struct rig_client *policy_client(void);

/* Twisted's seconds; null, and none at all, is 0. NULL, or what is wrong. */
const char *policy_read_ms(const json_t *seconds, uint64_t *ms);

#endif
