/* Asking the supervisor, one question at a time. */
#include "core/server/supervisor/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/base/system_text.h"
#include "core/loop/loop.h"
#include "core/loop/watch.h"

/* What may come while an answer is waited for; the supervisor says little by itself. */
#define PENDING_MAX 32

struct remote {
	struct broker broker;
	int channel;
	bool gone; /* the supervisor */
	struct watch watch;
	struct plait_loop *loop; /* NULL: nobody listens yet */
	remote_fn *fn;
	void *arg;
	struct channel_message pending[PENDING_MAX];
	unsigned pending_count;
};

/* ---- what comes by itself ---- */

static void end(struct remote *remote)
{
	if (remote->gone)
		return;
	remote->gone = true;
	if (!remote->loop)
		return;
	watch_set(&remote->watch, WATCH_NONE);
	remote->fn(remote->arg, NULL);
}

static void hand_over(struct remote *remote)
{
	while (remote->pending_count > 0) {
		struct channel_message message = remote->pending[0];
		memmove(remote->pending, remote->pending + 1,
			--remote->pending_count * sizeof(remote->pending[0]));
		remote->fn(remote->arg, &message);
	}
}

static void on_pending(void *arg)
{
	hand_over(arg);
}

static void put_aside(struct remote *remote, const struct channel_message *message)
{
	if (message->kind == CHANNEL_RELOAD) /* one that waits will do for all, and leaves room for others */
		for (unsigned i = 0; i < remote->pending_count; i++)
			if (remote->pending[i].kind == CHANNEL_RELOAD)
				return;
	if (remote->pending_count == PENDING_MAX)
		return;
	remote->pending[remote->pending_count++] = *message;
	if (remote->loop)
		plait_post(remote->loop, on_pending, remote);
}

static void on_ready(struct watch *watch, unsigned ready)
{
	struct remote *remote = CONTAINER_OF(watch, struct remote, watch);
	struct channel_message message;
	int passed, result;
	(void)ready;
	hand_over(remote);
	while ((result = channel_receive(remote->channel, &message, &passed, false)) > 0) {
		if (passed >= 0)
			close(passed);
		remote->fn(remote->arg, &message);
	}
	if (result == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		end(remote);
}

void remote_listen(struct remote *remote, struct plait_loop *loop, remote_fn *fn, void *arg)
{
	remote->loop = loop;
	remote->fn = fn;
	remote->arg = arg;
	watch_init(&remote->watch, loop, remote->channel, on_ready);
	if (watch_set(&remote->watch, WATCH_READ) < 0)
		alloc_fail("the supervisor's channel");
	if (remote->pending_count > 0)
		plait_post(loop, on_pending, remote);
}

/* ---- questions ---- */

static int lose(struct remote *remote, struct plait_error *error)
{
	end(remote);
	return plait_error_set(error, PLAIT_ERROR_GONE, NULL, "the supervisor has gone");
}

int remote_ask(struct remote *remote, struct channel_message *message, int *passed, struct plait_error *error)
{
	*passed = -1;
	if (remote->gone || channel_send(remote->channel, message, -1, true) < 0)
		return lose(remote, error);
	for (;;) {
		if (channel_receive(remote->channel, message, passed, true) <= 0)
			return lose(remote, error);
		if (message->kind == CHANNEL_REPLY)
			break;
		put_aside(remote, message);
		if (*passed >= 0)
			close(*passed);
	}
	if (message->u.reply.code == 0 && *passed == CHANNEL_LOST)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "%s", system_text(EMFILE));
	if (message->u.reply.code == 0)
		return 0;
	if (*passed >= 0)
		close(*passed);
	*passed = -1;
	return plait_error_set(error, message->u.reply.code < 0 ? message->u.reply.code : PLAIT_ERROR_REFUSED,
			       message->u.reply.path[0] ? message->u.reply.path : NULL, "%s",
			       message->u.reply.text);
}

void remote_tell(struct remote *remote, struct channel_message *message)
{
	if (!remote->gone && channel_send(remote->channel, message, -1, true) < 0)
		end(remote);
}

/* ---- the broker ---- */

