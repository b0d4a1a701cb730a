/* Reading contexts anew, taking them into use, and saying so. */
#include "core/server/renew.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/server/expiry.h"

/* A certificate's end is looked for so often. */
#define EXPIRY_SECONDS 60

struct item {
	struct item *next;
	struct tls_context *context;
	struct tls_generation *fresh; /* read, and not yet in use; NULL: none */
	struct tls_generation *old;   /* in use until just now; NULL: none */
	struct expiry expiry;
};

struct renewal {
	struct renewal_counters counters;
	pthread_mutex_t lock; /* of what follows, and of the reading of the contexts */
	struct item *first;
	time_t looked; /* at certificates' ends */
};

struct renewal *renewal_new(void)
{
	struct renewal *renewal = alloc_zeroed(sizeof(*renewal), "certificates' renewal");
	pthread_mutex_init(&renewal->lock, NULL);
	return renewal;
}

void renewal_free(struct renewal **renewal_at)
{
	struct renewal *renewal = *renewal_at;
	*renewal_at = NULL;
	if (!renewal)
		return;
	while (renewal->first) {
		struct item *item = renewal->first;
		renewal->first = item->next;
		free(item);
	}
	pthread_mutex_destroy(&renewal->lock);
	free(renewal);
}

void renewal_add(struct renewal *renewal, struct tls_context *context)
{
	struct item *item = alloc_zeroed(sizeof(*item), "a certificate's renewal");
	item->context = context;
	pthread_mutex_lock(&renewal->lock);
	struct item **end = &renewal->first;
	while (*end)
		end = &(*end)->next;
	*end = item;
	pthread_mutex_unlock(&renewal->lock);
}

void renewal_remove(struct renewal *renewal, const struct tls_context *context)
{
	pthread_mutex_lock(&renewal->lock);
	struct item **at = &renewal->first;
	while (*at && (*at)->context != context)
		at = &(*at)->next;
	struct item *item = *at;
	if (item)
		*at = item->next;
	pthread_mutex_unlock(&renewal->lock);
	free(item);
}

/* ---- what has changed ---- */

static const struct tls_served *find_kind(const struct tls_generation *generation, int kind)
{
	unsigned count;
	const struct tls_served *served = tls_generation_served(generation, &count);
	for (unsigned i = 0; i < count; i++)
		if (served[i].kind == kind)
			return &served[i];
	return NULL;
}

/* Which certificate it took the place of: the one for a key of its kind, else one whose kind is not served any more. */
static const struct tls_served *find_former(const struct tls_generation *old,
					    const struct tls_generation *current, int kind)
{
	unsigned count;
	const struct tls_served *served = tls_generation_served(old, &count);
	const struct tls_served *former = find_kind(old, kind);
	for (unsigned i = 0; i < count && !former; i++)
		if (!find_kind(current, served[i].kind))
			former = &served[i];
	return former;
}

static void tell_certificate(const char *path, const struct tls_served *served, const struct tls_served *was)
{
	char text[TLS_SERVED_TEXT_SIZE], old[TLS_SERVED_TEXT_SIZE];
	tls_served_text(served, text);
	if (!was)
		log_answer(PLAIT_LOG_INFO, NULL, "%s: renewed; in addition %s", path, text);
	else if (memcmp(was->digest, served->digest, sizeof(was->digest)) == 0)
		log_answer(PLAIT_LOG_INFO, NULL, "%s: renewed; still %s", path, text);
	else
		log_answer(PLAIT_LOG_INFO, NULL, "%s: renewed; %s, in place of %s", path, text,
			   tls_served_text(was, old));
}

static void tell_change(const struct tls_context *context, const struct tls_generation *old,
			const struct tls_generation *current)
{
	unsigned count;
	const struct tls_served *served = tls_generation_served(current, &count);
	for (unsigned i = 0; i < count; i++)
		tell_certificate(tls_context_path(context), &served[i],
				 find_former(old, current, served[i].kind));
}

/* With of a list's errors the first in error, if it is given, and the others in the log. */
static void tell_problems(const struct problems *problems, struct plait_error *error)
{
	bool told = !error;
	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *problem = &problems->items[i];
		const char *path = problem->path ? problem->path : "tls";
		if (!told && !problem->warning) {
			plait_error_set(error, PLAIT_ERROR_INVALID, path, "%s", problem->text);
			told = true;
			continue;
		}
		log_answer(problem->warning ? PLAIT_LOG_WARNING : PLAIT_LOG_ERROR, NULL, "%s: %s", path,
			   problem->text);
	}
	if (problems->omitted > 0)
		log_answer(PLAIT_LOG_ERROR, NULL, "... and %zu more", problems->omitted);
}

/* ---- under the lock ---- */

static int read_item(struct item *item, struct problems *problems)
{
	item->fresh = tls_context_renew(item->context, problems);
	return item->fresh ? 0 : PLAIT_ERROR_INVALID;
}

