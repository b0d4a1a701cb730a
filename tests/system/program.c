/* A program as a user of the installed library writes it: no configuration, no plugin. It says on standard output what
 * happens, a line each: program timers | program serve CERTIFICATE KEY ENDPOINT..., where a
 * CERTIFICATE that begins with a brace is all of TLS, and KEY says nothing. */
#include <plait/plait.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct plait_reactor *reactor;

static void say(const char *format, ...) PLAIT_PRINTF(1, 2);
static void say(const char *format, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	va_list args;
	va_start(args, format);
	pthread_mutex_lock(&lock);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	pthread_mutex_unlock(&lock);
	va_end(args);
}

/* ---- hooks ---- */

struct later {
	struct plait_deferred *deferred;
	const char *what;
};

static void fire(void *arg)
{
	struct later *later = arg;
	say("%s: done", later->what);
	plait_deferred_callback(later->deferred, plait_value(NULL));
	plait_deferred_unref(&later->deferred);
}

static struct plait_deferred *take_time(void *arg)
{
	struct later *later = arg;
	say("%s: begun", later->what);
	later->deferred = plait_deferred_new(NULL, NULL);
	plait_call_later(plait_loop_current(), 50, fire, later);
	return plait_deferred_ref(later->deferred);
}

static struct plait_deferred *fail(void *arg)
{
	say("%s", (const char *)arg);
	return plait_fail(plait_failure(PLAIT_ERROR_MISSING, "nothing to %s", (const char *)arg));
}

static void add_hooks(void)
{
	static struct later before = { .what = "before" }, during = { .what = "during" },
			    after = { .what = "after" };
	unsigned last = plait_reactor_loops(reactor) - 1;
	struct plait_hook none = plait_add_hook(plait_reactor_loop(reactor, 0), PLAIT_BEFORE_SHUTDOWN, fail,
						"none");
	plait_add_hook(plait_reactor_loop(reactor, 0), PLAIT_BEFORE_SHUTDOWN, fail, "tidy");
	plait_add_hook(plait_reactor_loop(reactor, last), PLAIT_AFTER_SHUTDOWN, take_time, &after);
	plait_add_hook(plait_reactor_loop(reactor, last), PLAIT_BEFORE_SHUTDOWN, take_time, &before);
	plait_add_hook(plait_reactor_loop(reactor, 0), PLAIT_DURING_SHUTDOWN, take_time, &during);
	plait_remove_hook(&none);
}

/* ---- timers ---- */

static struct plait_deferred *tick(uint64_t count, void *arg)
{
	struct plait_looping_call *call = arg;
	static unsigned ticks;
	say("tick");
	if (++ticks == 3)
		plait_looping_call_stop(call);
	return count > 0 ? NULL : plait_fail(plait_failure(PLAIT_ERROR_INVALID, "no point has passed"));
}

static struct plait_result stop(struct plait_result result, void *arg)
{
	struct plait_looping_call **call = arg;
	say("stopped ticking");
	plait_looping_call_free(call);
	plait_reactor_stop(reactor);
	return result;
}

static struct plait_looping_call *ticking;

static plait_looping_fn tick_ours;
static struct plait_deferred *tick_ours(uint64_t count, void *arg)
{
	(void)arg;
	return tick(count, ticking);
}

static void never(void *arg)
{
	say("%s", (const char *)arg);
}

static void timers(void)
{
	struct plait_loop *loop = plait_reactor_loop(reactor, 0);
	ticking = plait_looping_call_new(loop, tick_ours, NULL);
	plait_looping_call_start(ticking, 10, true);
	struct plait_deferred *done = plait_looping_call_done(ticking);
	plait_add_callback(done, stop, &ticking);
	plait_deferred_unref(&done);
	struct plait_timer timer = plait_call_later(loop, 1, never, "cancelled");
	plait_timer_cancel(&timer);
	plait_call_later(loop, 3600000, never, "too late");
	plait_call_when_running(loop, never, "running");
}

/* ---- serving ---- */

static size_t echo_data(struct plait_conn *conn, const void *data, size_t len)
{
	if (len == 8 && memcmp(data, "STARTTLS", 8) == 0) {
		plait_write(conn, "go.", 3);
		say("TLS: %d", plait_start_tls(conn, NULL));
		return len;
	}
	plait_write(conn, data, len);
	return len;
}

static void echo_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	say("lost: %s", plait_reason_name(reason));
}

static void echo_datagram(struct plait_port *port, const struct plait_addr *from, const void *data,
			  size_t len)
{
	plait_send(port, from, data, len);
}

static const struct plait_protocol echo = { PLAIT_PROTOCOL_HEAD("echo"), .data = echo_data, .lost = echo_lost,
					    .datagram = echo_datagram, .starts_tls = true };

static int serve(const char *certificate, const char *key, char **endpoints)
{
	for (; *endpoints; endpoints++) {
		struct plait_error error = { 0 };
		struct plait_listen_options options = { 0 };
		if (strncmp(*endpoints, "udp:", 4) != 0) {
			bool whole = *certificate == '{';
			options.tls = whole ? certificate : NULL;
			options.certificate = whole ? NULL : certificate;
			options.key = whole ? NULL : key;
		}
		struct plait_listener *listener = plait_listen(reactor, *endpoints, &echo, &options, &error);
		if (!listener) {
			fprintf(stderr, "%s: %s\n", error.path, error.text);
			return -1;
		}
		say("listening on %s", plait_listener_address(listener));
	}
	say("ready");
	return 0;
}

int main(int argc, char **argv)
{
	struct plait_reactor_options options = { .loops = 2, .drain_timeout_ms = 10000 };
	bool serving = argc > 4 && strcmp(argv[1], "serve") == 0;
	reactor = plait_reactor_new(&options, NULL);
	if (!reactor)
		return 3;
	add_hooks();
	if (!serving)
		timers();
	int result = serving ? serve(argv[2], argv[3], argv + 4) : 0;
	if (result == 0)
		result = plait_reactor_run(reactor);
	say("ended: %d", result);
	plait_reactor_free(&reactor);
	return result == 0 ? 0 : 1;
}
