/* Echo and lines: what is sent comes back as it is. And connections that only are there. */
#include "core/bench/client.h"

static int prepare_echo(struct run *run, struct plait_error *error)
{
	return pattern_init_bytes(&run->pattern, run->settings.size, error);
}

static int prepare_line(struct run *run, struct plait_error *error)
{
	return pattern_init_lines(&run->pattern, run->settings.size, error);
}

static void open_stream(struct client *client)
{
	worker_settled(client->worker);
}

/* The next n messages, which began when the last input came. */
static void say(struct client *client, uint64_t n)
{
	struct worker *worker = client->worker;
	uint32_t depth = (uint32_t)worker->run->settings.depth;
	client_owe(client, n);
	client->expected += (size_t)n * worker->run->pattern.unit;
	for (; n > 0; n--) {
		client->stamps[client->newest] = worker->now_ns;
		if (++client->newest == depth)
			client->newest = 0;
	}
}

static void start_stream(struct client *client)
{
	say(client, worker_take(client->worker, client->worker->run->settings.depth));
	client_flush(client);
}

static void hear_stream(struct client *client, const uint8_t *bytes, size_t len)
{
	struct worker *worker = client->worker;
	size_t unit = worker->run->pattern.unit;
	uint32_t depth = (uint32_t)worker->run->settings.depth, ended = 0;
	if (!client_verify(client, bytes, len))
		return;
	client->partial += len;
	for (; client->partial >= unit; client->partial -= unit, ended++) {
		worker_record(worker, client->stamps[client->oldest]);
		if (++client->oldest == depth)
			client->oldest = 0;
	}
	if (ended == 0)
		return;
	client->under_way -= ended;
	worker_ended(worker, ended, ended);
	uint64_t next = worker_take(worker, ended);
	if (next > 0)
		say(client, next);
	if (next < ended)
		worker_check_finished(worker);
}

/* What both kinds have in common. */
#define STREAM                                                                                               \
	.schemes = 1u << ENDPOINT_TCP | 1u << ENDPOINT_TLS | 1u << ENDPOINT_UNIX,                            \
	.refused = KIND_SENDERS | KIND_RESUME, .size_min = 1, .size_max = BENCH_SIZE_MAX,                    \
	.open = open_stream, .start = start_stream, .ready = client_converse, .data = hear_stream

const struct kind kind_echo = {
	STREAM,
	.name = "echo",
	.summary = "messages of any bytes that come back as they were",
	.prepare = prepare_echo,
};

const struct kind kind_line = {
	STREAM,
	.name = "line",
	.summary = "lines that come back as they were",
	.prepare = prepare_line,
};

const struct kind kind_idle = {
	.name = "idle",
	.open = open_stream,
	.ready = client_converse,
	.data = client_ignore,
};