static int read_all(struct renewal *renewal, renewal_wanted_fn *wanted, const void *arg,
		    struct problems *problems)
{
	int result = 0;
	for (struct item *item = renewal->first; item; item = item->next)
		if ((!wanted || wanted(item->context, arg)) && read_item(item, problems) < 0)
			result = PLAIT_ERROR_INVALID;
	if (result < 0)
		atomic_fetch_add(&renewal->counters.failed, 1);
	return result;
}

/* Takes what was read into use, and only then talks about it. only: of that one; NULL: of all. */
static void commit(struct renewal *renewal, const struct item *only)
{
	bool any = false;
	for (struct item *item = renewal->first; item; item = item->next) {
		if (!item->fresh || (only && item != only))
			continue;
		item->old = tls_context_current(item->context);
		tls_context_adopt(item->context, &item->fresh);
		item->expiry = (struct expiry){ 0 };
		any = true;
	}
	if (any)
		atomic_fetch_add(&renewal->counters.renewals, 1);
	for (struct item *item = renewal->first; item; item = item->next) {
		if (!item->old)
			continue;
		struct tls_generation *current = tls_context_current(item->context);
		tell_change(item->context, item->old, current);
		tls_generation_unref(&current);
		tls_generation_unref(&item->old);
	}
}

static void abandon(struct renewal *renewal)
{
	for (struct item *item = renewal->first; item; item = item->next)
		tls_generation_unref(&item->fresh);
}

/* What others have read, and wait to take into use, stays as it is. error as in tell_problems. */
static int renew_item(struct renewal *renewal, struct item *item, struct plait_error *error)
{
	struct problems problems;
	problems_init(&problems);
	int result = read_item(item, &problems);
	tell_problems(&problems, error);
	problems_fini(&problems);
	if (result == 0)
		commit(renewal, item);
	else
		atomic_fetch_add(&renewal->counters.failed, 1);
	return result;
}

static void look_at_files(struct renewal *renewal, struct item *item)
{
	if (!tls_context_watched(item->context) || !tls_context_look(item->context) ||
	    renew_item(renewal, item, NULL) == 0)
		return;
	log_answer(
		PLAIT_LOG_ERROR, NULL,
		"%s: not renewed, what was read before stays in use; its files are read again when they change, or "
		"soon if only descriptors or memory were wanting",
		tls_context_path(item->context));
}

/* ---- for others ---- */

int renewal_prepare(struct renewal *renewal, renewal_wanted_fn *wanted, const void *arg,
		    struct problems *problems)
{
	pthread_mutex_lock(&renewal->lock);
	int result = read_all(renewal, wanted, arg, problems);
	pthread_mutex_unlock(&renewal->lock);
	return result;
}

void renewal_commit(struct renewal *renewal)
{
	pthread_mutex_lock(&renewal->lock);
	commit(renewal, NULL);
	pthread_mutex_unlock(&renewal->lock);
}

void renewal_abandon(struct renewal *renewal)
{
	pthread_mutex_lock(&renewal->lock);
	abandon(renewal);
	pthread_mutex_unlock(&renewal->lock);
}

int renewal_all(struct renewal *renewal)
{
	struct problems problems;
	problems_init(&problems);
	pthread_mutex_lock(&renewal->lock);
	int result = read_all(renewal, NULL, NULL, &problems);
	if (!renewal->first)
		log_answer(PLAIT_LOG_INFO, NULL, "tls: there is no context to renew");
	tell_problems(&problems, NULL);
	if (result == 0)
		commit(renewal, NULL);
	else
		abandon(renewal);
	pthread_mutex_unlock(&renewal->lock);
	if (result < 0)
		log_answer(
			PLAIT_LOG_ERROR, NULL,
			"tls: nothing was renewed, all that was read before stays in use; correct the %zu error%s "
			"above, then send SIGHUP again",
			problems.errors, problems.errors == 1 ? "" : "s");
	problems_fini(&problems);
	return result;
}

int renewal_one(struct renewal *renewal, struct tls_context *context, struct plait_error *error)
{
	struct plait_error unused;
	pthread_mutex_lock(&renewal->lock);
	struct item *item = renewal->first;
	while (item && item->context != context)
		item = item->next;
	int result = item ? renew_item(renewal, item, error ? error : &unused) : PLAIT_ERROR_GONE;
	pthread_mutex_unlock(&renewal->lock);
	return result;
}

void renewal_look(struct renewal *renewal, time_t now)
{
	pthread_mutex_lock(&renewal->lock);
	bool ends = now < renewal->looked || now - renewal->looked >= EXPIRY_SECONDS;
	if (ends)
		renewal->looked = now;
	for (struct item *item = renewal->first; item; item = item->next) {
		look_at_files(renewal, item);
		if (ends)
			expiry_look(&item->expiry, item->context, now);
	}
	pthread_mutex_unlock(&renewal->lock);
}

const struct renewal_counters *renewal_counters(const struct renewal *renewal)
{
	return &renewal->counters;
}
