/* Renewal of TLS contexts while they serve: their files are read anew, and what they come to is taken into use, whole or
 * not at all. */
#ifndef SERVER_RENEW_H
#define SERVER_RENEW_H

#include <stdatomic.h>
#include <time.h>

#include "core/net/tls/tls.h"

/* Read by anyone. What each context did is in its tls_status. */
struct renewal_counters {
	atomic_ullong renewals; /* a signal's or a change's, whatever number of contexts it was about */
	atomic_ullong failed;   /* what was read was not good, so nothing was taken into use */
};

struct renewal;

/* Aborts when there is no memory. */
struct renewal *renewal_new(void);
void renewal_free(struct renewal **renewal);

/* context, which must be there as long as this, is from here on one of those that are renewed. Any thread; waits for
 * files that are being read. */
void renewal_add(struct renewal *renewal, struct tls_context *context);

/* It is not renewed any more. Any thread, not between renewal_prepare and what follows it. */
void renewal_remove(struct renewal *renewal, const struct tls_context *context);

/* In two steps, for who has more to change with the contexts, or nothing: renewal_prepare reads those for which wanted(context,
 * arg) is true (NULL: all of them), and is followed by renewal_commit when it returned 0, or renewal_abandon in any case.
 * One at a time; between them others may renew other contexts, and add some. A negative code with every error added to
 * problems. On the reactor's thread; it reads files. */
typedef bool renewal_wanted_fn(const struct tls_context *context, const void *arg);
int renewal_prepare(struct renewal *renewal, renewal_wanted_fn *wanted, const void *arg,
		    struct problems *problems);
void renewal_commit(struct renewal *renewal);
void renewal_abandon(struct renewal *renewal);

/* All or none, and the log says what came of it. 0, or a negative code. Any thread; it reads files. */
int renewal_all(struct renewal *renewal);

/* One that was added; errors are the caller's to log. 0, or a negative code with error filled. Any thread; it reads
 * files. */
int renewal_one(struct renewal *renewal, struct tls_context *context, struct plait_error *error);

/* Once a second: renews each watched context whose files have changed and come to rest, and warns of certificates that
 * are about to expire. Any thread; it may read files. */
void renewal_look(struct renewal *renewal, time_t now);

const struct renewal_counters *renewal_counters(const struct renewal *renewal);

#endif
