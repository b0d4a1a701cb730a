/* A service from the inside. Its parts: service.c (what programs tell it), service_run.c (what happens to it),
 * service_prepare.c, service_wait.c (who waits for it), backoff.c. */
#ifndef NET_CLIENT_SERVICE_H
#define NET_CLIENT_SERVICE_H

#include <plait/service.h>

#include "core/net/client/backoff.h"
#include "core/net/client/link.h"
#include "core/net/net.h"

enum service_state {
	SERVICE_NEW, /* never started */
	SERVICE_STOPPED,
	SERVICE_CONNECTING,
	SERVICE_PREPARING,
	SERVICE_CONNECTED,
	SERVICE_REJECTING, /* preparing failed: until the connection is lost */
	SERVICE_WAITING,   /* to connect again */
	SERVICE_STOPPING,  /* until the connection is lost */
	SERVICE_RESTARTING /* the same, and then connects */
};

struct preparation;

/* Somebody's Deferred, until it is fired or cancelled. */
struct service_waiter {
	struct service_waiter *next, **at;
	struct plait_deferred *deferred; /* one reference */
	unsigned left;                   /* failures before it fails; 0: any number */
};

struct plait_service {
	unsigned references; /* the program's, and one of each call that calls out */
	enum service_state state;
	struct client *client;
	struct plait_service_options options;
	struct backoff backoff;
	struct link_user user;
	struct link *link;
	struct plait_conn *conn;
	uint64_t made_ms;
	unsigned failures; /* in a row */
	struct net_pending pending;
	struct timer retry;
	struct preparation *preparation;
	struct plait_failure *rejected; /* why, of SERVICE_REJECTING */
	struct service_waiter *connected_waiters, *stopped_waiters;
};

static inline struct plait_loop *service_loop(const struct plait_service *service)
{
	return service->client->loop;
}

/* service_run.c */
void service_init(struct plait_service *service); /* its callbacks */

/* Moves the state; only along the table of allowed moves. */
void service_move(struct plait_service *service, enum service_state next);

/* Between these, what is called may free the service. */
void service_hold(struct plait_service *service);
void service_release(struct plait_service *service);

void service_connect(struct plait_service *service);
void service_become_connected(struct plait_service *service); /* calls out */
void service_become_stopped(struct plait_service *service);   /* nothing is under way any more; calls out */

/* service_prepare.c */

/* Waits for the Deferred, which is given; it may have its result. Calls out. */
void service_prepare(struct plait_service *service, struct plait_deferred *deferred);

/* It is waited for no more; then it is to be cancelled, which calls out. NULL: there is none. */
struct preparation *service_take_preparation(struct plait_service *service);
void service_cancel_preparation(struct preparation *preparation);

/* service_wait.c. Each of them that fires calls out. */

/* A Deferred for the list, of which one reference is the caller's. */
struct plait_deferred *service_wait(struct service_waiter **list, unsigned left);

/* Fires all that wait now with that value. */
void service_tell(struct service_waiter **list, void *value);

/* Fails those whose patience ends with one more failure, or all; failure is borrowed. */
void service_tell_failure(struct service_waiter **list, struct plait_failure *failure, bool all);

#endif