static void write_settings(const struct socket_settings *from, struct channel_settings *to)
{
	*to = (struct channel_settings){
		.backlog = from->backlog,
		.keepalive_count = from->keepalive.count,
		.keepalive_idle_ms = from->keepalive.idle_ms,
		.keepalive_interval_ms = from->keepalive.interval_ms,
		.nodelay = from->nodelay,
		.keepalive = from->keepalive.enabled,
		.v6only = from->v6only,
		.reuseaddr = from->reuseaddr,
		.shared = from->shared,
	};
	if (from->mode)
		strncpy(to->mode, from->mode, sizeof(to->mode) - 1);
}

static int bind_remote(struct broker *broker, const struct broker_socket *wanted, struct plait_error *error)
{
	struct remote *remote = CONTAINER_OF(broker, struct remote, broker);
	struct channel_message message;
	int passed;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_BIND;
	struct channel_bind *bind = &message.u.bind;
	strncpy(bind->name, wanted->name, sizeof(bind->name) - 1);
	bind->type = wanted->type;
	bind->number = wanted->number;
	bind->share = wanted->share;
	bind->len = wanted->len;
	memcpy(&bind->sa, wanted->sa, wanted->len);
	write_settings(wanted->settings, &bind->settings);
	int result = remote_ask(remote, &message, &passed, error);
	if (result == 0 && passed < 0)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "the supervisor passed no socket");
	return result < 0 ? result : passed;
}

static char *read_remote(struct broker *broker, const char *file, size_t *len, struct problems *problems)
{
	struct remote *remote = CONTAINER_OF(broker, struct remote, broker);
	struct channel_message message;
	struct plait_error error = { 0 };
	char *text = NULL;
	int passed;
	(void)file;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_READ;
	if (remote_ask(remote, &message, &passed, &error) < 0) {
		problems_add(problems, NULL, "%s", error.text);
		return NULL;
	}
	if (passed >= 0) {
		text = channel_read_text(passed, CONFIG_MOST_BYTES, len);
		close(passed);
	}
	if (!text)
		problems_add(problems, NULL, "the supervisor passed no configuration");
	return text;
}

static void serve_remote(struct broker *broker, const struct broker_kept *sockets, size_t count, bool as_read)
{
	struct remote *remote = CONTAINER_OF(broker, struct remote, broker);
	struct channel_message message;
	struct plait_error unused;
	int passed;
	for (size_t i = 0; i < count; i++) {
		memset(&message, 0, sizeof(message));
		message.kind = CHANNEL_KEEP;
		message.u.keep.cookie = channel_cookie(sockets[i].fd);
		strncpy(message.u.keep.name, sockets[i].name, sizeof(message.u.keep.name) - 1);
		remote_tell(remote, &message);
	}
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_SERVES;
	message.u.number = as_read;
	/* What is not served any more is closed there, too, before anybody is told that it is gone. */
	(void)remote_ask(remote, &message, &passed, &unused);
	if (passed >= 0)
		close(passed);
}

static void end_remote(struct broker *broker)
{
	struct remote *remote = CONTAINER_OF(broker, struct remote, broker);
	struct channel_message message;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_ENDING;
	remote_tell(remote, &message);
}

static void stop_remote(struct broker *broker)
{
	struct remote *remote = CONTAINER_OF(broker, struct remote, broker);
	struct channel_message message;
	struct plait_error unused;
	int passed;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_STOPPING;
	(void)remote_ask(remote, &message, &passed, &unused);
	if (passed >= 0)
		close(passed);
}

struct remote *remote_new(int channel)
{
	static const struct broker_ops ops = {
		.bind = bind_remote,
		.read = read_remote,
		.serve = serve_remote,
		.end = end_remote,
		.stop = stop_remote,
	};
	struct remote *remote = alloc_zeroed(sizeof(*remote), "the supervisor's channel");
	remote->broker.ops = &ops;
	remote->channel = channel;
	return remote;
}

void remote_free(struct remote **remote_at)
{
	struct remote *remote = *remote_at;
	*remote_at = NULL;
	if (!remote)
		return;
	if (remote->loop)
		watch_set(&remote->watch, WATCH_NONE);
	close(remote->channel);
	free(remote);
}

struct broker *remote_broker(struct remote *remote)
{
	return &remote->broker;
}
