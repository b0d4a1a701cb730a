/* Plays the cases of Twisted's policies, as their scripts say. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/conformance/hex.h"
#include "tests/conformance/policy_stage.h"
#include "tests/conformance/script.h"

/* ---- what is done ---- */

static const char *do_advance(void *unused, const json_t *step)
{
	const json_t *list = json_object_get(step, "seconds");
	json_t *seconds;
	size_t index;
	uint64_t ms;

	(void)unused;
	if (json_array_size(list) == 0)
		return "has no list of seconds";
	json_array_foreach((json_t *)list, index, seconds)
	{
		if (json_is_null(seconds) || policy_read_ms(seconds, &ms))
			return "has something else than seconds";
		rig_advance(&policy_play.rig, ms);
	}
	return NULL;
}

static const char *do_set_timeout(void *unused, const json_t *step)
{
	const json_t *seconds = json_object_get(step, "seconds");
	uint64_t ms;

	(void)unused;
	if (!policy_play.policy->set_timeout || !policy_client()->conn)
		return "finds no connection with a timeout";
	if (!seconds || policy_read_ms(seconds, &ms))
		return "has no seconds";
	uint64_t before_ms = policy_play.policy->set_timeout(policy_client()->conn, ms);

	json_decref(policy_play.returned);
	policy_play.returned = before_ms == 0          ? json_null()
			       : before_ms % 1000 == 0 ? json_integer((json_int_t)before_ms / 1000)
						       : json_real((double)before_ms / 1000);
	rig_run(&policy_play.rig);
	return NULL;
}

static const char *do_cancel_timeout(void *unused, const json_t *step)
{
	(void)unused;
	(void)step;
	if (!policy_play.policy->set_timeout)
		return "is for connections with a timeout";
	json_decref(policy_play.error);
	policy_play.error = policy_client()->conn ? json_null() : json_string("the connection is gone");
	if (policy_client()->conn)
		policy_play.policy->set_timeout(policy_client()->conn, 0);
	rig_run(&policy_play.rig);
	return NULL;
}

static const char *do_recv(void *unused, const json_t *step)
{
	size_t len;
	uint8_t *bytes = hex_decode(json_string_value(json_object_get(step, "hex")), &len);

	(void)unused;
	if (bytes)
		rig_say_bytes(policy_client(), bytes, len);
	free(bytes);
	return bytes ? NULL : "has no hex";
}

static const char *do_write(void *unused, const json_t *step)
{
	size_t len;
	uint8_t *bytes = hex_decode(json_string_value(json_object_get(step, "hex")), &len);

	(void)unused;
	if (bytes && policy_client()->conn)
		plait_write(policy_client()->conn, bytes, len);
	free(bytes);
	rig_run(&policy_play.rig);
	return bytes ? NULL : "has no hex";
}

static const char *do_writev(void *unused, const json_t *step)
{
	enum { MOST = 16 };
	const json_t *list = json_object_get(step, "hex");
	struct iovec parts[MOST] = { 0 };
	bool good = json_array_size(list) > 0 && json_array_size(list) <= MOST;
	int count = 0;
	json_t *text;
	size_t index;

	(void)unused;
	json_array_foreach((json_t *)list, index, text)
	{
		if (!good)
			break;
		parts[count].iov_base = hex_decode(json_string_value(text), &parts[count].iov_len);
		good = parts[count++].iov_base;
	}
	if (good && policy_client()->conn)
		plait_writev(policy_client()->conn, parts, count);
	while (count > 0)
		free(parts[--count].iov_base);
	rig_run(&policy_play.rig);
	return good ? NULL : "has no list of hex";
}

static const char *do_clear_output(void *unused, const json_t *step)
{
	struct buffer *output = &policy_client()->memory.from_conn;

	(void)unused;
	(void)step;
	buffer_consume(output, buffer_size(output));
	return NULL;
}

static const char *do_connect(void *unused, const json_t *step)
{
	const json_t *id = json_object_get(step, "id");

	(void)unused;
	if (!json_is_integer(id))
		return "has no id";
	struct visitor *visitor = policy_visit(json_integer_value(id));

	if (visitor)
		conn_start(visitor->client.conn);
	rig_run(&policy_play.rig);
	return NULL;
}

static const char *do_close(void *unused, const json_t *step)
{
	const json_t *id = json_object_get(step, "id");

	(void)unused;
	for (size_t i = 0; json_is_integer(id) && i < policy_play.count; i++) {
		struct visitor *visitor = &policy_play.visitors[i];

		if (!visitor->here || visitor->id != json_integer_value(id))
			continue;
		visitor->here = false;
		rig_end(&visitor->client);
		return NULL;
	}
	return "names nobody who is here";
}

static const char *do_set_overflow_protocol(void *unused, const json_t *step)
{
	(void)unused;
	(void)step;
	policy_play.settings.overflow = OVERFLOW_MOST;
	return NULL;
}

