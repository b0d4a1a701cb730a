/* A room: what some connections say, all others hear as "<NUMBER> text". */
#include <stdlib.h>
#include <string.h>

#include "core/base/container.h"
#include "core/base/escape.h"
#include "core/bench/client.h"

#define GREETING_MAX 4096

/* Shared by all threads but for what says otherwise. */
struct sender {
	struct client *client;
	struct post post; /* brings completed messages to the client's thread */
	atomic_uint completed;
	uint64_t number;
	uint32_t first;          /* its first line in the pattern */
	uint32_t next;           /* message; only its own thread's */
	atomic_uint *unheard;    /* a ring by message: receivers that are still to hear it */
	atomic_ullong *began_ns; /* a ring by message */
};

enum place { PLACE_GREETING, PLACE_ANGLE, PLACE_NUMBER, PLACE_SPACE, PLACE_TEXT };

/* What a receiver is in the middle of; its own thread's. */
struct hearer {
	enum place place;
	bool in_number, numbered; /* of the greeting: its last byte, any byte was a digit */
	uint64_t number;          /* that is being read */
	uint64_t own_number;
	size_t len; /* of the greeting so far */
	struct sender *sender;
	const uint8_t *wanted; /* the rest of the line */
	size_t left;
	uint32_t *next; /* by sender: the message to come */
};

struct room {
	uint32_t receivers, sender_count;
	uint32_t ring;  /* its size less one */
	uint32_t lines; /* of the pattern, less one */
	uint32_t slots; /* of the table, less one */
	struct sender *senders, **table;
	struct hearer *hearers;
	uint32_t *next;
	atomic_uint *unheard;
	atomic_ullong *began_ns;
};

static uint32_t power_of_two(uint32_t least)
{
	uint32_t size = 1;
	while (size < least)
		size *= 2;
	return size;
}

static void finish_room(struct run *run)
{
	struct room *room = run->own;
	run->own = NULL;
	if (!room)
		return;
	free(room->senders);
	free(room->table);
	free(room->hearers);
	free(room->next);
	free(room->unheard);
	free(room->began_ns);
	free(room);
}

static int prepare_room(struct run *run, struct plait_error *error)
{
	const struct bench_settings *settings = &run->settings;
	struct room *room = calloc(1, sizeof(*room));
	if (pattern_init_lines(&run->pattern, settings->size, error) < 0) {
		free(room);
		return PLAIT_ERROR_MEMORY;
	}
	run->own = room;
	if (!room)
		goto fail;
	uint32_t ring = power_of_two((uint32_t)settings->depth), count = (uint32_t)settings->senders;
	room->receivers = (uint32_t)settings->connections - 1;
	room->sender_count = count;
	room->ring = ring - 1;
	room->lines = (uint32_t)(run->pattern.period / run->pattern.unit) - 1;
	room->slots = power_of_two(count * 4) - 1;
	room->senders = calloc(count, sizeof(*room->senders));
	room->table = calloc(room->slots + 1, sizeof(*room->table));
	room->hearers = calloc(settings->connections, sizeof(*room->hearers));
	room->next = calloc(settings->connections * count, sizeof(*room->next));
	room->unheard = calloc((size_t)count * ring, sizeof(*room->unheard));
	room->began_ns = calloc((size_t)count * ring, sizeof(*room->began_ns));
	if (room->senders && room->table && room->hearers && room->next && room->unheard && room->began_ns)
		return 0;
fail:
	return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a room of %u",
			       (unsigned)settings->connections);
}

static uint64_t deliveries(const struct bench_settings *settings)
{
	return settings->connections - 1;
}

static struct room *room_of(const struct client *client)
{
	return client->worker->run->own;
}

static struct hearer *hearer_of(const struct client *client)
{
	return &room_of(client)->hearers[client->index];
}

/* Numbers are given in a row, so a sender is mostly at its number's own slot. */
static struct sender **slot_of(const struct room *room, uint64_t number)
{
	uint32_t slot = (uint32_t)number & room->slots;
	while (room->table[slot] && room->table[slot]->number != number)
		slot = (slot + 1) & room->slots;
	return &room->table[slot];
}

