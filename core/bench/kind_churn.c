/* Connections that come and go: one byte there and back each, or a TLS handshake each. */
#include <sys/socket.h>

#include "core/bench/client.h"

static int prepare_churn(struct run *run, struct plait_error *error)
{
	return pattern_init_bytes(&run->pattern, 1, error);
}

static void start_churn(struct client *client)
{
	if (worker_take(client->worker, 1))
		client_open(client);
}

/* The connection has done its work and is closed. */
static void next_connection(struct client *client)
{
	struct worker *worker = client->worker;
	worker_ended(worker, 1, 1);
	if (worker_take(worker, 1))
		worker_due(client);
	else
		worker_check_finished(worker);
}

static void open_connect(struct client *client)
{
	client->owed = client->expected = 1;
	client_flush(client);
}

/* Closing after the answer is what users do: the server sees an orderly end. */
static void hear_connect(struct client *client, const uint8_t *bytes, size_t len)
{
	if (!client_verify(client, bytes, len))
		return;
	worker_record(client->worker, client->began_ns);
	client_end(client);
	next_connection(client);
}

const struct kind kind_connect = {
	.name = "connect",
	.summary = "connections that are opened for one byte there and back",
	.schemes = 1u << ENDPOINT_TCP | 1u << ENDPOINT_TLS | 1u << ENDPOINT_UNIX,
	.refused = KIND_SIZE | KIND_DEPTH | KIND_SENDERS,
	.size_usual = 1,
	.size_max = 1,
	.churns = true,
	.prepare = prepare_churn,
	.start = start_churn,
	.open = open_connect,
	.ready = client_converse,
	.data = hear_connect,
};

/* Ends our direction at once, and waits for the server's end: so its part of the handshake, tickets included, is
 * within what is measured, and it sees no reset. */
static void open_handshake(struct client *client)
{
	struct transport *transport = &client->transport;
	struct worker *worker = client->worker;
	worker->now_ns = clock_ns();
	worker_record(worker, client->began_ns);
	transport->ops->shutdown(transport);
	shutdown(transport_fd(transport), SHUT_WR);
}

static void end_handshake(struct client *client)
{
	client_close(client);
	next_connection(client);
}

const struct kind kind_handshake = {
	.name = "handshake",
	.summary = "connections that are opened for a TLS handshake",
	.schemes = 1u << ENDPOINT_TLS,
	.refused = KIND_SIZE | KIND_DEPTH | KIND_SENDERS,
	.churns = true,
	.any_end = true,
	.prepare = prepare_churn,
	.start = start_churn,
	.open = open_handshake,
	.ready = client_converse,
	.data = client_ignore,
	.ended = end_handshake,
};
