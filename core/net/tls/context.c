/* TLS contexts, whose generations change while they serve. */
#include "core/net/tls/context.h"

#include <stdlib.h>
#include <string.h>

/* tls_context_free takes what there is. */
static int fill(struct tls_context *context, const char *path)
{
	pthread_mutex_init(&context->lock, NULL);
	context->path = strdup(path);
	context->sessions = tls_sessions_new(context->settings);
	if (!context->path || !context->sessions)
		return -1;
	return tls_stamps_init(&context->stamps, context->settings);
}

struct tls_context *tls_context_new(const struct tls_settings *settings, const char *path,
				    struct problems *problems)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	if (context)
		context->settings = settings;
	if (!context || fill(context, path) < 0) {
		problems_add(problems, path, "no memory for a TLS context");
		tls_context_free(&context);
		return NULL;
	}
	tls_stamps_begin(&context->stamps);
	tls_generation_new(settings, context->sessions, path, problems, &context->current);
	tls_stamps_done(&context->stamps);
	if (!context->current)
		tls_context_free(&context);
	return context;
}

void tls_context_free(struct tls_context **context_at)
{
	struct tls_context *context = *context_at;
	*context_at = NULL;
	if (!context)
		return;
	tls_generation_unref(&context->current);
	tls_sessions_unref(&context->sessions);
	tls_stamps_fini(&context->stamps);
	pthread_mutex_destroy(&context->lock);
	free(context->path);
	free(context);
}

struct tls_generation *tls_context_current(struct tls_context *context)
{
	pthread_mutex_lock(&context->lock);
	struct tls_generation *generation = tls_generation_ref(context->current);
	pthread_mutex_unlock(&context->lock);
	return generation;
}

bool tls_context_watched(const struct tls_context *context)
{
	return context->settings->reload == TLS_RELOAD_WATCH;
}

bool tls_context_look(struct tls_context *context)
{
	return tls_stamps_look(&context->stamps);
}

/* Of files that are as they were when reading them failed, nothing better is to be expected; unless it was not for them. */
struct tls_generation *tls_context_renew(struct tls_context *context, struct problems *problems)
{
	tls_stamps_begin(&context->stamps);
	struct tls_generation *fresh;
	int result = tls_generation_new(context->settings, context->sessions, context->path, problems,
					&fresh);
	if (result == PLAIT_ERROR_SYSTEM || result == PLAIT_ERROR_MEMORY)
		tls_stamps_wait(&context->stamps);
	else if (result < 0)
		tls_stamps_done(&context->stamps);
	if (result < 0)
		atomic_fetch_add(&context->failed_renewals, 1);
	return fresh;
}

void tls_context_adopt(struct tls_context *context, struct tls_generation **fresh)
{
	pthread_mutex_lock(&context->lock);
	struct tls_generation *old = context->current;
	context->current = *fresh;
	*fresh = NULL;
	pthread_mutex_unlock(&context->lock);
	tls_generation_unref(&old);
	tls_stamps_done(&context->stamps);
	atomic_fetch_add(&context->renewals, 1);
}

const char *tls_context_path(const struct tls_context *context)
{
	return context->path;
}

void tls_context_status(struct tls_context *context, struct tls_status *status)
{
	struct tls_generation *generation = tls_context_current(context);
	*status = (struct tls_status){
		.renewals = atomic_load(&context->renewals),
		.failed_renewals = atomic_load(&context->failed_renewals),
		.made = generation->made,
		.served_count = generation->served_count,
	};
	memcpy(status->served, generation->served, sizeof(status->served));
	tls_generation_unref(&generation);
}
