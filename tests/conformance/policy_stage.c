/* The stage of a policy's case: a listener with its policies, and who comes to it. */
#include "tests/conformance/policy_stage.h"

#include <math.h>
#include <plait/producer.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/container.h"

struct policy_play policy_play;

/* ---- the protocols ---- */

static void pause_producer(struct plait_conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
	policy_play.producer_paused = true;
}

static void resume_producer(struct plait_conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
	policy_play.producer_paused = false;
}

static void stop_producer(struct plait_conn *conn, enum plait_reason reason, void *arg)
{
	(void)conn;
	(void)reason;
	(void)arg;
}

static const struct plait_producer producer = {
	.pause = pause_producer,
	.resume = resume_producer,
	.stop = stop_producer,
};

static void made(struct plait_conn *conn)
{
	policy_play.served_by_overflow = false;
	if (policy_play.produces)
		plait_register_producer(conn, &producer, NULL);
	if (policy_play.policy->set_timeout == plait_set_timeout)
		plait_set_timeout(conn, policy_play.timeout_ms);
}

static void overflow_made(struct plait_conn *conn)
{
	(void)conn;
	policy_play.served_by_overflow = true;
}

static size_t data(struct plait_conn *conn, const void *bytes, size_t len)
{
	plait_reset_timeout(conn);
	if (policy_play.echoes)
		plait_write(conn, bytes, len);
	return len;
}

static void timed_out(struct plait_conn *conn)
{
	(void)conn;
	policy_play.timed_out = true;
}

static const struct plait_protocol protocol = { PLAIT_PROTOCOL_HEAD("policy"), .made = made, .data = data,
						.timed_out = timed_out };

static const struct plait_protocol overflow_protocol = { PLAIT_PROTOCOL_HEAD("overflow"),
							 .made = overflow_made, .data = data };

/* ---- coming and going ---- */

static void gone(struct conn_owner *owner, const struct plait_addr *peer)
{
	struct visitor *visitor = CONTAINER_OF(owner, struct visitor, client.owner);
	struct admission *admission = &policy_play.gate.admission;

	visitor->client.conn = NULL;
	admission->release(admission, peer);
}

/* As a listener does. */
struct visitor *policy_visit(json_int_t id)
{
	static const struct plait_addr peer = { .family = PLAIT_FAMILY_IPV4, .u.bytes = { 127, 0, 0, 1 } };
	struct admission *admission = &policy_play.gate.admission;
	bool overflow;

	policy_play.accepted = admission->admit(admission, &peer, &overflow) == PLAIT_REASON_NONE;
	if (!policy_play.accepted)
		return NULL;
	if (policy_play.count == VISITORS_MOST)
		abort();
	struct visitor *visitor = &policy_play.visitors[policy_play.count++];
	struct rig_client *client = &visitor->client;

	*visitor = (struct visitor){ .id = id, .here = true };
	client->rig = &policy_play.rig;
	client->owner.gone = gone;
	memory_init(&client->memory, policy_play.rig.loop);
	client->conn = conn_new(policy_play.rig.loop,
				overflow ? policy_play.overflow.factory : policy_play.listener.factory,
				&transport_memory, -1, &client->memory, &peer, &client->owner);
	if (!client->conn)
		abort();
	return visitor;
}

struct rig_client *policy_client(void)
{
	return &policy_play.visitors[0].client;
}

/* ---- a case ---- */

/* Twisted's seconds; null is none. */
const char *policy_read_ms(const json_t *seconds, uint64_t *ms)
{
	*ms = 0;
	if (!seconds || json_is_null(seconds))
		return NULL;
	if (!json_is_number(seconds) || json_number_value(seconds) < 0)
		return "has no seconds";
	*ms = (uint64_t)llround(json_number_value(seconds) * 1000);
	return NULL;
}

/* A limit; null, and none at all, is without. */
static const char *read_limit(const json_t *params, const char *name, uint64_t *limit)
{
	const json_t *value = json_object_get(params, name);

	*limit = (uint64_t)json_integer_value(value);
	if (!value || json_is_null(value) || (json_is_integer(value) && json_integer_value(value) > 0))
		return NULL;
	return "has a limit that is no number above 0";
}

static const char *read_handler(const json_t *params)
{
	const char *handler = json_string_value(json_object_get(params, "handler"));

	policy_play.echoes = handler && !strcmp(handler, "echo");
	policy_play.produces = json_is_true(json_object_get(params, "handler_is_registered_producer"));
	return handler && !policy_play.echoes ? "names an unknown handler" : NULL;
}

const char *policy_read(const json_t *params, const struct policy *policy)
{
	policy_play = (struct policy_play){ .policy = policy };

	uint64_t connections, connection_limit;
	const char *fault = read_limit(params, "max_connections", &connections);

	if (!fault)
		fault = read_limit(params, "connection_limit", &connection_limit);
	if (!fault)
		fault = read_limit(params, "read_limit", &policy_play.settings.read_rate);
	if (!fault)
		fault = read_limit(params, "write_limit", &policy_play.settings.write_rate);
	if (!fault)
		fault = policy_read_ms(json_object_get(params, "timeout"), &policy_play.timeout_ms);
	if (!fault)
		fault = read_handler(params);
	if (!fault && json_array_size(json_object_get(params, "script")) == 0)
		fault = "has no script";
	if (fault)
		return fault;
	policy_play.settings.connections = (int64_t)(connections + connection_limit);
	return NULL;
}

static bool has_op(const json_t *script, const char *name)
{
	json_t *step;
	size_t index;

	json_array_foreach((json_t *)script, index, step)
	{
		const char *op = json_string_value(json_object_get(step, "op"));

		if (op && !strcmp(op, name))
			return true;
	}
	return false;
}

static void make_listener(void)
{
	policy_play.returned = json_string("nothing was set");
	policy_play.error = json_string("nothing was done");
	policy_play.limits = limits_new();
	rig_init(&policy_play.rig);
	limits_gate_init(&policy_play.gate, policy_play.limits, &policy_play.settings);
	if (!policy_play.limits || rig_listen(&policy_play.listener, &protocol, NULL, NULL) < 0 ||
	    rig_listen(&policy_play.overflow, &overflow_protocol, NULL, NULL) < 0)
		abort();
	if (throttle_needed(&policy_play.settings)) {
		policy_play.throttle = throttle_new(&policy_play.settings);
		policy_play.listener.factory->traffic = throttle_traffic(policy_play.throttle);
	}
	if (policy_play.policy->set_timeout == plait_set_idle_timeout)
		policy_play.listener.settings.timeouts.idle_ms = policy_play.timeout_ms;
}

void policy_curtain_down(void)
{
	for (size_t i = 0; i < policy_play.count; i++)
		rig_leave(&policy_play.visitors[i].client);
	rig_unlisten(&policy_play.listener);
	rig_unlisten(&policy_play.overflow);
	rig_fini(&policy_play.rig);
	throttle_free(&policy_play.throttle);
	limits_free(&policy_play.limits);
	json_decref(policy_play.returned);
	json_decref(policy_play.error);
	json_decref(policy_play.after_step);
}

/* Whom the script takes to be there. */
static void first_visitor(const json_t *params)
{
	const json_t *connect = json_object_get(params, "connect");

	if (has_op(json_object_get(params, "script"), "connect"))
		return;
	struct plait_conn *conn = policy_visit(0)->client.conn;

	if (!connect || json_is_true(connect))
		conn_start(conn);
	else
		made(conn); /* it has a timeout, and nothing to run it */
	rig_run(&policy_play.rig);
}

void policy_curtain_up(const json_t *params)
{
	make_listener();
	first_visitor(params);
}
