/* TLS contexts, whose generations change while they serve. */
#include "core/net/tls/context.h"

#include <stdlib.h>
#include <string.h>

struct tls_context *tls_context_new(const struct tls_settings *settings, const char *path,
				    struct problems *problems)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	if (!context) {
		problems_add(problems, path, "no memory for a TLS context");
		return NULL;
	}
	context->settings = settings;
	pthread_mutex_init(&context->lock, NULL);
	context->path = strdup(path);
	context->sessions = tls_sessions_new(settings);
	if (context->path && context->sessions)
		context->current = tls_generation_new(settings, context->sessions, path, problems);
	else
		problems_add(problems, path, "no memory for a TLS context");
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

struct tls_generation *tls_context_renew(struct tls_context *context, struct problems *problems)
{
	return tls_generation_new(context->settings, context->sessions, context->path, problems);
}

void tls_context_adopt(struct tls_context *context, struct tls_generation **fresh)
{
	pthread_mutex_lock(&context->lock);
	struct tls_generation *old = context->current;
	context->current = *fresh;
	*fresh = NULL;
	pthread_mutex_unlock(&context->lock);
	tls_generation_unref(&old);
}
