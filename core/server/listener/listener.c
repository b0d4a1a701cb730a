/* A listener's life: made, bound, served version after version, and gone. */
#include "core/server/listener/listener.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/server/listener/kind.h"

struct plait_listener *listener_new(const struct listener_config *config)
{
	struct plait_listener *listener = alloc_zeroed(sizeof(*listener), "a listener");
	listener->name = alloc_copy(config->name, "a listener");
	listener->limits = limits_new();
	listener->config = config;
	listener->kind = listener_kind(config->endpoint.scheme);
	return listener;
}

void own_protocols_free(struct own_protocols *protocols)
{
	free(protocols->main);
	free(protocols->overflow);
	for (size_t i = 0; protocols->alpn && protocols->alpn[i]; i++)
		free(protocols->alpn[i]);
	free(protocols->alpn);
	*protocols = (struct own_protocols){ 0 };
}

int listener_resolve(struct plait_listener *listener, struct plait_error *error)
{
	return socket_resolve(&listener->config->endpoint, &listener->addresses, error);
}

/* ---- versions ---- */

static bool make_throttle(struct plait_listener *listener, const struct limit_settings *settings)
{
	if (!listener->throttle && throttle_needed(settings))
		listener->throttle = throttle_new(settings);
	return listener->throttle || !throttle_needed(settings);
}

int listener_prepare(struct plait_listener *listener, const struct version_parts *parts,
		     struct plait_reactor *reactor, struct plait_error *error)
{
	if (listener->versions &&
	    socket_adjustable(&listener->config->net.socket, &parts->config->net.socket, error) < 0)
		return PLAIT_ERROR_INVALID;
	if (!make_throttle(listener, &parts->config->net.limits))
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a listener");
	listener->fresh = version_new(listener, parts, reactor, error);
	if (!listener->fresh)
		return PLAIT_ERROR_REFUSED;
	if (listener->kind->prepare(listener) == 0)
		return 0;
	listener_discard(listener);
	return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a listener");
}

void listener_discard(struct plait_listener *listener)
{
	listener->kind->discard(listener);
	version_free(&listener->fresh);
}

void listener_adopt(struct plait_listener *listener)
{
	struct listener_version *before = listener->versions;
	listener->versions = listener->fresh;
	listener->fresh = NULL;
	listener->versions->next = before;
	listener->config = listener->versions->config;
	if (listener->throttle)
		throttle_set(listener->throttle, &listener->config->net.limits);
	for (unsigned i = 0; i < listener->socket_count; i++)
		socket_adjust(listener->sockets[i].fd, &listener->config->net.socket);
	before->retired = true;
	listener->kind->adopt(listener);
}

void listener_drop_version(struct plait_listener *listener, struct listener_version *version)
{
	struct listener_version **at = &listener->versions;
	while (*at != version)
		at = &(*at)->next;
	*at = version->next;
	version_free(&version);
}

static void on_unused(void *arg)
{
	struct listener_version *version = arg;
	struct plait_listener *listener = version->listener;
	/* What stops with the server, or by a program's own wish, goes with the reactor. */
	if (!version->retired || listener->reactor->shutdown)
		return;
	listener_drop_version(listener, version);
	listener_go_if_unused(listener);
}

void listener_version_unused(struct reception *reception)
{
	struct listener_version *version = CONTAINER_OF(reception, struct listener_version, reception);
	plait_post(version->listener->reactor->boss, on_unused, version);
}

/* ---- serving ---- */

void listener_announce(const struct plait_listener *listener)
{
	struct log_subject subject = { .listener = listener->name };
	char text[256];
	for (unsigned i = 0, next = 0; i < listener->socket_count; i++) {
		if (listener->sockets[i].address < next) /* another of the same address */
			continue;
		next = listener->sockets[i].address + 1;
		log_answer(PLAIT_LOG_INFO, &subject, "listening on %s",
			   socket_describe(listener->config->endpoint.scheme, listener->sockets[i].fd, text,
					   sizeof(text)));
	}
}

void listener_start(struct plait_listener *listener)
{
	if (!listener->stopped)
		listener->kind->start(listener);
}

void listener_stop(struct plait_listener *listener)
{
	if (listener->stopped)
		return;
	listener->stopped = true;
	listener->kind->stop(listener);
	unix_path_remove(&listener->path);
}

void listener_serve(struct plait_listener *listener, enum listener_service service)
{
	if (listener->service == service || listener->stopped)
		return;
	listener->service = service;
	listener->kind->serve(listener, service);
}

/* Each socket has a reference to what newcomers are served with. */
size_t listener_version_connections(const struct listener_version *version)
{
	const struct plait_listener *listener = version->listener;
	bool newest = version == listener->versions && !listener->stopped;
	size_t references = atomic_load_explicit(&version->reception.references, memory_order_relaxed);
	size_t sockets = newest ? listener->socket_count : 0;
	return references > sockets ? references - sockets : 0;
}

void listener_leave(struct plait_listener *listener, bool drain)
{
	listener->leaving = true;
	for (struct listener_version *version = listener->versions; version; version = version->next)
		version->retired = true;
	listener_stop(listener);
	listener->kind->leave(listener, drain);
}

void listener_inherit(struct plait_listener *listener, struct plait_listener *const *leaving)
{
	if (!listener->inherited)
		return;
	listener->inherited = false;
	for (unsigned i = 0; i < listener->socket_count; i++)
		socket_adjust(listener->sockets[i].fd, &listener->config->net.socket);
	for (; *leaving; leaving++)
		if (listener->path.path[0] && strcmp((*leaving)->path.path, listener->path.path) == 0)
			(*leaving)->path.path[0] = '\0';
}

void listener_keep(struct plait_listener *listener)
{
	for (unsigned i = 0; i < listener->socket_count; i++)
		listener->sockets[i].taken = false;
}

void listener_go_if_unused(struct plait_listener *listener)
{
	struct plait_reactor *reactor = listener->reactor;
	struct log_subject subject = { .listener = listener->name };
	if (!listener->leaving || listener->versions || listener->rounds > 0 || reactor->shutdown)
		return;
	plait_timer_cancel(&listener->deadline);
	log_answer(PLAIT_LOG_INFO, &subject, "gone from %s", listener->address);
	reactor_remove_listener(reactor, listener);
	listener_free(&listener);
}

void listener_close(struct plait_listener *listener)
{
	listener->stopped = true;
	listener->kind->close(listener);
	if (!listener->inherited)
		unix_path_remove(&listener->path);
}

void listener_free(struct plait_listener **listener_at)
{
	struct plait_listener *listener = *listener_at;
	*listener_at = NULL;
	if (!listener)
		return;
	listener_close(listener);
	version_free(&listener->fresh);
	while (listener->versions)
		listener_drop_version(listener, listener->versions);
	throttle_free(&listener->throttle);
	limits_free(&listener->limits);
	tls_context_free(&listener->own_context);
	config_free(&listener->own_config);
	own_protocols_free(&listener->own_protocols);
	free(listener->sockets);
	free(listener->name);
	free(listener);
}
