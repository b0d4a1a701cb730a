/* Services: a client that keeps its connection. When connecting fails, or the connection is lost, it connects again,
 * later and later. All on its loop. */
#ifndef PLAIT_SERVICE_H
#define PLAIT_SERVICE_H

#include <stdint.h>

#include <plait/abi.h>
#include <plait/client.h>

struct plait_service;

/* {0}: the defaults. */
struct plait_service_options {
	uint64_t initial_delay_ms; /* before it connects again; 0: 1 s */
	uint64_t max_delay_ms;     /* 0: 60 s */
	double factor;             /* by which a delay is longer than the one before; 0: 1.5 */
	double jitter; /* the share of a delay by which chance makes it longer or shorter; 0: 0.1; negative: none */
	unsigned max_retries; /* after so many in vain it gives up; 0: never */
	uint64_t
		steady_ms; /* how long a connection must last to end the row of failures; 0: made is enough */

	/* The delay after so many failures in a row, at least one, instead of all that; NULL: none. */
	uint64_t (*delay)(unsigned failures, void *arg);

	/* A connection was made; what it returns must succeed before anybody is given the connection. NULL: nothing is to be
	 * waited for. A failure is one of the attempt, and the connection is closed. One that is lost meanwhile cancels it. */
	struct plait_deferred *(*prepare)(struct plait_conn *conn, void *arg);

	/* After max_retries: it is stopped; failure, the last one, is borrowed. It may be started again. */
	void (*gave_up)(struct plait_service *service, struct plait_failure *failure, void *arg);

	void *arg; /* of these three */
};

/* Not started. Both options may be NULL, and are copied. Calls factory_start. NULL with error filled. */
PLAIT_EXPORT struct plait_service *plait_service_new(struct plait_loop *loop, const char *endpoint,
						     const struct plait_protocol *protocol,
						     const struct plait_client_options *options,
						     const struct plait_service_options *service_options,
						     struct plait_error *error);

/* One that runs is ended at once, and its connection closed; Deferreds of it that have not fired fail with
 * PLAIT_ERROR_CANCELLED. Also on another thread, when the loop has stopped, before it is freed. */
PLAIT_EXPORT void plait_service_free(struct plait_service **service);

/* Connects, and goes on until it is stopped; one that runs goes on as it is, one that stops starts again after that. 0, or
 * PLAIT_ERROR_CLOSING when the loop is stopping. */
PLAIT_EXPORT int plait_service_start(struct plait_service *service);

/* At any moment. The Deferred's value, NULL, comes when the connection, which is closed in order, is lost. Who waits to be
 * connected gets PLAIT_ERROR_CANCELLED. The end of the loop stops it, too, and then it does not start again. */
PLAIT_EXPORT struct plait_deferred *plait_service_stop(struct plait_service *service);

/* The struct plait_conn *, as soon as there is one that is prepared. Fails after so many failed attempts (0: never), or when
 * the service is stopped; one that was never started is waited for, too. May be cancelled. */
PLAIT_EXPORT struct plait_deferred *plait_service_when_connected(struct plait_service *service,
								 unsigned fail_after);

/* The prepared connection, or NULL. */
PLAIT_EXPORT struct plait_conn *plait_service_conn(const struct plait_service *service);

#endif
