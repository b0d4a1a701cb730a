/* What happens to a service, and what it does then: a state, and a table of its moves. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/container.h"
#include "core/base/log.h"
#include "core/base/units.h"
#include "core/net/client/service.h"

/* Bit N of row M: the move from state M to state N is allowed. */
#define TO(state) (1u << SERVICE_##state)
static const unsigned moves[] = {
	[SERVICE_NEW] = TO(CONNECTING) | TO(STOPPED),
	[SERVICE_STOPPED] = TO(CONNECTING),
	[SERVICE_CONNECTING] = TO(PREPARING) | TO(WAITING) | TO(STOPPED),
	[SERVICE_PREPARING] = TO(CONNECTED) | TO(REJECTING) | TO(WAITING) | TO(STOPPING) | TO(STOPPED),
	[SERVICE_CONNECTED] = TO(WAITING) | TO(STOPPING) | TO(STOPPED),
	[SERVICE_REJECTING] = TO(WAITING) | TO(STOPPING) | TO(STOPPED),
	[SERVICE_WAITING] = TO(CONNECTING) | TO(STOPPED),
	[SERVICE_STOPPING] = TO(STOPPED) | TO(RESTARTING),
	[SERVICE_RESTARTING] = TO(CONNECTING) | TO(STOPPING) | TO(STOPPED),
};

void service_move(struct plait_service *service, enum service_state next)
{
	assert(moves[service->state] & (1u << next));
	service->state = next;
}

void service_hold(struct plait_service *service)
{
	service->references++;
}

void service_release(struct plait_service *service)
{
	if (--service->references > 0)
		return;
	client_unref(&service->client);
	free(service);
}

void service_become_connected(struct plait_service *service)
{
	service_move(service, SERVICE_CONNECTED);
	service_tell(&service->connected_waiters, service->conn);
}

void service_connect(struct plait_service *service)
{
	service_move(service, SERVICE_CONNECTING);
	service->link = link_open(service->client, &service->user);
}

static void on_retry(struct timer *timer)
{
	service_connect(CONTAINER_OF(timer, struct plait_service, retry));
}

void service_become_stopped(struct plait_service *service)
{
	service_move(service, SERVICE_STOPPED);
	net_remove_pending(&service->pending);
	service_tell(&service->stopped_waiters, NULL);
}

static uint64_t next_delay(struct plait_service *service)
{
	unsigned failures = service->failures > 0 ? service->failures : 1;
	return service->options.delay ? service->options.delay(failures, service->options.arg)
				      : backoff_delay(&service->backoff, failures);
}

/* Texts say where to; a name that is the same need not be there twice. */
static struct log_subject subject_of(const struct plait_service *service)
{
	const char *name = plait_factory_name(service->client->factory);
	return (struct log_subject){ .listener = strcmp(name, service->client->text) == 0 ? NULL : name };
}

/* Of a loop that is stopping it would not be true. */
static void say(const struct plait_service *service, const struct plait_failure *failure, uint64_t delay_ms)
{
	struct log_subject subject = subject_of(service);
	char text[32];
	if (!service_loop(service)->net->draining)
		log_write(PLAIT_LOG_INFO, &subject, "%s; again in %s", failure->text,
			  units_format_duration(text, sizeof(text), delay_ms));
}

static void give_up(struct plait_service *service, struct plait_failure *failure)
{
	struct log_subject subject = subject_of(service);
	log_write(PLAIT_LOG_ERROR, &subject, "%s; giving up after %u in a row", failure->text,
		  service->failures);
	service_become_stopped(service);
	service_tell_failure(&service->connected_waiters, failure, true);
	if (service->options.gave_up && service->state == SERVICE_STOPPED)
		service->options.gave_up(service, failure, service->options.arg);
}

static void wait_and_retry(struct plait_service *service, struct plait_failure *failure)
{
	service_move(service, SERVICE_WAITING);
	uint64_t delay_ms = next_delay(service);
	if (service->state != SERVICE_WAITING) /* it was stopped meanwhile */
		return;
	loop_start_timer(service_loop(service), &service->retry,
			 timer_after(loop_now(service_loop(service)), delay_ms));
	say(service, failure, delay_ms);
	service_tell_failure(&service->connected_waiters, failure, false);
}

