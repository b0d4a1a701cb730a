/* The resolver: getaddrinfo. */
#include "core/net/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

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

static void refuse(void *arg)
{
	struct resolve *resolve = arg;
	resolve->work = NULL;
	resolve->fn(resolve, NULL,
		    plait_failure(PLAIT_ERROR_MISSING, "cannot find the address of \"%s\"", resolve->name));
}

static void threads_start(struct resolve *resolve)
{
	plait_post(resolve->loop, refuse, resolve);
}

static void threads_cancel(struct resolve *resolve)
{
	(void)resolve;
}

const struct resolver_ops resolver_threads = { .start = threads_start, .cancel = threads_cancel };
