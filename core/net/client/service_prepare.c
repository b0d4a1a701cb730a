/* Preparing a service's connection: a callback's Deferred, and who waits for it. */
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/net/client/service.h"

struct preparation {
	struct plait_service *service; /* NULL: nobody any more */
	struct plait_deferred *deferred;
};

struct preparation *service_take_preparation(struct plait_service *service)
{
	struct preparation *preparation = service->preparation;
	service->preparation = NULL;
	if (preparation)
		preparation->service = NULL;
	return preparation;
}

void service_cancel_preparation(struct preparation *preparation)
{
	if (!preparation)
		return;
	struct plait_deferred *deferred = plait_deferred_ref(preparation->deferred);
	plait_deferred_cancel(deferred); /* which ends the preparation */
	plait_deferred_unref(&deferred);
}

/* Returns who waits; NULL: nobody. */
static struct plait_service *end_preparation(struct preparation *preparation)
{
	struct plait_service *service = preparation->service;
	plait_deferred_unref(&preparation->deferred);
	free(preparation);
	if (service)
		service->preparation = NULL;
	return service;
}

static struct plait_result on_prepared(struct plait_result result, void *arg)
{
	struct plait_service *service = end_preparation(arg);
	if (service) {
		service_hold(service);
		service_become_connected(service);
		service_release(service);
	}
	/* Last: what frees an owned value is the program's, and may free the service. */
	plait_result_drop(&result);
	return plait_value(NULL);
}

static struct plait_result on_prepare_failed(struct plait_result result, void *arg)
{
	struct plait_service *service = end_preparation(arg);
	if (service) {
		service_move(service, SERVICE_REJECTING);
		service->rejected = plait_failure_ref(result.failure);
		plait_close(service->conn);
	}
	plait_result_drop(&result);
	return plait_value(NULL);
}

void service_prepare(struct plait_service *service, struct plait_deferred *deferred)
{
	struct preparation *preparation = alloc_zeroed(sizeof(*preparation), "a connection's preparation");
	*preparation = (struct preparation){ .service = service, .deferred = deferred };
	service->preparation = preparation;
	/* Which may end it at once. */
	plait_deferred_ref(deferred);
	plait_add_callbacks(deferred, on_prepared, on_prepare_failed, preparation);
	plait_deferred_unref(&deferred);
}
