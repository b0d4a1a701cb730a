/* A client that says hello and goodbye, and tells what came of it: connected, failed or lost.
 * Usage: goodbye ENDPOINT... */
#include <plait/plait.h>
#include <stdio.h>

static int waiting;

static void made(struct plait_conn *conn)
{
	plait_write(conn, "hello and goodbye\r\n", 19);
	plait_close(conn);
}

static const struct plait_protocol hello = { PLAIT_PROTOCOL_HEAD("hello"), .made = made };

static void over(struct plait_connector *connector, void *arg)
{
	plait_connector_unref(&connector);
	if (--waiting == 0)
		plait_reactor_stop(arg);
}

static void on_started(struct plait_connector *connector, void *arg)
{
	(void)arg;
	printf("connecting to %s\n", plait_connector_endpoint(connector));
}

static void on_connected(struct plait_connector *connector, struct plait_conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
	printf("connected to %s\n", plait_connector_endpoint(connector));
}

static void on_failed(struct plait_connector *connector, struct plait_failure *failure, void *arg)
{
	printf("failed: %s\n", failure->text);
	over(connector, arg);
}

static void on_lost(struct plait_connector *connector, enum plait_reason reason, void *arg)
{
	printf("lost: %s\n", plait_reason_text(reason));
	over(connector, arg);
}

/* argv: endpoints, ended by NULL. */
static struct plait_deferred *start(struct plait_loop *loop, void *argv)
{
	static const struct plait_connector_callbacks callbacks = {
		.started = on_started, .connected = on_connected, .failed = on_failed, .lost = on_lost
	};
	struct plait_error error;
	for (char **endpoint = argv; *endpoint; endpoint++) {
		struct plait_connector *connector = plait_connector_new(loop, *endpoint, &hello, NULL,
									&callbacks, plait_loop_reactor(loop),
									&error);
		if (!connector)
			return plait_fail(plait_failure_from(&error));
		waiting++;
		plait_connector_connect(connector);
	}
	return NULL; /* over stops the reactor */
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: goodbye ENDPOINT...\n");
		return 2;
	}
	return plait_react(NULL, start, argv + 1);
}
