/* The bounded set of TLS connections whose buffers are kept. */
#include "core/net/tls/warm.h"

#include <openssl/ssl.h>
#include <stdlib.h>

#include "core/base/container.h"
#include "core/net/net.h"
#include "core/net/tls/conn.h"

/* 17 MB a loop at most. */
#define MEMBERS_MAX 512

/* Who is used again within so long is in, who is not is out. */
#define COLD_MS 1000

struct tls_warm {
	struct plait_loop *loop;
	struct timer timer; /* runs while there are members */
	unsigned count;
	struct tls_conn *members[MEMBERS_MAX];
};

static bool is_cold(const struct tls_conn *conn, uint32_t now_ms)
{
	return now_ms - conn->used_ms >= COLD_MS;
}

static void enter(struct tls_warm *warm, struct tls_conn *conn)
{
	SSL_clear_mode(conn->ssl, SSL_MODE_RELEASE_BUFFERS);
	if (warm->count == 0)
		loop_start_timer(warm->loop, &warm->timer, loop_now(warm->loop) + COLD_MS);
	warm->members[warm->count++] = conn;
	conn->slot = (uint16_t)warm->count;
}

void tls_warm_remove(struct tls_conn *conn)
{
	struct tls_warm *warm = conn->warm;
	if (conn->slot == 0)
		return;
	struct tls_conn *last = warm->members[--warm->count];
	warm->members[conn->slot - 1] = last;
	last->slot = conn->slot;
	conn->slot = 0;
	if (warm->count == 0)
		loop_stop_timer(warm->loop, &warm->timer);
}

/* Buffers that hold something are kept until it is read or sent: then OpenSSL frees them. */
static void cool(struct tls_conn *conn)
{
	SSL_set_mode(conn->ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_free_buffers(conn->ssl);
	tls_warm_remove(conn);
}

static void on_timer(struct timer *timer)
{
	struct tls_warm *warm = CONTAINER_OF(timer, struct tls_warm, timer);
	uint64_t now_ms = loop_now(warm->loop);
	for (unsigned i = warm->count; i-- > 0;)
		if (is_cold(warm->members[i], (uint32_t)now_ms))
			cool(warm->members[i]);
	if (warm->count > 0)
		loop_start_timer(warm->loop, &warm->timer, now_ms + COLD_MS);
}

struct tls_warm *tls_warm_of(struct plait_loop *loop)
{
	struct net *net = loop->net;
	if (!net)
		return NULL;
	if (!net->tls_warm) {
		net->tls_warm = calloc(1, sizeof(*net->tls_warm));
		if (!net->tls_warm)
			return NULL;
		net->tls_warm->loop = loop;
		timer_init(&net->tls_warm->timer, on_timer);
	}
	return net->tls_warm;
}

void tls_warm_free(struct tls_warm **warm)
{
	free(*warm);
	*warm = NULL;
}

uint64_t tls_warm_now(const struct tls_warm *warm)
{
	return loop_now(warm->loop);
}

/* What happens in one turn, like a request and its answer, is one use. */
void tls_warm_use(struct tls_conn *conn)
{
	struct tls_warm *warm = conn->warm;
	if (!warm)
		return;
	uint32_t now_ms = (uint32_t)loop_now(warm->loop);
	if (now_ms == conn->used_ms)
		return;
	if (conn->slot == 0 && !is_cold(conn, now_ms) && warm->count < MEMBERS_MAX)
		enter(warm, conn);
	conn->used_ms = now_ms;
}
