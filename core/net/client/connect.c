/* plait_connect: one connection as a Deferred. */
#include <plait/client.h>

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/net/client/link.h"

struct connect {
	struct link_user user;
	struct link *link;
	struct plait_deferred *deferred; /* one reference */
};

static struct plait_deferred *end(struct connect *connect)
{
	struct plait_deferred *deferred = connect->deferred;
	free(connect);
	return deferred;
}

static void on_made(struct link_user *user, struct plait_conn *conn)
{
	struct connect *connect = CONTAINER_OF(user, struct connect, user);
	link_drop(&connect->link);
	struct plait_deferred *deferred = end(connect);
	plait_deferred_callback(deferred, plait_value(conn));
	plait_deferred_unref(&deferred);
}

static void on_failed(struct link_user *user, struct plait_failure *failure)
{
	struct plait_deferred *deferred = end(CONTAINER_OF(user, struct connect, user));
	plait_deferred_errback(deferred, failure);
	plait_deferred_unref(&deferred);
}

static void cancel(struct plait_deferred *deferred, void *arg)
{
	struct connect *connect = arg;
	link_drop(&connect->link);
	end(connect);
	plait_deferred_unref(&deferred); /* who cancels has one, too */
}

struct plait_deferred *plait_connect(struct plait_loop *loop, const char *endpoint,
				     const struct plait_protocol *protocol,
				     const struct plait_client_options *options)
{
	struct plait_error error = { 0 };
	loop_assert_here(loop);
	struct client *client = client_new(loop, endpoint, protocol, options, &error);
	if (!client)
		return plait_fail(plait_failure(error.code, "%s%s%s", error.path, error.path[0] ? ": " : "",
						error.text));
	struct connect *connect = alloc_zeroed(sizeof(*connect), "a connection that is to be opened");
	connect->user = (struct link_user){ .made = on_made, .failed = on_failed };
	connect->deferred = plait_deferred_new(cancel, connect);
	struct plait_deferred *deferred = plait_deferred_ref(connect->deferred);
	connect->link = link_open(client, &connect->user);
	client_unref(&client);
	return deferred;
}
