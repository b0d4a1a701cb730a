/* Reading a PROXY header from a socket: looked at first, and taken as far as it surely is one. */
#include "core/net/proxy/preamble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/addr.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/net/factory.h"
#include "core/net/famine.h"
#include "core/net/reason.h"
#include "core/net/transport/transport.h"

/* How soon to look again at bytes that must stay in the socket, where they would wake us without end. */
#define AGAIN_MS 10

static void on_free(struct task *task)
{
	free(CONTAINER_OF(task, struct preamble, task));
}

/* Out of the loop; returns the socket. */
static int leave(struct preamble *preamble)
{
	int fd = preamble->fd;
	preamble->fd = -1;
	watch_set(&preamble->watch, WATCH_NONE);
	loop_stop_timer(preamble->options.loop, &preamble->timer);
	net_remove_pending(&preamble->pending);
	*preamble->at = preamble->next;
	if (preamble->next)
		preamble->next->at = preamble->at;
	buffer_fini(&preamble->have);
	task_init(&preamble->task, on_free);
	loop_defer(preamble->options.loop, &preamble->task);
	return fd;
}

static void end(struct preamble *preamble, enum plait_reason reason, const char *text)
{
	const struct preamble_options *options = &preamble->options;
	struct log_subject subject = { .listener = options->factory->name, .peer = &options->peer };
	log_write(plait_reason_is_error(reason) ? PLAIT_LOG_WARNING : PLAIT_LOG_DEBUG, &subject,
		  "%s: %s, in its PROXY header", plait_reason_name(reason),
		  text ? text : plait_reason_text(reason));
	counter_add(&options->loop->net->counters.closed[reason], 1);
	int fd = leave(preamble);
	if (reason_resets(reason))
		transport_socket_reset(fd);
	else
		famine_close(fd);
	options->fn(preamble, -1, NULL);
}

static void pass(struct preamble *preamble, struct proxy_told *told)
{
	int fd = leave(preamble);
	preamble->options.fn(preamble, fd, told);
}

static void local_address(int fd, struct plait_addr *out)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		addr_from_sockaddr((struct sockaddr *)&sa, len, out);
}

/* They were seen there. */
static bool take(struct preamble *preamble, uint8_t *to, size_t len)
{
	size_t took = 0;
	while (took < len) {
		ssize_t got = recv(preamble->fd, to + took, len - took, 0);
		if (got > 0)
			took += (size_t)got;
		else if (got == 0 || errno != EINTR)
			return false;
	}
	return true;
}

static void header_is_done(struct preamble *preamble, const struct proxy_header *header, uint8_t *data)
{
	size_t had = buffer_size(&preamble->have);
	struct proxy_told *told = proxy_told_new(header, data);
	if (!told) {
		end(preamble, PLAIT_REASON_INTERNAL, "no memory for it");
	} else if (!take(preamble, data + had, header->len - had)) {
		free(told);
		end(preamble, PLAIT_REASON_RESET, NULL);
	} else {
		told->shown.real_peer = preamble->options.peer;
		local_address(preamble->fd, &told->shown.real_local);
		pass(preamble, told);
	}
}

static bool wait(struct preamble *preamble)
{
	struct plait_loop *loop = preamble->options.loop;
	if (watch_set(&preamble->watch, WATCH_READ) < 0)
		return false;
	loop_start_timer(loop, &preamble->timer, preamble->deadline_ms);
	return true;
}

/* len bytes more are there, and it takes others to tell. */
static void wait_for_more(struct preamble *preamble, const struct proxy_header *header, uint8_t *fresh,
			  size_t len)
{
	struct plait_loop *loop = preamble->options.loop;
	if (header->begun || preamble->options.required) {
		if (!take(preamble, fresh, len))
			end(preamble, PLAIT_REASON_RESET, NULL);
		else if (buffer_append(&preamble->have, fresh, len) < 0 || !wait(preamble))
			end(preamble, PLAIT_REASON_INTERNAL, "no memory for it");
		return;
	}
	uint64_t again = loop_now(loop) + AGAIN_MS;
	watch_set(&preamble->watch, WATCH_NONE);
	loop_start_timer(loop, &preamble->timer,
			 again < preamble->deadline_ms ? again : preamble->deadline_ms);
}

