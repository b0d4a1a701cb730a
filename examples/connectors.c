/* Three servers, and a connector to each that is started from a thread of its own; a list of Deferreds awaits them all. */
#include <plait/plait.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 3 };

static unsigned open;

/* Of the client at one server. */
static struct client {
	struct client *self; /* what its protocol has as options */
	struct plait_connector *connector;
	struct plait_deferred *answered; /* with the server's words */
	pthread_t thread;
} clients[SERVERS];

/* ---- the servers ---- */

static void greet(struct plait_conn *conn)
{
	const char *name = plait_factory_name(plait_conn_factory(conn));
	char line[80];
	int len = snprintf(line, sizeof(line), "this is the %s server\r\n", name);
	plait_write(conn, line, (size_t)len);
}

static const struct plait_protocol greeter = { PLAIT_PROTOCOL_HEAD("greeter"), .made = greet };

/* ---- the clients ---- */

static void on_line(struct plait_conn *conn, const void *line, size_t len)
{
	struct client *const *client = plait_conn_options(conn);
	char *copy = strndup(line, len);
	plait_deferred_callback((*client)->answered, plait_owned(copy, free));
}

static const struct plait_protocol listener = { PLAIT_PROTOCOL_HEAD("listener"),
						.framing = &plait_line_framing, .message = on_line };

static void on_failed(struct plait_connector *connector, struct plait_failure *failure, void *arg)
{
	struct client *client = arg;
	(void)connector;
	plait_deferred_errback(client->answered, plait_failure_ref(failure));
}

static void on_lost(struct plait_connector *connector, enum plait_reason reason, void *arg)
{
	struct client *client = arg;
	printf("client %td: %s\n", client - clients + 1, plait_reason_text(reason));
	plait_connector_unref(&client->connector);
	(void)connector;
	if (--open == 0)
		plait_reactor_stop(plait_loop_reactor(plait_loop_current()));
}

static void *connect_from_here(void *arg)
{
	struct client *client = arg;
	plait_connector_connect(client->connector);
	return NULL;
}

static struct plait_result all_answered(struct plait_result result, void *arg)
{
	struct plait_outcomes *outcomes = result.value;
	(void)arg;
	for (size_t i = 0; i < outcomes->count; i++) {
		const struct plait_result *each = &outcomes->items[i].result;
		printf("client %zu: %s\n", i + 1,
		       each->failure ? each->failure->text : (const char *)each->value);
	}
	plait_result_drop(&result);
	for (int i = 0; i < SERVERS; i++) {
		pthread_join(clients[i].thread, NULL);
		plait_deferred_unref(&clients[i].answered);
		plait_connector_disconnect(clients[i].connector);
	}
	return plait_value(NULL);
}

static int prepare(struct plait_loop *loop, struct client *client, const char *name,
		   struct plait_error *error)
{
	static const struct plait_connector_callbacks callbacks = { .failed = on_failed, .lost = on_lost };
	struct plait_listener *server = plait_listen(plait_loop_reactor(loop), "tcp://127.0.0.1:0", &greeter,
						     &(struct plait_listen_options){ .name = name }, error);
	if (!server)
		return -1;
	client->self = client;
	client->connector = plait_connector_new(loop, plait_listener_address(server), &listener,
						&(struct plait_client_options){ .options = &client->self },
						&callbacks, client, error);
	client->answered = plait_deferred_new(NULL, NULL);
	return client->connector ? 0 : -1;
}

static struct plait_deferred *start(struct plait_loop *loop, void *arg)
{
	static const char *const names[SERVERS] = { "first", "second", "third" };
	struct plait_deferred *each[SERVERS];
	struct plait_error error;
	(void)arg;
	open = SERVERS;
	for (int i = 0; i < SERVERS; i++) {
		if (prepare(loop, &clients[i], names[i], &error) < 0)
			return plait_fail(plait_failure_from(&error));
		each[i] = plait_deferred_ref(clients[i].answered);
	}
	struct plait_deferred *all = plait_deferred_list(each, SERVERS, PLAIT_CONSUME_ERRORS);
	plait_add_callback(all, all_answered, NULL);
	plait_deferred_unref(&all);
	for (int i = 0; i < SERVERS; i++)
		pthread_create(&clients[i].thread, NULL, connect_from_here, &clients[i]);
	return NULL; /* the last one that is lost stops the reactor */
}

int main(void)
{
	return plait_react(NULL, start, NULL);
}