static const struct op ops[] = {
	{ "advance", do_advance },
	{ "set_timeout", do_set_timeout },
	{ "cancel_timeout", do_cancel_timeout },
	{ "recv", do_recv },
	{ "write", do_write },
	{ "writev", do_writev },
	{ "clear_output", do_clear_output },
	{ "connect", do_connect },
	{ "close", do_close },
	{ "set_overflow_protocol", do_set_overflow_protocol },
	{ 0 },
};

/* ---- what is seen ---- */

static json_t *see_timed_out(void *unused)
{
	(void)unused;
	return json_boolean(policy_play.timed_out);
}

static json_t *see_returned(void *unused)
{
	(void)unused;
	return json_incref(policy_play.returned);
}

static json_t *see_error(void *unused)
{
	(void)unused;
	return json_incref(policy_play.error);
}

static json_t *see_disconnected(void *unused)
{
	const struct memory *memory = &policy_client()->memory;

	(void)unused;
	return json_boolean(memory->was_shut_down || memory->closed);
}

static json_t *see_timer_pending(void *unused)
{
	const struct plait_conn *conn = policy_client()->conn;

	(void)unused;
	return json_boolean(conn && timer_active(&conn->timer));
}

static json_t *see_output(void *unused)
{
	(void)unused;
	return script_hex(&policy_client()->memory.from_conn);
}

static json_t *moved(enum traffic_direction direction)
{
	return policy_play.throttle
		       ? json_integer((json_int_t)throttle_moved(policy_play.throttle, direction))
		       : json_string("nobody counts");
}

static json_t *see_written(void *unused)
{
	(void)unused;
	return moved(TRAFFIC_OUT);
}

static json_t *see_read(void *unused)
{
	(void)unused;
	return moved(TRAFFIC_IN);
}

static json_t *see_producer_paused(void *unused)
{
	(void)unused;
	return json_boolean(policy_play.producer_paused);
}

static json_t *see_transport_state(void *unused)
{
	(void)unused;
	return json_string(policy_client()->memory.interest & WATCH_READ ? "producing" : "paused");
}

static json_t *see_accepted(void *unused)
{
	(void)unused;
	return json_boolean(policy_play.accepted);
}

static json_t *see_overflow(void *unused)
{
	(void)unused;
	return json_boolean(policy_play.served_by_overflow);
}

static json_t *see_count(void *unused)
{
	(void)unused;
	return json_integer((json_int_t)limits_count(policy_play.limits));
}

static json_t *see_after_step(void *unused)
{
	(void)unused;
	return json_incref(policy_play.after_step);
}

static const struct fact step_facts[] = {
	{ "timed_out", see_timed_out },
	{ "returned", see_returned },
	{ "error", see_error },
	{ "disconnected", see_disconnected },
	{ "timer_pending", see_timer_pending },
	{ "output_hex", see_output },
	{ "written_this_second", see_written },
	{ "read_this_second", see_read },
	{ "producer_paused", see_producer_paused },
	{ "transport_state", see_transport_state },
	{ "accepted", see_accepted },
	{ "overflow", see_overflow },
	{ "count", see_count },
	{ 0 },
};

static const struct fact facts[] = {
	{ "after_step", see_after_step },
	{ 0 },
};

static void play_policy(const json_t *test, const void *how, struct outcome *outcome)
{
	const json_t *params = json_object_get(test, "params"), *expect = json_object_get(test, "expect");

	const char *fault = policy_read(params, how);

	if (fault) {
		outcome_fault(outcome, "%s", fault);
		return;
	}
	snprintf(outcome->variant, sizeof(outcome->variant), "as its script says");
	policy_curtain_up(params);
	policy_play.after_step = script_play(json_object_get(params, "script"), expect, ops, step_facts, NULL,
					     outcome);
	script_judge(expect, facts, NULL, outcome);
	policy_curtain_down();
}

static const char *const timeout_params[] = { "timeout", "connect", "script", NULL };
static const char *const throttle_params[] = {
	"read_limit", "write_limit", "max_connections", "handler", "handler_is_registered_producer",
	"script",     NULL,
};
static const char *const limit_params[] = { "connection_limit", "script", NULL };

static const struct policy own_timeout = { plait_set_timeout };
static const struct policy idle_timeout = { plait_set_idle_timeout };
static const struct policy no_timeout = { NULL };

const struct player policy_players[] = {
	{ "TimeoutMixin", timeout_params, play_policy, &own_timeout },
	{ "TimeoutFactory", timeout_params, play_policy, &idle_timeout },
	{ "ThrottlingFactory", throttle_params, play_policy, &no_timeout },
	{ "LimitTotalConnectionsFactory", limit_params, play_policy, &no_timeout },
	{ 0 },
};
