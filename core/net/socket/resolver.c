/* The resolver: getaddrinfo, in a thread of the pool. */
#include "core/net/socket/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <plait/threads.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/system_text.h"
#include "core/loop/loop.h"
#include "core/net/net.h"

/* 0 or getaddrinfo's error. */
static int look_up(const char *name, uint16_t port, int flags, struct socket_addresses *out)
{
	struct addrinfo hints = { .ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char service[8];
	memset(out, 0, sizeof(*out));
	snprintf(service, sizeof(service), "%u", port);
	int failure = getaddrinfo(name, service, &hints, &found);
	for (struct addrinfo *info = found; info && out->count < SOCKET_ADDRESSES_MAX; info = info->ai_next) {
		memcpy(&out->items[out->count].sa, info->ai_addr, info->ai_addrlen);
		out->items[out->count++].len = info->ai_addrlen;
	}
	if (found)
		freeaddrinfo(found);
	return failure == 0 && out->count == 0 ? EAI_NONAME : failure;
}

bool resolver_literal(const char *name, uint16_t port, struct socket_addresses *out)
{
	return look_up(name, port, AI_NUMERICHOST, out) == 0;
}

void resolve_start(struct resolve *resolve, struct plait_loop *loop, const char *name, uint16_t port,
		   resolve_fn *fn)
{
	*resolve = (struct resolve){
		.ops = loop->net->resolver, .loop = loop, .name = name, .port = port, .fn = fn
	};
	resolve->ops->start(resolve);
}

void resolve_cancel(struct resolve *resolve)
{
	resolve->ops->cancel(resolve);
}

/* ---- by threads ---- */

/* The thread's: who asked may have gone when it is done. */
struct job {
	uint16_t port;
	char name[];
};

static struct plait_result run_job(void *arg)
{
	struct job *job = arg;
	struct plait_result result;
	struct socket_addresses *found = malloc(sizeof(*found));
	int failure = found ? look_up(job->name, job->port, 0, found) : EAI_MEMORY;
	if (failure)
		result = plait_failed(
			plait_failure(PLAIT_ERROR_MISSING, "cannot find the address of \"%s\": %s", job->name,
				      failure == EAI_SYSTEM ? system_text(errno) : gai_strerror(failure)));
	else
		result = plait_owned(found, free);
	if (failure)
		free(found);
	free(job);
	return result;
}

/* What the resolver keeps while a question stands is its Deferred; NULL: nobody wants the answer. */
static struct plait_result on_answer(struct plait_result result, void *arg)
{
	struct resolve *resolve = arg;
	struct plait_deferred *deferred = resolve->work;
	resolve->work = NULL;
	if (deferred) {
		struct plait_failure *failure = result.failure;
		result.failure = NULL;
		resolve->fn(resolve, result.value, failure);
	}
	plait_deferred_unref(&deferred);
	plait_result_drop(&result);
	return plait_value(NULL);
}

static void threads_start(struct resolve *resolve)
{
	size_t size = strlen(resolve->name) + 1;
	struct job *job = alloc_zeroed(sizeof(*job) + size, "a name");
	job->port = resolve->port;
	memcpy(job->name, resolve->name, size);
	struct plait_deferred *deferred = plait_defer_to_thread_owned(resolve->loop, run_job, job, free);
	resolve->work = deferred;
	plait_add_both(deferred, on_answer, resolve);
}

static void threads_cancel(struct resolve *resolve)
{
	struct plait_deferred *deferred = resolve->work;
	resolve->work = NULL;
	plait_deferred_cancel(deferred); /* on_answer is called, and sees that */
	plait_deferred_unref(&deferred);
}

const struct resolver_ops resolver_threads = { .start = threads_start, .cancel = threads_cancel };
