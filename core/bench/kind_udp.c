/* Datagrams there and back, in batches. Each bears the number of its connection and its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/bench/client.h"

#define BATCH_MOST 64
#define HEAD sizeof(uint64_t)
#define PAYLOAD_MAX 65507
#define RESEND_NS 1000000000u

/* One of the depth that a connection has in flight. */
struct slot {
	uint64_t id;       /* of its datagram; the connection's bits, then a number that grows by depth */
	uint64_t began_ns; /* when it was first sent */
	uint64_t sent_ns;  /* last; 0: it is still to be sent */
	bool active;
};

struct udp {
	struct slot *slots;    /* by connection, depth each */
	struct batch *batches; /* by worker */
};

/* What one thread hands to the kernel at a time. */
struct batch {
	unsigned most;
	struct mmsghdr in[BATCH_MOST], out[BATCH_MOST];
	struct iovec in_parts[BATCH_MOST], out_parts[BATCH_MOST][2];
	uint32_t out_slots[BATCH_MOST];
	uint8_t *input; /* most times size and one byte, by which longer ones are seen */
};

#define ID_BITS 40

static void finish_udp(struct run *run)
{
	struct udp *udp = run->own;
	run->own = NULL;
	if (!udp)
		return;
	for (unsigned i = 0; udp->batches && i < run->worker_count; i++)
		free(udp->batches[i].input);
	free(udp->batches);
	free(udp->slots);
	free(udp);
}

static bool make_batch(struct batch *batch, const struct bench_settings *settings)
{
	size_t room = settings->size + 1;
	batch->most = settings->depth < BATCH_MOST ? (unsigned)settings->depth : BATCH_MOST;
	batch->input = malloc(batch->most * room);
	if (!batch->input)
		return false;
	for (unsigned i = 0; i < batch->most; i++) {
		batch->in_parts[i] = (struct iovec){ .iov_base = batch->input + i * room, .iov_len = room };
		batch->in[i].msg_hdr = (struct msghdr){ .msg_iov = &batch->in_parts[i], .msg_iovlen = 1 };
		batch->out_parts[i][0].iov_len = HEAD;
		batch->out_parts[i][1].iov_len = settings->size - HEAD;
		batch->out[i].msg_hdr = (struct msghdr){ .msg_iov = batch->out_parts[i], .msg_iovlen = 2 };
	}
	return true;
}

static int prepare_udp(struct run *run, struct plait_error *error)
{
	const struct bench_settings *settings = &run->settings;
	struct udp *udp = calloc(1, sizeof(*udp));
	run->own = udp;
	bool ok = udp;
	if (ok) {
		udp->slots = calloc(settings->connections * settings->depth, sizeof(*udp->slots));
		udp->batches = calloc(run->worker_count, sizeof(*udp->batches));
		ok = udp->slots && udp->batches;
	}
	for (unsigned i = 0; ok && i < run->worker_count; i++)
		ok = make_batch(&udp->batches[i], settings);
	if (!ok)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for datagrams");
	return pattern_init_bytes(&run->pattern, 1, error);
}

static struct slot *slots_of(const struct client *client)
{
	const struct run *run = client->worker->run;
	const struct udp *udp = run->own;
	return udp->slots + client->index * run->settings.depth;
}

static struct batch *batch_of(const struct worker *worker)
{
	const struct udp *udp = worker->run->own;
	return &udp->batches[worker - worker->run->workers];
}

/* Where the bytes behind the head of a datagram are. */
static const uint8_t *body_of(const struct run *run, uint64_t id)
{
	return run->pattern.bytes + (id * 40503u & (PATTERN_REACH - 1));
}

/* A datagram came back to where it was sent, and nobody listens there. */
static void refused(struct client *client)
{
	struct worker *worker = client->worker;
	if (atomic_load_explicit(&worker->operations, memory_order_relaxed) == 0)
		worker_fail(worker,
			    "nothing listens there: the datagrams are refused; is the server running?");
	else if (worker->counting)
		worker_trouble(worker, BENCH_RESET, "the server refuses datagrams: it has gone");
}

/* Those prepared in the batch. What the kernel does not take is left with a sent_ns of 0. */
static void send_batch(struct client *client, unsigned count)
{
	struct batch *batch = batch_of(client->worker);
	struct slot *slots = slots_of(client);
	for (unsigned done = 0; done < count;) {
		int sent = sendmmsg(transport_fd(&client->transport), batch->out + done, count - done,
				    MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0) {
			bool full = errno == EAGAIN;
			if (errno == ECONNREFUSED)
				refused(client);
			for (; done < count; done++)
				slots[batch->out_slots[done]].sent_ns = 0;
			if (full) {
				client->blocked = true;
				client_want(client, WATCH_READ | WATCH_WRITE);
			}
			return;
		}
		done += (unsigned)sent;
	}
}

static void add_to_batch(struct client *client, uint32_t at, unsigned position)
{
	struct worker *worker = client->worker;
	struct batch *batch = batch_of(worker);
	struct slot *slot = &slots_of(client)[at];
	slot->sent_ns = worker->now_ns;
	batch->out_slots[position] = at;
	batch->out_parts[position][0].iov_base = &slot->id;
	batch->out_parts[position][1].iov_base = (void *)body_of(worker->run, slot->id);
}

