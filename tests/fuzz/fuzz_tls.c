/* Fuzz target: the server's side of TLS. Bytes straight to it, or a real client's whose bytes are changed on their way. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/option_defaults.h"
#include "core/loop/loop.h"
#include "core/net/handshake.h"
#include "core/net/net.h"
#include "core/net/tls/tls.h"
#include "core/net/transport/transport.h"
#include "tests/fuzz/fuzz.h"

#define TURNS 12
#define WIRE_MAX 65536

/* What is done to the client's bytes: edits of three bytes each, the distance from the one before (in units of 1, or of 64
 * above 127), what, and with which byte. */
struct edits {
	const uint8_t *data;
	size_t size;
	size_t passed; /* bytes since the last edit */
};

static struct tls_server *server;
static struct tls_client *client;
static uint8_t wire[WIRE_MAX * 2];

static void must(bool good)
{
	if (!good)
		abort();
}

/* For the whole run; freed by its end. */
static void make_roles(void)
{
	static char certificate[1024], key[1024];
	static struct tls_settings settings;
	struct tls_server_settings server_settings = { 0 };
	struct plait_error error;
	struct problems problems;
	const char *folder = getenv("CERTS");
	if (server)
		return;
	signal(SIGPIPE, SIG_IGN);
	snprintf(certificate, sizeof(certificate), "%s/server.pem", folder ? folder : ".");
	snprintf(key, sizeof(key), "%s/server.key", folder ? folder : ".");
	option_defaults(tls_settings_table, &settings);
	settings.pair.certificate = certificate;
	settings.pair.key = key;
	problems_init(&problems);
	server_settings.context = tls_context_new(&settings, "tls.fuzz", &problems);
	problems_print(&problems, stderr);
	problems_fini(&problems);
	must(server_settings.context);
	server = tls_server_new(&server_settings, &error);
	client = tls_client_new(&(struct tls_client_settings){ .verify = false, .resume = true }, &error);
	must(server && client);
}

/* ---- two ends, each on a socket ---- */

struct ends {
	struct plait_loop *loop;
	struct transport server, client;
	int to_server, to_client; /* the other ends of their sockets */
};

static void on_ready(struct watch *watch, unsigned ready)
{
	(void)watch;
	(void)ready;
}

static int open_end(struct ends *ends, struct transport *end, struct tls_role *role)
{
	int fds[2];
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	transport_init(end, &transport_tls, ends->loop, on_ready);
	must(end->ops->open(end, fds[0], role) == 0);
	return fds[1];
}

static void open_ends(struct ends *ends)
{
	ends->loop = loop_new(0, 1);
	must(ends->loop);
	net_new(ends->loop);
	loop_enter(ends->loop);
	ends->to_server = open_end(ends, &ends->server, tls_server_role(server));
	ends->to_client = open_end(ends, &ends->client, tls_client_role(client));
}

static void close_ends(struct ends *ends)
{
	ends->server.ops->close(&ends->server, false);
	ends->client.ops->close(&ends->client, false);
	close(ends->to_server);
	close(ends->to_client);
	net_free(ends->loop);
	loop_enter(NULL);
	loop_free(&ends->loop);
}

/* ---- what is done to the bytes ---- */

static size_t distance(uint8_t byte)
{
	return byte < 128 ? byte : (size_t)(byte - 127) * 64;
}

/* One byte, as the next edit says; returns how many it has become, which lie in out. */
static size_t edit(struct edits *edits, uint8_t byte, uint8_t out[2])
{
	out[0] = byte;
	if (edits->size < 3 || edits->passed++ < distance(edits->data[0]))
		return 1;
	uint8_t what = edits->data[1] % 4, with = edits->data[2];
	edits->data += 3;
	edits->size -= 3;
	edits->passed = 0;
	switch (what) {
	case 0: out[0] ^= with ? with : 0xff; return 1;
	case 1: return 0;
	case 2: out[1] = with; return 2;
	default: out[0] = with; return 1;
	}
}

static void pass(int from, int to, struct edits *edits)
{
	static uint8_t arrived[WIRE_MAX];
	ssize_t got = recv(from, arrived, sizeof(arrived), MSG_DONTWAIT);
	size_t len = 0;
	for (ssize_t i = 0; i < got; i++)
		len += edit(edits, arrived[i], wire + len);
	if (len > 0)
		(void)!send(to, wire, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool over(ssize_t answer)
{
	return answer == TRANSPORT_FAILED || answer == TRANSPORT_END;
}

/* One step of an end: its handshake, then reading, with a word of its own for the other. True: it is at its end. */
static bool step(struct transport *end, bool *open)
{
	static char got[WIRE_MAX];
	if (!*open) {
		ssize_t answer = end->ops->handshake(end);
		*open = answer == TRANSPORT_END;
		if (answer == TRANSPORT_FAILED && transport_handshake_failure() >= HANDSHAKE_FAILURE_COUNT)
			abort();
		return answer == TRANSPORT_FAILED;
	}
	ssize_t answer = end->ops->read(end, got, sizeof(got));
	if (over(answer))
		return true;
	ssize_t took = end->ops->write(end, "a word", 6);
	return over(took);
}

static void play(struct edits *edits)
{
	struct ends ends;
	struct edits none = { 0 };
	bool server_open = false, client_open = false, sound = edits->size < 3, end = false;
	open_ends(&ends);
	for (int turn = 0; turn < TURNS && !end; turn++) {
		end = step(&ends.client, &client_open);
		pass(ends.to_client, ends.to_server, edits);
		end |= step(&ends.server, &server_open);
		pass(ends.to_server, ends.to_client, &none);
	}
	must(!sound || (server_open && client_open));
	close_ends(&ends);
}

/* In two sends, cut where the first byte says. */
static void feed(const uint8_t *data, size_t size)
{
	struct ends ends;
	bool open = false;
	size_t cut = size > 0 && data[0] < size ? data[0] : size;
	open_ends(&ends);
	(void)!send(ends.to_server, data, cut, MSG_NOSIGNAL);
	bool end = step(&ends.server, &open);
	(void)!send(ends.to_server, data + cut, size - cut, MSG_NOSIGNAL);
	for (int i = 0; i < 4 && !end; i++)
		end = step(&ends.server, &open);
	close_ends(&ends);
}

/* Input: 0, then the edits; or anything else, then what the server receives. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > WIRE_MAX)
		return 0;
	make_roles();
	if (data[0] == 0)
		play(&(struct edits){ .data = data + 1, .size = size - 1 });
	else
		feed(data + 1, size - 1);
	return 0;
}
