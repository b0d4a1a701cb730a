/* Clients on real sockets: a listener on the same loop, and turns until something has happened. */
#include "tests/unit/net/local.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/async/pool.h"
#include "core/net/net.h"
#include "core/net/socket/socket.h"
#include "core/net/stream_listener.h"

#define PATIENCE_S 60

void local_init(struct local *local)
{
	*local = (struct local){ .loop = loop_new(0, 1) };
	if (!local->loop)
		abort();
	net_new(local->loop);
	local->loop->threads = pool_new();
	loop_enter(local->loop);
}

static int bind_it(struct local *local, const char *host, uint16_t port)
{
	struct socket_addresses found;
	struct endpoint endpoint = { .scheme = ENDPOINT_TCP, .port = port };
	struct plait_error error = { 0 };
	if (strncmp(host, "unix:", 5) == 0) {
		endpoint.scheme = ENDPOINT_UNIX;
		snprintf(endpoint.path, sizeof(endpoint.path), "%s", host + 5);
		snprintf(local->path, sizeof(local->path), "%s", host + 5);
	} else {
		snprintf(endpoint.host, sizeof(endpoint.host), "%s", host);
	}
	CU_ASSERT_EQUAL_FATAL(socket_resolve(&endpoint, &found, &error), 0);
	int fd = socket_bind(SOCK_STREAM, (struct sockaddr *)&found.items[0].sa, found.items[0].len,
			     &net_settings_default()->socket, false, &error);
	if (fd < 0)
		printf("# %s\n", error.text);
	CU_ASSERT_FATAL(fd >= 0);
	return fd;
}

static void listen_with(struct local *local, const struct plait_protocol *protocol, const char *host,
			uint16_t port, const struct transport_ops *transport, void *context)
{
	local->protocol = protocol;
	local->host = host;
	CU_ASSERT_EQUAL_FATAL(rig_listen(&local->rig, protocol, NULL, NULL), 0);
	struct stream_listener_options options = { .transport = transport, .keep_on_loop = true };
	local->reception = (struct reception){ .factory = local->rig.factory, .transport_context = context };
	local->listener = stream_listener_new(&options, &local->reception);
	int fd = bind_it(local, host, port);
	local->port = socket_port(fd);
	if (local->path[0])
		snprintf(local->endpoint, sizeof(local->endpoint), "%s", host);
	else
		snprintf(local->endpoint, sizeof(local->endpoint), "%s://%s%s%s:%u", context ? "tls" : "tcp",
			 strchr(host, ':') ? "[" : "", host, strchr(host, ':') ? "]" : "", local->port);
	CU_ASSERT_EQUAL_FATAL(stream_listener_add(local->listener, local->loop, fd), 0);
	stream_listener_start(local->listener);
	loop_turn(local->loop, false);
}

void local_listen(struct local *local, const struct plait_protocol *protocol, const char *host, uint16_t port)
{
	listen_with(local, protocol, host, port, &transport_plain, NULL);
}

void local_listen_tls(struct local *local, const struct plait_protocol *protocol, const char *host,
		      struct tls_role *role)
{
	listen_with(local, protocol, host, 0, &transport_tls, role);
}

void local_unlisten(struct local *local)
{
	stream_listener_stop(local->listener);
	loop_turn(local->loop, false);
}

void local_listen_again(struct local *local)
{
	stream_listener_free(&local->listener);
	rig_unlisten(&local->rig);
	local_listen(local, local->protocol, local->host, local->port);
}

void local_fini(struct local *local)
{
	struct threads *threads = local->loop->threads;
	if (local->listener)
		local_unlisten(local);
	CU_ASSERT(threads_stop(threads));
	do {
		loop_enter(local->loop);
		net_abort_all(local->loop->net);
	} while (loop_settle(local->loop));
	stream_listener_free(&local->listener);
	if (local->rig.factory)
		rig_unlisten(&local->rig);
	if (local->path[0])
		unlink(local->path);
	net_free(local->loop);
	loop_free(&local->loop);
	threads_free(&threads);
	loop_enter(NULL);
}

void local_wait(struct local *local, const bool *done)
{
	time_t until = time(NULL) + PATIENCE_S;
	while (!*done && time(NULL) < until)
		loop_turn(local->loop, true);
	CU_ASSERT_FATAL(*done);
}

uint16_t local_dead_port(int *holder)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	*holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(*holder, (struct sockaddr *)&in, sizeof(in)), 0);
	return socket_port(*holder);
}

unsigned local_descriptors(void)
{
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fd");
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}