static void judge(struct preamble *preamble, uint8_t *data, size_t fresh)
{
	size_t had = buffer_size(&preamble->have);
	struct proxy_header header;
	switch (proxy_header_read(data, had + fresh, &header)) {
	case PROXY_DONE: header_is_done(preamble, &header, data); break;
	case PROXY_MORE: wait_for_more(preamble, &header, data + had, fresh); break;
	case PROXY_NONE:
		if (preamble->options.required)
			end(preamble, PLAIT_REASON_PROXY_HEADER, "it begins without one");
		else
			pass(preamble, NULL);
		break;
	case PROXY_BROKEN:
	default: end(preamble, PLAIT_REASON_PROXY_HEADER, header.fault);
	}
}

/* Who connects and goes, like a health check, did nothing wrong. */
static void on_end(struct preamble *preamble)
{
	if (buffer_size(&preamble->have) > 0)
		end(preamble, PLAIT_REASON_PROXY_HEADER, "it ends in the middle");
	else
		end(preamble, PLAIT_REASON_PEER_CLOSED, NULL);
}

static void look(struct preamble *preamble)
{
	uint8_t *data = preamble->options.loop->input;
	size_t had = buffer_size(&preamble->have);
	ssize_t got;
	if (had > 0)
		memcpy(data, buffer_data(&preamble->have), had);
	do
		got = recv(preamble->fd, data + had, PROXY_HEADER_MAX - had, MSG_PEEK);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		judge(preamble, data, (size_t)got);
	else if (got == 0)
		on_end(preamble);
	else if (errno != EAGAIN)
		end(preamble, PLAIT_REASON_RESET, strerror(errno));
	else if (!wait(preamble)) /* who looks again after a while watches nothing meanwhile */
		end(preamble, PLAIT_REASON_INTERNAL, "no memory for it");
}

static void on_ready(struct watch *watch, unsigned ready)
{
	(void)ready;
	look(CONTAINER_OF(watch, struct preamble, watch));
}

static void on_timer(struct timer *timer)
{
	struct preamble *preamble = CONTAINER_OF(timer, struct preamble, timer);
	if (loop_now(preamble->options.loop) >= preamble->deadline_ms)
		end(preamble, PLAIT_REASON_TIMEOUT_PREAMBLE, NULL);
	else
		look(preamble);
}

static void on_stop(struct net_pending *pending)
{
	end(CONTAINER_OF(pending, struct preamble, pending), PLAIT_REASON_DRAIN, NULL);
}

bool preamble_start(const struct preamble_options *options, int fd)
{
	struct preamble *preamble = calloc(1, sizeof(*preamble));
	struct plait_loop *loop = options->loop;
	if (!preamble) {
		transport_socket_reset(fd);
		return false;
	}
	preamble->options = *options;
	preamble->fd = fd;
	preamble->deadline_ms = timer_after(loop_now(loop), options->factory->settings->timeouts.preamble_ms);
	preamble->pending.stop = on_stop;
	watch_init(&preamble->watch, loop, fd, on_ready);
	timer_init(&preamble->timer, on_timer);
	if (!wait(preamble)) {
		transport_socket_reset(fd);
		free(preamble);
		return false;
	}
	net_add_pending(loop->net, &preamble->pending);
	preamble->at = options->list;
	preamble->next = *options->list;
	if (preamble->next)
		preamble->next->at = &preamble->next;
	*options->list = preamble;
	return true;
}

size_t preamble_end_all(struct preamble **list)
{
	size_t count = 0;
	for (; *list; count++)
		end(*list, PLAIT_REASON_DRAIN, NULL);
	return count;
}
