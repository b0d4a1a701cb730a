/* Connectors: counted, told what to do from any thread, doing it on their loop. */
#include <plait/client.h>

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/block.h"
#include "core/base/container.h"
#include "core/net/client/link.h"
#include "core/net/net.h"

struct plait_connector {
	atomic_uint references;
	atomic_int state; /* enum plait_connector_state; changes on the loop */
	struct client *client;
	struct plait_connector_callbacks callbacks;
	void *arg;

	/* The loop's. */
	struct link_user user;
	struct link *link;
	struct plait_conn *conn;
	bool said_no; /* that the loop is stopping was told once */
};

static const char what[] = "a connector";

static void set_state(struct plait_connector *connector, enum plait_connector_state state)
{
	atomic_store_explicit(&connector->state, state, memory_order_release);
}

enum plait_connector_state plait_connector_state(const struct plait_connector *connector)
{
	return (enum plait_connector_state)atomic_load_explicit(&connector->state, memory_order_acquire);
}

/* The reference of a connector that is not disconnected is given back last: its callback may have taken the program's. */
static void over(struct plait_connector *connector)
{
	plait_connector_unref(&connector);
}

static void on_made(struct link_user *user, struct plait_conn *conn)
{
	struct plait_connector *connector = CONTAINER_OF(user, struct plait_connector, user);
	connector->conn = conn;
	set_state(connector, PLAIT_CONNECTOR_CONNECTED);
	if (connector->callbacks.connected)
		connector->callbacks.connected(connector, conn, connector->arg);
}

static void on_failed(struct link_user *user, struct plait_failure *failure)
{
	struct plait_connector *connector = CONTAINER_OF(user, struct plait_connector, user);
	connector->link = NULL;
	set_state(connector, PLAIT_CONNECTOR_DISCONNECTED);
	if (connector->callbacks.failed)
		connector->callbacks.failed(connector, failure, connector->arg);
	plait_failure_unref(&failure);
	over(connector);
}

static void on_lost(struct link_user *user, enum plait_reason reason)
{
	struct plait_connector *connector = CONTAINER_OF(user, struct plait_connector, user);
	connector->link = NULL;
	connector->conn = NULL;
	set_state(connector, PLAIT_CONNECTOR_DISCONNECTED);
	if (connector->callbacks.lost)
		connector->callbacks.lost(connector, reason, connector->arg);
	over(connector);
}

/* Who connects again whenever it fails would keep a stopping loop busy. */
static bool may_connect(struct plait_connector *connector)
{
	const struct net *net = connector->client->loop->net;
	if (net && !net->draining)
		return true;
	bool first = !connector->said_no;
	connector->said_no = true;
	return first;
}

static void do_connect(struct plait_connector *connector)
{
	if (connector->link || !may_connect(connector))
		return;
	plait_connector_ref(connector);
	set_state(connector, PLAIT_CONNECTOR_CONNECTING);
	connector->link = link_open(connector->client, &connector->user);
	if (connector->callbacks.started)
		connector->callbacks.started(connector, connector->arg);
}

static void do_stop_connecting(struct plait_connector *connector)
{
	if (!connector->link || connector->conn)
		return;
	link_drop(&connector->link);
	on_failed(&connector->user, plait_failure(PLAIT_ERROR_CANCELLED, "connecting to %s was stopped",
						  connector->client->text));
}

static void do_disconnect(struct plait_connector *connector)
{
	if (connector->conn)
		plait_close(connector->conn);
	else
		do_stop_connecting(connector);
}

struct command {
	struct post post;
	struct plait_connector *connector; /* one reference */
	void (*fn)(struct plait_connector *connector);
};

static void run_command(struct post *post)
{
	struct command *command = CONTAINER_OF(post, struct command, post);
	struct plait_connector *connector = command->connector;
	command->fn(connector);
	block_give(command);
	plait_connector_unref(&connector);
}

static void tell(struct plait_connector *connector, void (*fn)(struct plait_connector *connector))
{
	struct command *command = alloc_block(sizeof(*command), what);
	command->connector = plait_connector_ref(connector);
	command->fn = fn;
	post_send(&connector->client->loop->posts, &command->post, run_command);
}

struct plait_connector *plait_connector_new(struct plait_loop *loop, const char *endpoint,
					    const struct plait_protocol *protocol,
					    const struct plait_client_options *options,
					    const struct plait_connector_callbacks *callbacks, void *arg,
					    struct plait_error *error)
{
	struct client *client = client_new(loop, endpoint, protocol, options, error);
	if (!client)
		return NULL;
	struct plait_connector *connector = alloc_zeroed(sizeof(*connector), what);
	atomic_init(&connector->references, 1);
	connector->client = client;
	if (callbacks)
		connector->callbacks = *callbacks;
	connector->arg = arg;
	connector->user = (struct link_user){ .made = on_made, .failed = on_failed, .lost = on_lost };
	return connector;
}

struct plait_connector *plait_connector_ref(struct plait_connector *connector)
{
	atomic_fetch_add_explicit(&connector->references, 1, memory_order_relaxed);
	return connector;
}

void plait_connector_unref(struct plait_connector **connector_at)
{
	struct plait_connector *connector = *connector_at;
	*connector_at = NULL;
	if (!connector || atomic_fetch_sub_explicit(&connector->references, 1, memory_order_acq_rel) > 1)
		return;
	client_unref(&connector->client);
	free(connector);
}

void plait_connector_connect(struct plait_connector *connector)
{
	tell(connector, do_connect);
}

void plait_connector_stop_connecting(struct plait_connector *connector)
{
	tell(connector, do_stop_connecting);
}

void plait_connector_disconnect(struct plait_connector *connector)
{
	tell(connector, do_disconnect);
}

struct plait_conn *plait_connector_conn(const struct plait_connector *connector)
{
	loop_assert_here(connector->client->loop);
	return connector->conn;
}

const char *plait_connector_endpoint(const struct plait_connector *connector)
{
	return connector->client->text;
}
