/* Warnings of certificates that are served and about to expire. */
#ifndef SERVER_EXPIRY_H
#define SERVER_EXPIRY_H

#include <time.h>

#include "core/net/tls/tls.h"

/* Of one context; zeroed when that has certificates of which nothing was told yet. */
struct expiry {
	time_t told; /* when the last warning was; 0: there was none */
};

/* Warns a week before a certificate expires, or in the last quarter of its life when that is later, and once a day from
 * then on. Who read it has told of one that had expired by then, so the next warning of that comes a day later. Returns how
 * many it warned of. */
unsigned expiry_look(struct expiry *expiry, struct tls_context *context, time_t now);

#endif
