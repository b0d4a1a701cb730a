/* Services: what programs tell them. */
#include "core/net/client/service.h"

#include <sys/random.h>

#include "core/base/alloc.h"
#include "core/base/container.h"

#define INITIAL_DELAY_MS 1000
#define MAX_DELAY_MS 60000
#define FACTOR 1.5
#define JITTER 0.1

static void halt_nothing(struct plait_service *service, bool close)
{
	(void)service;
	(void)close;
}

static void halt_new(struct plait_service *service, bool close)
{
	(void)close;
	service_move(service, SERVICE_STOPPED);
}

static void halt_unmade(struct plait_service *service, bool close)
{
	(void)close;
	link_drop(&service->link);
	loop_stop_timer(service_loop(service), &service->retry);
	service_become_stopped(service);
}

static void halt_made(struct plait_service *service, bool close)
{
	struct preparation *preparation = service_take_preparation(service);
	service_move(service, SERVICE_STOPPING);
	plait_failure_unref(&service->rejected);
	if (close)
		plait_close(service->conn);
	service_cancel_preparation(preparation);
}

/* Ends what is under way: from here on it is stopped, or stopping while it has a connection, which is closed or goes by
 * itself. */
static void halt(struct plait_service *service, bool close)
{
	static void (*const halts[])(struct plait_service * service, bool close) = {
		[SERVICE_NEW] = halt_new,           [SERVICE_STOPPED] = halt_nothing,
		[SERVICE_CONNECTING] = halt_unmade, [SERVICE_WAITING] = halt_unmade,
		[SERVICE_PREPARING] = halt_made,    [SERVICE_CONNECTED] = halt_made,
		[SERVICE_REJECTING] = halt_made,    [SERVICE_STOPPING] = halt_nothing,
		[SERVICE_RESTARTING] = halt_made,
	};
	halts[service->state](service, close);
}

static void tell_stopped(struct plait_service *service, int code, const char *why)
{
	struct plait_failure *failure = plait_failure(code, "the service of %s was stopped%s",
						      service->client->text, why);
	service_tell_failure(&service->connected_waiters, failure, true);
	plait_failure_unref(&failure);
}

static void on_loop_stops(struct net_pending *pending)
{
	struct plait_service *service = CONTAINER_OF(pending, struct plait_service, pending);
	service_hold(service);
	halt(service, false);
	tell_stopped(service, PLAIT_ERROR_CLOSING, ": the loop is stopping");
	service_release(service);
}

struct plait_deferred *plait_service_stop(struct plait_service *service)
{
	loop_assert_here(service_loop(service));
	service_hold(service);
	halt(service, true);
	struct plait_deferred *deferred = service->state == SERVICE_STOPPED
						  ? plait_succeed(plait_value(NULL))
						  : service_wait(&service->stopped_waiters, 0);
	tell_stopped(service, PLAIT_ERROR_CANCELLED, "");
	service_release(service);
	return deferred;
}

int plait_service_start(struct plait_service *service)
{
	struct net *net = service_loop(service)->net;
	loop_assert_here(service_loop(service));
	if (!net || net->draining)
		return PLAIT_ERROR_CLOSING;
	if (service->state == SERVICE_STOPPING)
		service_move(service, SERVICE_RESTARTING);
	if (service->state != SERVICE_NEW && service->state != SERVICE_STOPPED)
		return 0;
	service->failures = 0;
	net_add_pending(net, &service->pending);
	service_connect(service);
	return 0;
}

struct plait_deferred *plait_service_when_connected(struct plait_service *service, unsigned fail_after)
{
	loop_assert_here(service_loop(service));
	switch (service->state) {
	case SERVICE_CONNECTED: return plait_succeed(plait_value(service->conn));
	case SERVICE_STOPPED:
	case SERVICE_STOPPING:
		return plait_fail(plait_failure(PLAIT_ERROR_CANCELLED, "the service of %s is stopped",
						service->client->text));
	default: return service_wait(&service->connected_waiters, fail_after);
	}
}

struct plait_conn *plait_service_conn(const struct plait_service *service)
{
	loop_assert_here(service_loop(service));
	return service->state == SERVICE_CONNECTED ? service->conn : NULL;
}

static int set_backoff(struct backoff *backoff, const struct plait_service_options *options,
		       struct plait_error *error)
{
	const char *fault = NULL;
	*backoff = (struct backoff){
		.initial_ms = options->initial_delay_ms ? options->initial_delay_ms : INITIAL_DELAY_MS,
		.max_ms = options->max_delay_ms ? options->max_delay_ms : MAX_DELAY_MS,
		.factor = options->factor > 0 ? options->factor : FACTOR,
		.jitter = options->jitter > 0   ? options->jitter
			  : options->jitter < 0 ? 0
						: JITTER,
	};
	if (getrandom(&backoff->chance, sizeof(backoff->chance), GRND_NONBLOCK) < 0)
		backoff->chance = (uintptr_t)backoff;
	if (backoff->initial_ms > backoff->max_ms)
		fault = "initial_delay_ms must not be above max_delay_ms";
	else if (!(backoff->factor >= 1))
		fault = "the factor of a service's delays must be at least 1";
	else if (!(backoff->jitter <= 1))
		fault = "the jitter of a service's delays must be at most 1";
	return fault ? plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "%s", fault) : 0;
}

struct plait_service *plait_service_new(struct plait_loop *loop, const char *endpoint,
					const struct plait_protocol *protocol,
					const struct plait_client_options *options,
					const struct plait_service_options *service_options,
					struct plait_error *error)
{
	static const struct plait_service_options none;
	struct backoff backoff;
	if (!service_options)
		service_options = &none;
	if (set_backoff(&backoff, service_options, error) < 0)
		return NULL;
	struct client *client = client_new(loop, endpoint, protocol, options, error);
	if (!client)
		return NULL;
	struct plait_service *service = alloc_zeroed(sizeof(*service), "a service");
	service->references = 1;
	service->client = client;
	service->options = *service_options;
	service->backoff = backoff;
	service->pending.stop = on_loop_stops;
	service_init(service);
	return service;
}

void plait_service_free(struct plait_service **service_at)
{
	struct plait_service *service = *service_at;
	*service_at = NULL;
	if (!service)
		return;
	struct plait_conn *conn = service->conn;
	struct preparation *preparation = service_take_preparation(service);
	struct plait_failure *failure = plait_failure(PLAIT_ERROR_CANCELLED, "the service of %s is gone",
						      service->client->text);
	link_drop(&service->link);
	loop_stop_timer(service_loop(service), &service->retry);
	net_remove_pending(&service->pending);
	plait_failure_unref(&service->rejected);
	service->conn = NULL;
	service->options.gave_up = NULL; /* it may be freed by who was just told of that */
	if (service->state != SERVICE_STOPPED)
		service_move(service, SERVICE_STOPPED);
	if (conn)
		plait_close(conn);
	service_cancel_preparation(preparation);
	service_tell_failure(&service->stopped_waiters, failure, true);
	service_tell_failure(&service->connected_waiters, failure, true);
	plait_failure_unref(&failure);
	service_release(service);
}
