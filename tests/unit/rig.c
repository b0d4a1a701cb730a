/* A protocol on trial: real listeners' factories and real connections on one loop, over the memory transport,
 * on a clock that the test moves. */
#include "tests/unit/rig.h"

#include <plait/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/async/hook.h"
#include "core/base/container.h"
#include "core/net/net.h"

static uint64_t clock_of(void *context)
{
	return ((struct rig *)context)->now_ms;
}

void rig_init(struct rig *rig)
{
	rig->now_ms = 1000000;
	rig->loop = loop_new(0, 1);
	if (!rig->loop)
		abort();
	loop_set_clock(rig->loop, clock_of, rig);
	net_new(rig->loop);
	loop_enter(rig->loop);
}

void rig_fini(struct rig *rig)
{
	do {
		loop_enter(rig->loop);
		net_abort_all(rig->loop->net);
	} while (loop_settle(rig->loop));
	hooks_free(rig->loop);
	net_free(rig->loop);
	loop_free(&rig->loop);
	loop_enter(NULL);
}

static int parse(struct rig_listener *listener, const struct plait_protocol *protocol, const char *json,
		 struct plait_error *error)
{
	listener->arena = option_arena_new();
	if (!protocol->options)
		return 0;
	listener->options = calloc(1, protocol->options_size);
	return option_read(protocol->options, json, listener->options, listener->arena, error);
}

int rig_listen(struct rig_listener *listener, const struct plait_protocol *protocol, const char *json,
	       struct plait_error *error)
{
	struct plait_error unused;

	*listener = (struct rig_listener){
		.settings = {
			.timeouts = { .preamble_ms = 5000, .close_ms = 5000 },
			.buffers = { .high = 65536, .low = 16384, .cap = 16 << 20, .input = 1 << 20 },
		},
	};
	if (!error)
		error = &unused;
	int result = parse(listener, protocol, json, error);

	if (result == 0) {
		listener->factory = factory_new(NULL, "rig", protocol, listener->options, &listener->settings,
						error);
		if (!listener->factory)
			result = PLAIT_ERROR_REFUSED;
	}
	if (result < 0) {
		if (error == &unused)
			printf("# %s: %s\n", error->path, error->text);
		rig_unlisten(listener);
	}
	return result;
}

void rig_unlisten(struct rig_listener *listener)
{
	factory_free(&listener->factory);
	option_arena_free(&listener->arena);
	free(listener->options);
	listener->options = NULL;
}

static void gone(struct conn_owner *owner, const struct plait_addr *peer)
{
	struct rig_client *client = CONTAINER_OF(owner, struct rig_client, owner);

	(void)peer;
	client->conn = NULL;
}

void rig_connect(struct rig *rig, struct rig_listener *listener, struct rig_client *client)
{
	static const struct plait_addr peer = { .family = PLAIT_FAMILY_IPV4, .u.bytes = { 127, 0, 0, 1 } };

	*client = (struct rig_client){ .rig = rig, .owner = { .gone = gone } };
	memory_init(&client->memory, rig->loop);
	client->conn = conn_new(rig->loop, listener->factory, &transport_memory, -1, &client->memory, &peer,
				&client->owner);
	if (!client->conn)
		abort();
	conn_start(client->conn);
	rig_run(rig);
}

void rig_leave(struct rig_client *client)
{
	if (client->conn)
		plait_abort(client->conn);
	rig_run(client->rig);
	memory_fini(&client->memory);
}

void rig_run(struct rig *rig)
{
	do
		loop_turn(rig->loop, false);
	while (rig->loop->tasks || timer_heap_next(&rig->loop->timers) <= rig->now_ms);
}

void rig_advance(struct rig *rig, uint64_t ms)
{
	rig->now_ms += ms;
	rig_run(rig);
}

void rig_say_bytes(struct rig_client *client, const void *bytes, size_t len)
{
	memory_feed(&client->memory, bytes, len);
	rig_run(client->rig);
}

void rig_say(struct rig_client *client, const char *text)
{
	rig_say_bytes(client, text, strlen(text));
}

void rig_end(struct rig_client *client)
{
	client->memory.peer_ended = true;
	memory_wake(&client->memory);
	rig_run(client->rig);
}

void rig_read(struct rig_client *client)
{
	client->memory.write_room = MEMORY_UNLIMITED;
	memory_wake(&client->memory);
	rig_run(client->rig);
}

void rig_stop_reading(struct rig_client *client)
{
	client->memory.write_room = 0;
}

bool rig_heard(struct rig_client *client, const char *text)
{
	struct buffer *heard = &client->memory.from_conn;
	size_t len = buffer_size(heard);
	bool same = len == strlen(text) && (!len || !memcmp(buffer_data(heard), text, len));

	if (!same)
		printf("# heard \"%.*s\" instead of \"%s\"\n", (int)len,
		       len ? (const char *)buffer_data(heard) : "", text);
	buffer_consume(heard, len);
	return same;
}

size_t rig_echo(struct plait_conn *conn, const void *bytes, size_t len)
{
	plait_write(conn, bytes, len);
	return len;
}

const struct plait_protocol rig_echoer = { PLAIT_PROTOCOL_HEAD("echoer"), .data = rig_echo };
