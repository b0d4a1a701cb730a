/* Listeners of a program's own, before, while and after the reactor runs; and what hooks see of them. */
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/net/net.h"
#include "core/server/listener/listener.h"
#include "tests/unit/server/trial.h"
#include "tests/unit/suite.h"

static atomic_int made, lost;

static void on_made(struct plait_conn *conn)
{
	(void)conn;
	atomic_fetch_add(&made, 1);
}

static size_t on_data(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

static void on_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	(void)reason;
	atomic_fetch_add(&lost, 1);
}

static void on_datagram(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	plait_send(port, from, data, len);
}

static int on_start(struct plait_factory *factory, struct plait_error *error)
{
	(void)error;
	expect(plait_factory_reactor(factory) == reactor);
	plait_call_when_running(plait_reactor_loop(plait_factory_reactor(factory), 0), count, NULL);
	return 0;
}

struct settings {
	uint64_t size;
};

static const struct plait_option table[] = {
	PLAIT_OPTION_SIZE("size", struct settings, size, .fallback = "4k", .doc = "A size"),
	PLAIT_OPTION_END,
};

static const struct plait_protocol echo = { PLAIT_PROTOCOL_HEAD("echo"),
					    .made = on_made,
					    .data = on_data,
					    .lost = on_lost,
					    .datagram = on_datagram,
					    .factory_start = on_start,
					    .options = table,
					    .options_size = sizeof(struct settings) };

static struct plait_listener *listen_on(const char *endpoint)
{
	struct plait_error error = { 0 };
	struct plait_listener *listener = plait_listen(reactor, endpoint, &echo, NULL, &error);
	if (!listener)
		printf("# %s: %s\n", error.path, error.text);
	return listener;
}

/* Of "unix:@name". Returns a connected socket, or -1. */
static int connect_to(const char *address)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(address) - 6;
	memcpy(sun.sun_path + 1, address + 6, len);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&sun,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) == 0)
		return fd;
	close(fd);
	return -1;
}

static char name[64]; /* of the listener on trial */
static int client;

static const char *abstract(void)
{
	snprintf(name, sizeof(name), "unix:@plait-test-reactor-%d", (int)getpid());
	return name;
}

static void exchange_and_stop(void *arg)
{
	(void)arg;
	client = connect_to(name);
	expect(client >= 0);
	expect(send(client, "hello", 5, MSG_NOSIGNAL) == 5);
	plait_reactor_stop(reactor);
}

static struct plait_deferred *see_before(void *arg)
{
	int fd = connect_to(name);
	(void)arg;
	expect(fd >= 0); /* it still accepts */
	close(fd);
	return NULL;
}

static struct plait_deferred *told; /* that the client has its answer, and then the end */

static void hear_the_end(void *arg)
{
	static char answer[8];
	static size_t len;
	ssize_t got = recv(client, answer + len, sizeof(answer) - len, MSG_DONTWAIT);
	if (got > 0)
		len += (size_t)got;
	if (got != 0) {
		plait_call_later(arg, 1, hear_the_end, arg);
		return;
	}
	expect(len == 5 && memcmp(answer, "hello", 5) == 0);
	close(client);
	plait_deferred_callback(told, plait_value(NULL));
	plait_deferred_unref(&told);
}

static struct plait_deferred *see_during(void *arg)
{
	expect(connect_to(name) < 0);
	if (plait_loop_index(arg) > 0)
		return NULL;
	told = plait_deferred_new(NULL, NULL);
	hear_the_end(arg);
	return plait_deferred_ref(told);
}

static struct plait_deferred *see_after(void *arg)
{
	struct plait_loop *loop = arg;
	expect(loop->net->conn_count == 0);
	expect(atomic_load(&made) == atomic_load(&lost) && atomic_load(&made) >= 1);
	return NULL;
}

static void hooks_see_listeners_and_connections_go(void)
{
	atomic_store(&made, 0);
	atomic_store(&lost, 0);
	trial_begin(2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listen_on(abstract()));
	for (unsigned i = 0; i < 2; i++) {
		plait_add_hook(loop_of(i), PLAIT_BEFORE_SHUTDOWN, see_before, NULL);
		plait_add_hook(loop_of(i), PLAIT_DURING_SHUTDOWN, see_during, loop_of(i));
		plait_add_hook(loop_of(i), PLAIT_AFTER_SHUTDOWN, see_after, loop_of(i));
	}
	plait_call_when_running(loop_of(0), exchange_and_stop, NULL);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), 1); /* what factory_start asked for */
	trial_finish();
}

