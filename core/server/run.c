/* Serving what is configured: sockets are bound, and the reactor runs until signals end it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/net/net.h"
#include "core/net/tls/warm_up.h"
#include "core/server/control/control.h"
#include "core/server/parts.h"
#include "core/server/systemd/activation.h"
#include "core/server/systemd/pulse.h"

void server_tell_broker(struct server *server, bool as_read)
{
	size_t count = 1, told = 0;
	for (size_t i = 0; i < server->listener_count; i++)
		count += server->listeners[i]->socket_count;
	struct broker_kept *kept = alloc_zeroed(count * sizeof(*kept), "the list of sockets");
	for (size_t i = 0; i < server->listener_count; i++)
		for (unsigned k = 0; k < server->listeners[i]->socket_count; k++)
			kept[told++] = (struct broker_kept){ .name = server->listeners[i]->name,
							     .fd = server->listeners[i]->sockets[k].fd };
	if (server->control)
		kept[told++] = (struct broker_kept){ .name = BROKER_CONTROL_NAME,
						     .fd = control_socket(server->control) };
	server->broker->ops->serve(server->broker, kept, told, as_read);
	free(kept);
}

static int open_control(struct server *server, struct problems *problems)
{
	struct plait_error error = { 0 };
	if (!server->snapshot->config->control)
		return 0;
	server->control = control_open(server, server->snapshot->config->control, &error);
	if (server->control)
		return 0;
	problems_add_error(problems, "control", &error);
	return -1;
}

/* As if the user had made them. */
static int give_sockets(struct server *server, struct problems *problems)
{
	uid_t uid;
	gid_t gid;
	privilege_owner(&server->privilege, &uid, &gid);
	int result = server->control ? control_give(server->control, uid, gid) : 0;
	for (size_t i = 0; i < server->listener_count && result == 0; i++)
		result = unix_path_give(&server->listeners[i]->path, uid, gid);
	if (result < 0)
		problems_add(problems, "user", "cannot give it the UNIX sockets: %s", strerror(errno));
	return result;
}

static int give_up_privileges(struct server *server, struct problems *problems)
{
	if (give_sockets(server, problems) < 0)
		return -1;
	return privilege_drop(&server->privilege, server->snapshot->registry, problems);
}

int server_bind(struct server *server, struct problems *problems)
{
	struct plait_error error = { 0 };
	size_t errors = problems->errors;

	if (privilege_check(&server->privilege, problems) < 0)
		return -1;
	if (server->snapshot->config->tls.count > 0 && tls_warm_up(&error) < 0) {
		problems_add(problems, "tls", "%s", error.text);
		return -1;
	}
	if (reactor_take_signals(server->reactor, &error) < 0) {
		problems_add(problems, NULL, "%s", error.text);
		return -1;
	}
	for (size_t i = 0; i < server->listener_count; i++)
		server_bind_listener(server, server->snapshot, server->listeners[i], NULL, problems);
	if (problems->errors > errors)
		return -1;
	for (size_t i = 0; i < server->listener_count; i++)
		if (reactor_add_listener(server->reactor, server->listeners[i], &error) < 0)
			problems_add_error(problems, NULL, &error);
	if (problems->errors > errors)
		return -1;
	if (open_control(server, problems) < 0 || give_up_privileges(server, problems) < 0)
		return -1;
	server_tell_broker(server, true);
	reactor_announce(server->reactor);
	return 0;
}

static unsigned long long counted(const struct server *server, size_t offset)
{
	unsigned long long sum = 0;
	for (unsigned i = 0; i < plait_reactor_loops(server->reactor); i++) {
		struct plait_loop *loop = plait_reactor_loop(server->reactor, i);
		const char *counters = (const char *)&loop->net->counters;
		sum += atomic_load((const atomic_ullong *)(const void *)(counters + offset));
	}
	return sum;
}

/* "12 no-tls, 3 timeout"; false: there were none. */
static bool list_failures(const struct server *server, char *text, size_t size)
{
	text[0] = '\0';
	for (unsigned i = 0; i < HANDSHAKE_FAILURE_COUNT; i++) {
		unsigned long long count = counted(server, offsetof(struct net_counters, handshakes_failed) +
								   i * sizeof(atomic_ullong));
		if (count > 0)
			text_append(text, size, "%s%llu %s", text[0] ? ", " : "", count,
				    handshake_failure_name((enum handshake_failure)i));
	}
	return text[0];
}

static void say_how_it_went(const struct server *server, int result)
{
	unsigned long long served = counted(server, offsetof(struct net_counters, opened));
	log_write(PLAIT_LOG_INFO, NULL, "stopped: %llu connection%s served, %llu bytes in, %llu out", served,
		  served == 1 ? "" : "s", counted(server, offsetof(struct net_counters, bytes_in)),
		  counted(server, offsetof(struct net_counters, bytes_out)));
	char failures[1024];
	if (list_failures(server, failures, sizeof(failures)))
		log_write(PLAIT_LOG_INFO, NULL, "TLS handshakes that failed: %s", failures);
	if (result == PLAIT_ERROR_TIMEOUT)
		log_write(PLAIT_LOG_WARNING, NULL, "%zu connections were aborted",
			  atomic_load(&server->reactor->owed));
}

static void say_ready(struct plait_reactor *reactor, void *arg)
{
	struct server *server = arg;
	server->since = time(NULL);
	if (server->control)
		control_start(server->control);
	/* The supervisor before anybody else: who hears that it is ready may ask it for the next thing. */
	if (server->on_serving)
		server->on_serving(server->on_serving_arg);
	log_write(PLAIT_LOG_INFO, NULL, "ready: listeners %zu, loops %u", server->listener_count,
		  plait_reactor_loops(reactor));
	activation_check(server->snapshot->config);
	pulse_start(server);
}

int server_run(struct server *server)
{
	int result = reactor_run(server->reactor, say_ready, server);
	upgrade_answer(server,
		       &(struct plait_error){ .code = PLAIT_ERROR_CLOSING, .text = "the server stops" });
	control_close(&server->control);
	if (server->reactor->stuck) {
		log_flush();
		_exit(1);
	}
	if (result == 0 || result == PLAIT_ERROR_TIMEOUT)
		say_how_it_went(server, result);
	log_flush();
	return result == 0 ? 0 : 1;
}