/* Waits, and then connects again, unless that was tried too often. */
static void go_on(struct plait_service *service, struct plait_failure *failure)
{
	service_hold(service);
	if (service->options.max_retries > 0 && service->failures > service->options.max_retries)
		give_up(service, failure);
	else
		wait_and_retry(service, failure);
	service_release(service);
}

/* failure is given. */
static void attempt_failed(struct plait_service *service, struct plait_failure *failure)
{
	if (service->failures < UINT32_MAX)
		service->failures++;
	go_on(service, failure);
	plait_failure_unref(&failure);
}

static struct plait_failure *lost_failure(const struct plait_service *service, enum plait_reason reason,
					  const char *when)
{
	return plait_failure(PLAIT_ERROR_GONE, "the connection to %s was lost%s: %s", service->client->text,
			     when, plait_reason_text(reason));
}

static void on_made(struct link_user *user, struct plait_conn *conn)
{
	struct plait_service *service = CONTAINER_OF(user, struct plait_service, user);
	service->conn = conn;
	service->made_ms = loop_now(service_loop(service));
	service_move(service, SERVICE_PREPARING);
	service_hold(service);
	struct plait_deferred *deferred = service->options.prepare
						  ? service->options.prepare(conn, service->options.arg)
						  : NULL;
	if (service->state != SERVICE_PREPARING) /* it was stopped meanwhile */
		plait_deferred_unref(&deferred);
	else if (deferred)
		service_prepare(service, deferred);
	else
		service_become_connected(service);
	service_release(service);
}

static void on_failed(struct link_user *user, struct plait_failure *failure)
{
	struct plait_service *service = CONTAINER_OF(user, struct plait_service, user);
	service->link = NULL;
	attempt_failed(service, failure);
}

static void lost_connected(struct plait_service *service, enum plait_reason reason)
{
	bool steady = loop_now(service_loop(service)) - service->made_ms >= service->options.steady_ms;
	struct plait_failure *failure = lost_failure(service, reason, "");
	service->failures = steady ? 0 : service->failures + 1;
	go_on(service, failure);
	plait_failure_unref(&failure);
}

static void lost_preparing(struct plait_service *service, enum plait_reason reason)
{
	struct preparation *preparation = service_take_preparation(service);
	attempt_failed(service, lost_failure(service, reason, " while it was prepared"));
	service_cancel_preparation(preparation);
}

static void lost_rejected(struct plait_service *service, enum plait_reason reason)
{
	struct plait_failure *failure = service->rejected;
	(void)reason;
	service->rejected = NULL;
	attempt_failed(service, failure);
}

static void lost_stopping(struct plait_service *service, enum plait_reason reason)
{
	(void)reason;
	service_become_stopped(service);
}

static void lost_restarting(struct plait_service *service, enum plait_reason reason)
{
	(void)reason;
	service_connect(service);
	service_tell(&service->stopped_waiters, NULL);
}

static void on_lost(struct link_user *user, enum plait_reason reason)
{
	static void (*const lost[])(struct plait_service * service, enum plait_reason reason) = {
		[SERVICE_CONNECTED] = lost_connected,   [SERVICE_PREPARING] = lost_preparing,
		[SERVICE_REJECTING] = lost_rejected,    [SERVICE_STOPPING] = lost_stopping,
		[SERVICE_RESTARTING] = lost_restarting,
	};
	struct plait_service *service = CONTAINER_OF(user, struct plait_service, user);
	service->link = NULL;
	service->conn = NULL;
	service_hold(service);
	lost[service->state](service, reason);
	service_release(service);
}

void service_init(struct plait_service *service)
{
	service->user = (struct link_user){ .made = on_made, .failed = on_failed, .lost = on_lost };
	timer_init(&service->retry, on_retry);
}
