/* Two TLS transports on a socket pair. */
#include "tests/unit/net/tls_pair.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/option_defaults.h"
#include "core/net/net.h"

void tls_pair_file(const char *name, char path[TLS_PAIR_PATH])
{
	const char *folder = getenv("CERTS");
	if (!folder) {
		puts("Bail out! set CERTS to a folder that certs/make filled");
		exit(1);
	}
	snprintf(path, TLS_PAIR_PATH, "%s/%s", folder, name);
}

struct tls_settings tls_pair_settings(const char *certificate, const char *key)
{
	struct tls_settings settings = { 0 };
	option_defaults(tls_settings_table, &settings);
	settings.pair.certificate = certificate;
	settings.pair.key = key;
	return settings;
}

struct tls_pair_server tls_pair_server_with(const struct tls_settings *settings, struct problems *problems)
{
	struct tls_pair_server made = { .context = tls_context_new(settings, "tls.test", problems) };
	struct tls_server_settings server = { .context = made.context };
	struct plait_error error;
	if (made.context)
		made.server = tls_server_new(&server, &error);
	return made;
}

struct tls_pair_server tls_pair_server(void)
{
	char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH];
	struct problems problems;
	tls_pair_file("server.pem", certificate);
	tls_pair_file("server.key", key);
	struct tls_settings settings = tls_pair_settings(certificate, key);
	problems_init(&problems);
	struct tls_pair_server made = tls_pair_server_with(&settings, &problems);
	problems_print(&problems, stdout);
	problems_fini(&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made.server);
	return made;
}

void tls_pair_server_free(struct tls_pair_server *server)
{
	tls_server_free(&server->server);
	tls_context_free(&server->context);
}

struct tls_client *tls_pair_client(const struct tls_client_settings *settings)
{
	struct plait_error error = { 0 };
	struct tls_client *client = tls_client_new(settings, &error);
	if (!client)
		printf("# %s: %s\n", error.path, error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client);
	return client;
}

static void on_ready(struct watch *watch, unsigned ready)
{
	(void)watch;
	(void)ready;
}

static void open_end(struct tls_pair *pair, struct transport *end, int fd, struct tls_role *role)
{
	transport_init(end, &transport_tls, pair->loop, on_ready);
	CU_ASSERT_EQUAL_FATAL(end->ops->open(end, fd, role), 0);
}

static uint64_t clock_of(void *context)
{
	const struct tls_pair *pair = context;
	return pair->now_ms;
}

void tls_pair_open(struct tls_pair *pair, const struct tls_pair_server *server, struct tls_client *client)
{
	tls_pair_open_type(pair, server, client, SOCK_STREAM);
}

void tls_pair_open_type(struct tls_pair *pair, const struct tls_pair_server *server,
			struct tls_client *client, int type)
{
	int fds[2];
	pair->loop = loop_new(0, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pair->loop);
	pair->now_ms = 1000000;
	loop_set_clock(pair->loop, clock_of, pair);
	net_new(pair->loop);
	loop_enter(pair->loop);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	open_end(pair, &pair->server, fds[0], tls_server_role(server->server));
	open_end(pair, &pair->client, fds[1], tls_client_role(client));
}

void tls_pair_close(struct tls_pair *pair)
{
	pair->server.ops->close(&pair->server, false);
	pair->client.ops->close(&pair->client, false);
	net_free(pair->loop);
	loop_enter(NULL);
	loop_free(&pair->loop);
}

void tls_pair_advance(struct tls_pair *pair, uint64_t ms)
{
	pair->now_ms += ms;
	loop_turn(pair->loop, false);
}

bool tls_pair_handshake(struct tls_pair *pair)
{
	ssize_t client = TRANSPORT_WANT_WRITE, server = TRANSPORT_WANT_WRITE;
	for (int turn = 0; turn < 20 && (client != TRANSPORT_END || server != TRANSPORT_END); turn++) {
		if (client != TRANSPORT_END)
			client = pair->client.ops->handshake(&pair->client);
		if (server != TRANSPORT_END)
			server = pair->server.ops->handshake(&pair->server);
		if (client == TRANSPORT_FAILED || server == TRANSPORT_FAILED)
			return false;
	}
	return client == TRANSPORT_END && server == TRANSPORT_END;
}

bool tls_pair_carry(struct transport *from, struct transport *to, const void *data, size_t len)
{
	char *got = malloc(len + 1);
	size_t sent = 0, received = 0;
	while (received < len) {
		struct iovec part = { .iov_base = (char *)data + sent, .iov_len = len - sent };
		ssize_t took = sent < len ? from->ops->writev(from, &part, 1) : 0;
		sent += took > 0 ? (size_t)took : 0;
		ssize_t arrived = to->ops->read(to, got + received, len + 1 - received);
		received += arrived > 0 ? (size_t)arrived : 0;
		bool stuck = took <= 0 && arrived <= 0;
		if (stuck || took == TRANSPORT_FAILED)
			break;
	}
	bool same = received == len && memcmp(got, data, len) == 0;
	free(got);
	return same;
}