static void every_scheme_has_its_address(void)
{
	char folder[] = "/tmp/plait-test-XXXXXX", endpoint[64];
	struct stat found;
	trial_begin(2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(endpoint, sizeof(endpoint), "unix:%s/socket", folder);
	struct plait_listener *tcp = listen_on("tcp://127.0.0.1:0"), *udp = listen_on("udp://[::1]:0"),
			      *file = listen_on(endpoint);
	unsigned port = 0;
	char rest;
	CU_ASSERT_EQUAL(sscanf(plait_listener_address(tcp), "tcp://127.0.0.1:%u%c", &port, &rest), 1);
	CU_ASSERT_TRUE(port > 0);
	CU_ASSERT_EQUAL(sscanf(plait_listener_address(udp), "udp://[::1]:%u%c", &port, &rest), 1);
	CU_ASSERT_TRUE(port > 0);
	CU_ASSERT_STRING_EQUAL(plait_listener_address(file), endpoint);
	CU_ASSERT_EQUAL(stat(endpoint + 5, &found), 0);
	trial_finish(); /* without a run, too */
	CU_ASSERT_EQUAL(stat(endpoint + 5, &found), -1);
	rmdir(folder);
}

static void a_listener_is_stopped_before_the_run(void)
{
	trial_begin(1);
	struct plait_listener *listener = listen_on(abstract());
	int fd = connect_to(name);
	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
	plait_listener_stop(&listener);
	CU_ASSERT_PTR_NULL(listener);
	CU_ASSERT_EQUAL(connect_to(name), -1);
	plait_listener_stop(&listener);
	plait_reactor_stop(reactor);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	trial_finish();
}

static void check_refusal(void *arg)
{
	(void)arg;
	int fd = connect_to(name);
	if (fd < 0) {
		atomic_fetch_add(&called, 1);
		return;
	}
	close(fd);
	plait_call_later(loop_of(0), 1, check_refusal, NULL);
}

static void *come_and_go(void *arg)
{
	(void)arg;
	while (atomic_load(&called) == 0)
		usleep(1000);
	struct plait_listener *listener = listen_on(abstract());
	client = connect_to(name);
	char byte = 'x';
	expect(send(client, &byte, 1, MSG_NOSIGNAL) == 1);
	expect(recv(client, &byte, 1, 0) == 1);
	plait_listener_stop(&listener);
	plait_post(loop_of(0), check_refusal, NULL);
	while (atomic_load(&called) == 1)
		usleep(1000);
	expect(send(client, &byte, 1, MSG_NOSIGNAL) == 1); /* connections live on */
	expect(recv(client, &byte, 1, 0) == 1);
	close(client);
	plait_reactor_stop(reactor);
	return NULL;
}

static void any_thread_listens_while_it_runs(void)
{
	pthread_t thread;
	trial_begin(2);
	pthread_create(&thread, NULL, come_and_go, NULL);
	plait_call_when_running(loop_of(0), count, NULL);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	pthread_join(thread, NULL);
	trial_finish();
}

static struct plait_deferred *listen_too_late(void *arg)
{
	struct plait_error error = { 0 };
	(void)arg;
	expect(!plait_listen(reactor, "tcp://127.0.0.1:0", &echo, NULL, &error));
	expect(error.code == PLAIT_ERROR_CLOSING && error.text[0]);
	return NULL;
}

static void nobody_listens_once_it_shuts_down(void)
{
	trial_begin(1);
	plait_add_hook(loop_of(0), PLAIT_BEFORE_SHUTDOWN, listen_too_late, NULL);
	plait_reactor_stop(reactor);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	listen_too_late(NULL);
	trial_finish();
}

static void zero_is_the_configurations_default(void)
{
	trial_begin(1);
	struct plait_listener *listener = listen_on("tcp://127.0.0.1:0");
	const struct listener_config *config = listener->config;
	CU_ASSERT_EQUAL(memcmp(&config->net.timeouts, &net_settings_default()->timeouts,
			       sizeof(config->net.timeouts)),
			0);
	CU_ASSERT_EQUAL(memcmp(&config->net.buffers, &net_settings_default()->buffers,
			       sizeof(config->net.buffers)),
			0);
	CU_ASSERT_EQUAL(memcmp(&config->net.limits, &net_settings_default()->limits,
			       sizeof(config->net.limits)),
			0);
	CU_ASSERT_STRING_EQUAL(config->net.socket.mode, net_settings_default()->socket.mode);
	CU_ASSERT_STRING_EQUAL(plait_factory_name(listener->versions->factory), "echo");
	CU_ASSERT_EQUAL(((const struct settings *)plait_factory_options(listener->versions->factory))->size,
			4096);
	CU_ASSERT_EQUAL(reactor->drain_timeout_ms, 30000);
	trial_finish();
}

static void options_are_heeded(void)
{
	static const struct settings settings = { .size = 7 };
	struct plait_listen_options options = {
		.name = "front",
		.options = &settings,
		.handshake_timeout_ms = 1,
		.idle_timeout_ms = PLAIT_UNLIMITED,
		.close_timeout_ms = 3,
		.buffer_high = 100000,
		.buffer_low = 5,
		.buffer_cap = 200001,
		.buffer_input = 6,
		.connections = PLAIT_UNLIMITED,
		.per_address = 8,
		.handshakes = 9,
		.mode = "0600",
	};
	trial_begin(1);
	struct plait_listener *listener = plait_listen(reactor, "tcp://127.0.0.1:0", &echo, &options, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
	const struct net_settings *net = &listener->config->net;
	CU_ASSERT_STRING_EQUAL(plait_factory_name(listener->versions->factory), "front");
	CU_ASSERT_PTR_EQUAL(plait_factory_options(listener->versions->factory), &settings);
	CU_ASSERT_EQUAL(net->timeouts.handshake_ms, 1);
	CU_ASSERT_EQUAL(net->timeouts.idle_ms, 0);
	CU_ASSERT_EQUAL(net->timeouts.close_ms, 3);
	CU_ASSERT_EQUAL(net->buffers.high, 100000);
	CU_ASSERT_EQUAL(net->buffers.low, 5);
	CU_ASSERT_EQUAL(net->buffers.cap, 200001);
	CU_ASSERT_EQUAL(net->buffers.input, 6);
	CU_ASSERT_EQUAL(net->limits.connections, 0);
	CU_ASSERT_EQUAL(net->limits.per_address, 8);
	CU_ASSERT_EQUAL(net->limits.handshakes, 9);
	CU_ASSERT_STRING_EQUAL(net->socket.mode, "0600");
	trial_finish();
}

static const struct plait_option required_table[] = {
	PLAIT_OPTION_SIZE("size", struct settings, size, .required = true, .doc = "A size"),
	PLAIT_OPTION_END,
};

static const struct plait_protocol demanding = { PLAIT_PROTOCOL_HEAD("demanding"), .data = on_data,
						 .options = required_table,
						 .options_size = sizeof(struct settings) };

static void given_options_need_not_be_told(void)
{
	static const struct settings settings = { .size = 7 };
	struct plait_listen_options options = { .options = &settings };
	trial_begin(1);
	struct plait_listener *listener = plait_listen(reactor, "tcp://127.0.0.1:0", &demanding, &options,
						       NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
	CU_ASSERT_PTR_EQUAL(plait_factory_options(listener->versions->factory), &settings);
	trial_finish();
}

static void rates_and_overflow_are_heeded(void)
{
	static const struct plait_protocol busy = { PLAIT_PROTOCOL_HEAD("busy"), .made = on_made };
	struct plait_listen_options options = {
		.connections = 5,
		.read_rate = 1000,
		.write_rate = 2000,
		.overflow = &busy,
		.overflow_connections = 3,
	};
	trial_begin(1);
	struct plait_listener *listener = plait_listen(reactor, "tcp://127.0.0.1:0", &echo, &options, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
	const struct limit_settings *limits = &listener->config->net.limits;
	CU_ASSERT_EQUAL(limits->connections, 5);
	CU_ASSERT_EQUAL(limits->overflow, 3);
	CU_ASSERT_EQUAL(limits->read_rate, 1000);
	CU_ASSERT_EQUAL(limits->write_rate, 2000);
	CU_ASSERT_STRING_EQUAL(listener->versions->overflow->protocol->head.name, "busy");
	CU_ASSERT_PTR_NOT_NULL(listener->versions->factory->traffic);
	CU_ASSERT_PTR_EQUAL(listener->versions->overflow->traffic, listener->versions->factory->traffic);
	options.overflow_connections = 0;
	listener = plait_listen(reactor, "tcp://127.0.0.1:0", &echo, &options, NULL);
	CU_ASSERT_EQUAL(listener->config->net.limits.overflow, 100);
	listener = listen_on("tcp://127.0.0.1:0");
	CU_ASSERT_PTR_NULL(listener->versions->factory->traffic); /* nobody counts for nothing */
	CU_ASSERT_PTR_NULL(listener->versions->overflow);
	trial_finish();
}

static void proxies_are_told(void)
{
	static const char *const trusted[] = { "10.0.0.0/8", "unix", NULL };
	struct plait_listen_options options = {
		.proxy_mode = PLAIT_PROXY_OPTIONAL,
		.proxy_trusted = trusted,
		.preamble_timeout_ms = 700,
	};
	trial_begin(1);
	struct plait_listener *listener = plait_listen(reactor, "tcp://127.0.0.1:0", &echo, &options, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
	const struct reception *reception = &listener->versions->reception;
	CU_ASSERT_PTR_NOT_NULL_FATAL(reception->proxy);
	CU_ASSERT_EQUAL(reception->proxy->mode, PLAIT_PROXY_OPTIONAL);
	CU_ASSERT_EQUAL(reception->proxy->network_count, 2);
	CU_ASSERT_EQUAL(reception->factory->settings->timeouts.preamble_ms, 700);
	listener = listen_on("tcp://127.0.0.1:0");
	CU_ASSERT_PTR_NULL(listener->versions->reception.proxy);
	CU_ASSERT_EQUAL(listener->versions->factory->settings->timeouts.preamble_ms, 5000);
	trial_finish();
}

SUITE_MAIN("listen", SUITE_TEST(hooks_see_listeners_and_connections_go),
	   SUITE_TEST(every_scheme_has_its_address), SUITE_TEST(a_listener_is_stopped_before_the_run),
	   SUITE_TEST(any_thread_listens_while_it_runs), SUITE_TEST(nobody_listens_once_it_shuts_down),
	   SUITE_TEST(zero_is_the_configurations_default), SUITE_TEST(options_are_heeded),
	   SUITE_TEST(given_options_need_not_be_told), SUITE_TEST(rates_and_overflow_are_heeded),
	   SUITE_TEST(proxies_are_told))