/* Sends those that are due: never sent, or sent before a moment and taken for lost. */
static void send_due(struct client *client, uint64_t before_ns)
{
	struct worker *worker = client->worker;
	struct slot *slots = slots_of(client);
	uint32_t depth = (uint32_t)worker->run->settings.depth;
	unsigned most = batch_of(worker)->most, count = 0;
	for (uint32_t i = 0; i < depth && !client->blocked; i++) {
		if (!slots[i].active || slots[i].sent_ns > before_ns)
			continue;
		if (slots[i].sent_ns)
			worker_trouble(worker, BENCH_LOST, "");
		add_to_batch(client, i, count++);
		if (count == most) {
			send_batch(client, count);
			count = 0;
		}
	}
	if (count)
		send_batch(client, count);
}

static void open_udp(struct client *client)
{
	worker_settled(client->worker);
}

static void start_udp(struct client *client)
{
	struct worker *worker = client->worker;
	struct slot *slots = slots_of(client);
	uint64_t n = worker_take(worker, worker->run->settings.depth);
	for (uint64_t i = 0; i < n; i++)
		slots[i] = (struct slot){ .id = (uint64_t)client->index << ID_BITS | i,
					  .began_ns = worker->now_ns,
					  .active = true };
	client->under_way = (uint32_t)n;
	send_due(client, 0);
}

/* The slot that a datagram answers; NULL: none, because it was answered before or it is wrong, and counted so. */
static struct slot *check(struct client *client, const struct mmsghdr *message)
{
	struct worker *worker = client->worker;
	const struct run *run = worker->run;
	const uint8_t *bytes = message->msg_hdr.msg_iov->iov_base;
	uint64_t id, depth = run->settings.depth;
	if (message->msg_len == run->settings.size) {
		memcpy(&id, bytes, HEAD);
		uint64_t number = id & ((1ull << ID_BITS) - 1);
		struct slot *slot = &slots_of(client)[number % depth];
		if (slot->id == id && !memcmp(bytes + HEAD, body_of(run, id), message->msg_len - HEAD))
			return slot->active ? slot : NULL;
		/* What was sent anew may be answered twice. */
		if (id >> ID_BITS == client->index && id < slot->id && worker->troubles[BENCH_LOST] > 0)
			return NULL;
	}
	if (worker->counting)
		worker_trouble(worker, BENCH_MISMATCH, "a datagram came back that was not sent so");
	return NULL;
}

static unsigned receive(struct client *client)
{
	struct batch *batch = batch_of(client->worker);
	for (;;) {
		int got = recvmmsg(transport_fd(&client->transport), batch->in, batch->most, MSG_DONTWAIT,
				   NULL);
		if (got > 0)
			return (unsigned)got;
		if (got < 0 && errno == ECONNREFUSED)
			refused(client);
		if (got == 0 || errno != EINTR)
			return 0;
	}
}

static void hear_udp(struct client *client)
{
	struct worker *worker = client->worker;
	struct batch *batch = batch_of(worker);
	struct slot *slots = slots_of(client);
	struct slot *answered[BATCH_MOST];
	unsigned got = receive(client), count = 0, again = 0;
	if (got == 0)
		return;
	worker->now_ns = clock_ns();
	WORKER_ADD(worker->bytes, got * worker->run->settings.size);
	for (unsigned i = 0; i < got; i++) {
		struct slot *slot = check(client, &batch->in[i]);
		if (!slot)
			continue;
		worker_record(worker, slot->began_ns);
		slot->active = false;
		answered[count++] = slot;
	}
	if (count == 0)
		return;
	worker_ended(worker, count, count);
	uint64_t next = worker_take(worker, count);
	for (; again < next; again++) {
		struct slot *slot = answered[again];
		slot->id += worker->run->settings.depth;
		slot->began_ns = worker->now_ns;
		slot->active = true;
		add_to_batch(client, (uint32_t)(slot - slots), again);
	}
	if (again)
		send_batch(client, again);
	if (next < count)
		worker_check_finished(worker);
}

static void ready_udp(struct client *client, unsigned ready)
{
	if (ready & WATCH_READ)
		hear_udp(client);
	if (ready & WATCH_WRITE && client->blocked) {
		client->blocked = false;
		if (client_want(client, WATCH_READ))
			send_due(client, 0);
	}
}

static void tick_udp(struct worker *worker)
{
	worker->now_ns = clock_ns();
	for (uint32_t i = 0; i < worker->count; i++)
		send_due(&worker->clients[i], worker->now_ns - RESEND_NS);
}

const struct kind kind_udp = {
	.name = "udp",
	.summary = "datagrams that come back as they were",
	.schemes = 1u << ENDPOINT_UDP,
	.refused = KIND_SENDERS | KIND_RESUME | KIND_IDLE,
	.size_min = HEAD,
	.size_max = PAYLOAD_MAX,
	.prepare = prepare_udp,
	.finish = finish_udp,
	.open = open_udp,
	.start = start_udp,
	.ready = ready_udp,
	.tick = tick_udp,
};