static int assemble_room(struct run *run, struct plait_error *error)
{
	struct room *room = run->own;
	for (unsigned w = 0; w < run->worker_count; w++) {
		for (uint32_t i = 0; i < run->workers[w].count; i++) {
			struct client *client = &run->workers[w].clients[i];
			if (client->index >= room->sender_count)
				continue;
			struct sender *sender = &room->senders[client->index];
			size_t ring = (size_t)client->index * (room->ring + 1);
			sender->client = client;
			sender->number = hearer_of(client)->own_number;
			sender->first = (uint32_t)(client->out_at / run->pattern.unit);
			sender->unheard = room->unheard + ring;
			sender->began_ns = room->began_ns + ring;
			struct sender **slot = slot_of(room, sender->number);
			if (*slot)
				return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
						       "the server greeted two connections as number %llu",
						       (unsigned long long)sender->number);
			*slot = sender;
		}
	}
	return 0;
}

/* ---- speaking ---- */

static void say(struct sender *sender, uint64_t n)
{
	struct client *client = sender->client;
	const struct room *room = room_of(client);
	client_owe(client, n);
	for (; n > 0; n--) {
		uint32_t slot = sender->next++ & room->ring;
		atomic_store_explicit(&sender->began_ns[slot], client->worker->now_ns, memory_order_relaxed);
		atomic_store_explicit(&sender->unheard[slot], room->receivers, memory_order_release);
	}
}

/* n messages of the sender have been heard by all; on its thread. What it says next leaves at the end of the turn. */
static void go_on(struct sender *sender, uint32_t n)
{
	struct client *client = sender->client;
	client->under_way -= n;
	worker_ended(client->worker, n, 0);
	uint64_t next = worker_take(client->worker, n);
	if (next > 0) {
		say(sender, next);
		worker_due(client);
	}
	if (next < n)
		worker_check_finished(client->worker);
}

static void on_completed(struct post *post)
{
	struct sender *sender = CONTAINER_OF(post, struct sender, post);
	sender->client->worker->now_ns = clock_ns();
	go_on(sender, atomic_exchange_explicit(&sender->completed, 0, memory_order_acq_rel));
}

static void complete(struct sender *sender, const struct worker *here)
{
	struct worker *there = sender->client->worker;
	if (there == here)
		go_on(sender, 1);
	else if (atomic_fetch_add_explicit(&sender->completed, 1, memory_order_acq_rel) == 0)
		post_send(&there->loop->posts, &sender->post, on_completed);
}

static void start_room(struct client *client)
{
	struct room *room = room_of(client);
	if (client->index >= room->sender_count)
		return;
	uint64_t n = worker_take(client->worker, client->worker->run->settings.depth);
	say(&room->senders[client->index], n);
	client_flush(client);
}

/* ---- hearing ---- */

static void open_room(struct client *client)
{
	struct hearer *hearer = hearer_of(client);
	hearer->place = PLACE_GREETING;
	hearer->next = room_of(client)->next + (size_t)client->index * room_of(client)->sender_count;
}

/* Lines that are not as they should be; false, for callers to return. */
static bool wrong(struct client *client, const uint8_t *bytes, size_t len, const char *expected)
{
	char found[120];
	escape_text(found, sizeof(found), bytes, len < 40 ? len : 40);
	client_lost(client, BENCH_MISMATCH, "found \"%s\" and expected %s; is the room ours alone?", found,
		    expected);
	return false;
}

/* A line with our number, the last number in it. How much of bytes was taken; 0: it is none, and the client lost. */
static size_t hear_greeting(struct client *client, struct hearer *hearer, const uint8_t *bytes, size_t len)
{
	const uint8_t *end = memchr(bytes, '\n', len);
	size_t taken = end ? (size_t)(end - bytes) + 1 : len;
	for (size_t i = 0; i < taken; i++) {
		bool digit = bytes[i] >= '0' && bytes[i] <= '9';
		if (digit)
			hearer->number = (hearer->in_number ? hearer->number * 10 : 0) + (bytes[i] - '0');
		hearer->in_number = digit;
		hearer->numbered |= digit;
	}
	hearer->len += taken;
	if (hearer->len > GREETING_MAX || (end && !hearer->numbered)) {
		wrong(client, bytes, len, "a greeting with a number in it");
		return 0;
	}
	if (!end)
		return taken;
	hearer->own_number = hearer->number;
	hearer->place = PLACE_ANGLE;
	worker_settled(client->worker);
	return taken;
}

