/* A TLS context: what the configuration names, with its current generation. */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/net/tls/generation.h"
#include "core/net/tls/sessions.h"
#include "core/net/tls/stamps.h"
#include "core/net/tls/tls.h"

struct tls_context {
	const struct tls_settings *settings;
	char *path;               /* where they stand in the configuration */
	struct tls_stamps stamps; /* of who reads them: one thread at a time */
	struct tls_sessions *sessions;
	atomic_ullong renewals, failed_renewals;
	pthread_mutex_t lock; /* of what follows */
	struct tls_generation *current;
};

#endif
