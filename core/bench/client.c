/* Connections: making them, moving their bytes, losing them. */
#include "core/bench/client.h"
#include "core/net/tls/tls.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/container.h"
#include "core/base/escape.h"

static void on_ready(struct watch *watch, unsigned ready);

void client_close(struct client *client)
{
	client->state = CLIENT_CLOSED;
	client->transport.ops->close(&client->transport, false);
}

void client_end(struct client *client)
{
	if (!client->transport.ops->close_ends)
		client->transport.ops->shutdown(&client->transport);
	client_close(client);
}

static void close_hard(struct client *client)
{
	if (client->state == CLIENT_CLOSED)
		return;
	client->state = CLIENT_CLOSED;
	client->transport.ops->close(&client->transport, true);
}

/* Nothing has gone well yet. */
static bool is_first(const struct worker *worker)
{
	return atomic_load_explicit(&worker->operations, memory_order_relaxed) == 0;
}

/* A reason why no other attempt would go better. */
static const char *hopeless(int code, const struct worker *worker)
{
	bool first = is_first(worker);
	switch (code) {
	case EADDRNOTAVAIL:
		return worker->run->dial.loopback
			       ? "all ports of all addresses are in use; wait a minute, or use fewer connections"
			       : "this machine's ports towards the server are used up; wait a minute, use fewer "
				 "connections, or widen net.ipv4.ip_local_port_range";
	case EMFILE:
	case ENFILE:
		return "there are no descriptors left; raise the limit (ulimit -n), or use fewer connections";
	case ECONNREFUSED: return first ? "nothing listens there; is the server running?" : NULL;
	case ENOENT: return first ? "there is no such socket; is the server running?" : NULL;
	case ECONNRESET: return first ? "the server ended it at once; has it a limit of connections?" : NULL;
	case EACCES:
	case EPERM: return "the system forbids it";
	default: return NULL;
	}
}

static void not_connected(struct client *client, int code)
{
	struct worker *worker = client->worker;
	const char *remedy = hopeless(code, worker);
	char text[400];
	snprintf(text, sizeof(text), "cannot connect to %s: %s%s%s", worker->run->settings.endpoint,
		 strerror(code), remedy ? "; " : "", remedy ? remedy : "");
	if (remedy)
		worker_fail(worker, text);
	client_lost(client, BENCH_CONNECT, "%s", text);
}

/* The text of every loss names the connection, unless it is none yet. */
void client_lost(struct client *client, enum bench_trouble trouble, const char *format, ...)
{
	struct worker *worker = client->worker;
	char text[400];
	int len = trouble == BENCH_CONNECT
			  ? 0
			  : snprintf(text, sizeof(text), "connection %u: ", client->index + 1);
	va_list args;
	va_start(args, format);
	vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
	va_end(args);
	close_hard(client);
	enum stage stage = atomic_load_explicit(&worker->stage, memory_order_relaxed);
	if (stage >= STAGE_STOPPED)
		return;
	worker_trouble(worker, trouble, text);
	if (stage < STAGE_READY || client->kind->fragile || (trouble == BENCH_TLS && is_first(worker))) {
		worker_fail(worker, text);
	} else if (client->kind->churns) {
		worker_wait(client);
	} else if (client->kind == worker->run->kind) {
		WORKER_ADD(worker->in_flight, -(long long)client->under_way);
		client->under_way = 0;
		atomic_fetch_sub(&worker->live, 1);
		worker_check_finished(worker);
	}
}

void client_broke(struct client *client)
{
	const char *text;
	enum plait_reason reason = transport_failure(&text);
	if (client->state == CLIENT_HANDSHAKE)
		client_lost(client, BENCH_TLS, "the TLS handshake failed: %s", text);
	else if (reason == PLAIT_REASON_TLS_TRUNCATED)
		client_lost(client, BENCH_CLOSED, "the server ended it: %s", text);
	else
		client_lost(client, BENCH_RESET, "it broke: %s", text);
}

bool client_want(struct client *client, unsigned interest)
{
	if (client->transport.ops->want(&client->transport, interest) == 0)
		return true;
	client_lost(client, BENCH_CONNECT, "the kernel cannot watch one more connection: %s",
		    strerror(errno));
	return false;
}

static bool want(struct client *client, bool writing)
{
	client->blocked = writing;
	return client_want(client, WATCH_READ | (writing ? WATCH_WRITE : 0u));
}

static void note_resumed(struct client *client)
{
	struct plait_tls tls = { 0 };
	client->transport.ops->describe(&client->transport, &tls);
	if (client->worker->counting && tls.resumed)
		client->worker->resumed++;
}

static void opened(struct client *client)
{
	client->state = CLIENT_OPEN;
	if (!want(client, false))
		return;
	if (client->worker->run->settings.resume)
		note_resumed(client);
	client->kind->open(client);
	if (client->state == CLIENT_OPEN && transport_pending(&client->transport))
		client->kind->ready(client, WATCH_READ); /* what came with the handshake's last bytes */
}

static void shake(struct client *client)
{
	ssize_t result = client->transport.ops->handshake(&client->transport);
	if (result == TRANSPORT_FAILED)
		client_broke(client);
	else if (result == TRANSPORT_END)
		opened(client);
	else
		want(client, result == TRANSPORT_WANT_WRITE);
}

