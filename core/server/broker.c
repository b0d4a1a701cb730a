/* The broker of a process without a supervisor. */
#include "core/server/broker.h"

#include <unistd.h>

#include "core/server/systemd/activation.h"

/* Among sockets that share their address the kernel would also let in another server's of the same user, and give it
 * some of the connections. */
static int refuse_sharing(const struct broker_socket *wanted, struct plait_error *error)
{
	int fd = socket_bind(wanted->type, (const struct sockaddr *)wanted->sa, wanted->len, wanted->settings,
			     false, error);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int broker_bind_here(const struct broker_socket *wanted, struct plait_error *error)
{
	int fd = activation_find(wanted, error);
	if (fd != PLAIT_ERROR_MISSING)
		return fd;
	int result = 0;
	if (wanted->number == 0 && wanted->share && !wanted->settings->shared)
		result = refuse_sharing(wanted, error);
	if (result < 0)
		return result;
	return socket_bind(wanted->type, (const struct sockaddr *)wanted->sa, wanted->len, wanted->settings,
			   wanted->share, error);
}

static int bind_local(struct broker *broker, const struct broker_socket *wanted, struct plait_error *error)
{
	(void)broker;
	return broker_bind_here(wanted, error);
}

static char *read_local(struct broker *broker, const char *file, size_t *len, struct problems *problems)
{
	(void)broker;
	return config_read(file, len, problems);
}

static void serve_local(struct broker *broker, const struct broker_kept *sockets, size_t count, bool as_read)
{
	(void)broker;
	(void)sockets;
	(void)count;
	(void)as_read;
}

static void end_local(struct broker *broker)
{
	(void)broker;
}

struct broker *broker_local(void)
{
	static const struct broker_ops ops = {
		.bind = bind_local,
		.read = read_local,
		.serve = serve_local,
		.end = end_local,
		.stop = end_local,
		.own_paths = true,
	};
	static struct broker local = { .ops = &ops };
	return &local;
}