/* The head of a line, byte by byte. */
static bool hear_head(struct client *client, struct hearer *hearer, uint8_t byte)
{
	const struct room *room = room_of(client);
	const struct pattern *pattern = &client->worker->run->pattern;
	if (hearer->place == PLACE_ANGLE && byte == '<') {
		hearer->place = PLACE_NUMBER;
		hearer->number = 0;
	} else if (hearer->place == PLACE_NUMBER && byte >= '0' && byte <= '9') {
		hearer->number = hearer->number * 10 + (byte - '0');
	} else if (hearer->place == PLACE_NUMBER && byte == '>') {
		hearer->place = PLACE_SPACE;
	} else if (hearer->place == PLACE_SPACE && byte == ' ') {
		struct sender *sender = *slot_of(room, hearer->number);
		if (!sender || sender->client == client)
			return false;
		uint32_t next = hearer->next[sender - room->senders];
		hearer->sender = sender;
		hearer->wanted = pattern->bytes + ((sender->first + next) & room->lines) * pattern->unit;
		hearer->left = pattern->unit;
		hearer->place = PLACE_TEXT;
	} else {
		return false;
	}
	return true;
}

static void heard_line(struct client *client, struct hearer *hearer)
{
	struct sender *sender = hearer->sender;
	struct room *room = room_of(client);
	uint32_t slot = hearer->next[sender - room->senders]++ & room->ring;
	hearer->place = PLACE_ANGLE;
	worker_record(client->worker, atomic_load_explicit(&sender->began_ns[slot], memory_order_relaxed));
	if (atomic_fetch_sub_explicit(&sender->unheard[slot], 1, memory_order_acq_rel) == 1)
		complete(sender, client->worker);
}

static void hear_room(struct client *client, const uint8_t *bytes, size_t len)
{
	struct hearer *hearer = hearer_of(client);
	const uint8_t *end = bytes + len;
	uint64_t lines = 0;
	if (hearer->place == PLACE_GREETING) {
		size_t taken = hear_greeting(client, hearer, bytes, len);
		if (!taken)
			return;
		bytes += taken;
	}
	while (bytes < end) {
		if (hearer->place != PLACE_TEXT) {
			if (!hear_head(client, hearer, *bytes)) {
				wrong(client, bytes, (size_t)(end - bytes), "the head of another one's line");
				return;
			}
			bytes++;
			continue;
		}
		size_t piece = (size_t)(end - bytes) < hearer->left ? (size_t)(end - bytes) : hearer->left;
		if (memcmp(bytes, hearer->wanted, piece) != 0) {
			wrong(client, bytes, piece, "the next message of that sender");
			return;
		}
		bytes += piece;
		hearer->wanted += piece;
		hearer->left -= piece;
		if (hearer->left == 0) {
			heard_line(client, hearer);
			lines++;
		}
	}
	if (lines > 0)
		worker_ended(client->worker, 0, lines);
}

const struct kind kind_broadcast = {
	.name = "broadcast",
	.summary = "lines that all others in a room hear",
	.schemes = 1u << ENDPOINT_TCP | 1u << ENDPOINT_TLS | 1u << ENDPOINT_UNIX,
	.refused = KIND_RESUME | KIND_IDLE,
	.size_min = 1,
	.size_max = BENCH_SIZE_MAX,
	.connections_min = 2,
	.fragile = true,
	.prepare = prepare_room,
	.finish = finish_room,
	.operations = deliveries,
	.assemble = assemble_room,
	.open = open_room,
	.start = start_room,
	.ready = client_converse,
	.data = hear_room,
};