static void connected(struct client *client)
{
	if (!client->transport.ops->handshake) {
		opened(client);
		return;
	}
	client->state = CLIENT_HANDSHAKE;
	shake(client);
}

/* Those that are held move to another address of ours when the ports of one are used up; those that come and go, whose
 * ports stay taken for a minute, use another each time. */
static uint32_t source_of(struct client *client)
{
	struct worker *worker = client->worker;
	struct run *run = worker->run;
	if (client->kind->churns) {
		worker->next_source = (worker->next_source + run->worker_count) % 240;
		return 1 + worker->next_source;
	}
	return run->ports ? client->index / (run->ports / 4 * 3 + 1) : 0;
}

void client_open(struct client *client)
{
	struct worker *worker = client->worker;
	struct run *run = worker->run;
	bool done;
	client->owed = client->expected = client->partial = 0;
	client->in_at = client->out_at;
	client->blocked = false;
	client->began_ns = clock_ns();
	transport_init(&client->transport, run->transport, worker->loop, on_ready);
	int fd = dial_open(&run->dial, source_of(client), &done);
	if (fd < 0 && errno == EAGAIN) { /* the queue of a UNIX socket is full */
		worker_wait(client);
		return;
	}
	if (fd < 0) {
		not_connected(client, errno);
		return;
	}
	if (run->transport->open(&client->transport, fd, tls_client_role(worker->tls)) < 0) {
		worker_fail(worker, "no memory for a connection");
		return;
	}
	client->state = CLIENT_CONNECTING;
	if (done)
		connected(client);
	else
		client_want(client, WATCH_WRITE);
}

static void check_connected(struct client *client)
{
	int result = dial_check(&client->worker->run->dial, transport_fd(&client->transport));
	if (result < 0)
		not_connected(client, errno);
	else if (result == 1)
		connected(client);
}

static void on_ready(struct watch *watch, unsigned ready)
{
	struct client *client = CONTAINER_OF(watch, struct client, transport.watch);
	switch ((enum client_state)client->state) {
	case CLIENT_OPEN: client->kind->ready(client, ready); break;
	case CLIENT_HANDSHAKE: shake(client); break;
	case CLIENT_CONNECTING: check_connected(client); break;
	case CLIENT_CLOSED:
	case CLIENT_STATES: break;
	}
}

static void ended(struct client *client)
{
	if (client->kind->ended)
		client->kind->ended(client);
	else
		client_lost(client, BENCH_CLOSED, "the server ended it");
}

static void failed(struct client *client)
{
	if (client->kind->ended && client->kind->any_end)
		client->kind->ended(client);
	else
		client_broke(client);
}

void client_flush(struct client *client)
{
	const struct pattern *pattern = &client->worker->run->pattern;
	while (client->owed > 0) {
		size_t reach = pattern->period + PATTERN_REACH - client->out_at;
		ssize_t took = client->transport.ops->write(&client->transport,
							    pattern->bytes + client->out_at,
							    client->owed < reach ? client->owed : reach);
		if (took <= 0) {
			if (took == TRANSPORT_FAILED)
				failed(client);
			else if (!client->blocked)
				want(client, true);
			return;
		}
		client->owed -= (size_t)took;
		client->out_at = pattern_next(pattern, client->out_at, (size_t)took);
	}
	if (client->blocked)
		want(client, false);
}

/* False: the client is closed, or its kind has taken over. */
static bool hear(struct client *client)
{
	struct transport *transport = &client->transport;
	struct worker *worker = client->worker;
	do {
		ssize_t got = transport->ops->read(transport, worker->loop->input, PATTERN_REACH);
		if (got >= 0)
			worker->now_ns = clock_ns();
		if (got > 0) {
			WORKER_ADD(worker->bytes, (unsigned long long)got);
			client->kind->data(client, worker->loop->input, (size_t)got);
		} else if (got == TRANSPORT_END) {
			ended(client);
		} else if (got == TRANSPORT_FAILED) {
			failed(client);
		} else {
			return true;
		}
		if (client->state != CLIENT_OPEN)
			return false;
	} while (transport_pending(transport));
	return true;
}

void client_converse(struct client *client, unsigned ready)
{
	if (ready & WATCH_READ && !hear(client))
		return;
	client_flush(client);
}

void client_ignore(struct client *client, const uint8_t *bytes, size_t len)
{
	(void)client;
	(void)bytes;
	(void)len;
}

bool client_verify(struct client *client, const uint8_t *bytes, size_t len)
{
	const struct pattern *pattern = &client->worker->run->pattern;
	const uint8_t *wanted = pattern->bytes + client->in_at;
	size_t due = client->expected - client->owed, same = 0;
	char found[80];
	if (len <= due && memcmp(bytes, wanted, len) == 0) {
		client->in_at = pattern_next(pattern, client->in_at, len);
		client->expected -= len;
		return true;
	}
	while (same < len && same < due && bytes[same] == wanted[same])
		same++;
	escape_text(found, sizeof(found), bytes + same, len - same < 24 ? len - same : 24);
	if (same == due)
		client_lost(client, BENCH_MISMATCH, "it was sent more than it asked for: \"%s\"", found);
	else
		client_lost(client, BENCH_MISMATCH,
			    "its answer is wrong from byte %zu of a message on: \"%s\"",
			    (client->partial + same) % pattern->unit + 1, found);
	return false;
}
