/* The broadcast protocol: what one says, all others in the room hear; the Spreader of Twisted's tutorials. */
#include <plait/plait.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACE "{number}" /* in the welcome: where the client's number goes */
#define OVERHEAD 64      /* what a waiting message costs us besides its bytes, about */
#define NOTICE_MAX 64    /* the line that tells of dropped messages */

enum framing { FRAMING_LINE, FRAMING_STREAM };
enum slow_reader { SLOW_READER_DROP, SLOW_READER_DISCONNECT };

struct broadcast_options {
	const char *room;
	const char *welcome;
	bool echo_to_sender;
	int framing; /* enum framing */
	uint64_t max_message;
	int slow_reader; /* enum slow_reader */
	uint64_t backlog;
};

/* Shared by all listeners that name it: one room, one row of numbers. The list belongs to the main thread. */
struct room {
	struct room *next;
	unsigned references;
	atomic_uint_fast64_t last_number;
	struct plait_group *group;
	char name[]; /* the group's */
};

struct broadcast_factory {
	struct room *room;
	struct plait_line line;
};

/* Messages that wait for one slow reader: a ring of references to chunks that all members share. It holds
 * something only while the connection is blocked, so `drained` always empties it. */
struct member {
	uint64_t number;
	struct plait_chunk **ring;
	size_t size; /* of ring: 0 or a power of two */
	size_t first, count;
	size_t cost;      /* of what waits, in bytes */
	uint64_t untold;  /* messages dropped since the reader was last told */
	uint64_t dropped; /* in all */
	bool leaving;     /* the server stops: closed when nothing waits any more */
};

static const struct plait_choice framings[] = {
	{ "line", FRAMING_LINE, "a message is a line; others get it as \"<NUMBER> line\"" },
	{ "stream", FRAMING_STREAM, "bytes are passed on as they come" },
	{ NULL, 0, NULL },
};

static const struct plait_choice slow_readers[] = {
	{ "drop", SLOW_READER_DROP, "its oldest messages are dropped, counted and, in line framing, told" },
	{ "disconnect", SLOW_READER_DISCONNECT, "it is disconnected" },
	{ NULL, 0, NULL },
};

static const struct plait_option options[] = {
	PLAIT_OPTION_STRING("room", struct broadcast_options, room, .fallback = "lobby", .min = 1, .max = 64,
			    .doc = "Listeners that name one room, with one framing, share it"),
	PLAIT_OPTION_STRING("welcome", struct broadcast_options, welcome, .max = 1024,
			    .fallback = "welcome, you are number " PLACE,
			    .doc = "The greeting; " PLACE
				   " in it stands for the client's number; empty: none"),
	PLAIT_OPTION_BOOL("echo_to_sender", struct broadcast_options, echo_to_sender, .fallback = "false",
			  .doc = "Whether who says something hears it too"),
	PLAIT_OPTION_CHOICE("framing", struct broadcast_options, framing, framings, .fallback = "line",
			    .doc = "What a message is"),
	PLAIT_OPTION_SIZE("max_message", struct broadcast_options, max_message, .fallback = "64k", .min = 1,
			  .max = 16 * 1024 * 1024,
			  .doc = "The longest message; a longer line ends its sender, a stream is cut"),
	PLAIT_OPTION_CHOICE("slow_reader", struct broadcast_options, slow_reader, slow_readers,
			    .fallback = "drop", .doc = "What happens to a reader whose backlog is full"),
	PLAIT_OPTION_SIZE("backlog", struct broadcast_options, backlog, .fallback = "256k", .min = 1024,
			  .max = 1024 * 1024 * 1024,
			  .doc = "How much may wait for one reader, each message counted 64 bytes longer"),
	PLAIT_OPTION_END,
};

/* ---- rooms ---- */

static struct room *rooms;

static struct room *room_open(const char *name, int framing)
{
	char full[128];
	struct room *room;

	/* The framing is part of the name: bytes of a stream would break the lines of the others. */
	snprintf(full, sizeof(full), "broadcast/%s/%s", framings[framing].word, name);
	for (room = rooms; room; room = room->next) {
		if (!strcmp(room->name, full)) {
			room->references++;
			return room;
		}
	}
	room = calloc(1, sizeof(*room) + strlen(full) + 1);
	if (!room)
		return NULL;
	strcpy(room->name, full);
	room->references = 1;
	room->group = plait_group_open(full);
	if (!room->group) {
		free(room);
		return NULL;
	}
	room->next = rooms;
	rooms = room;
	return room;
}

static void room_close(struct room **room)
{
	struct room *gone = *room, **link = &rooms;

	*room = NULL;
	if (!gone || --gone->references)
		return;
	while (*link != gone)
		link = &(*link)->next;
	*link = gone->next;
	plait_group_close(&gone->group);
	free(gone);
}

static int broadcast_factory_start(struct plait_factory *factory, struct plait_error *error)
{
	const struct broadcast_options *given = plait_factory_options(factory);
	struct broadcast_factory *broadcast = plait_factory_state(factory);

	broadcast->line.delimiter = NULL;
	broadcast->line.max_length = given->max_message;
	broadcast->room = room_open(given->room, given->framing);
	if (!broadcast->room)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, "room", "no memory for the room");
	return 0;
}

static void broadcast_factory_stop(struct plait_factory *factory)
{
	struct broadcast_factory *broadcast = plait_factory_state(factory);

	room_close(&broadcast->room);
}

/* ---- slow readers ---- */

static size_t cost_of(const struct plait_chunk *chunk)
{
	return plait_chunk_size(chunk) + OVERHEAD;
}

/* The caller gets the reference. */
static struct plait_chunk *ring_take(struct member *member)
{
	struct plait_chunk *chunk = member->ring[member->first];

	member->first = (member->first + 1) & (member->size - 1);
	member->count--;
	member->cost -= cost_of(chunk);
	return chunk;
}

static bool ring_grow(struct member *member)
{
	size_t size = member->size ? member->size * 2 : 16;
	struct plait_chunk **ring = calloc(size, sizeof(struct plait_chunk *));

	if (!ring)
		return false;
	for (size_t i = 0; i < member->count; i++)
		ring[i] = member->ring[(member->first + i) & (member->size - 1)];
	free(member->ring);
	member->ring = ring;
	member->size = size;
	member->first = 0;
	return true;
}

static bool ring_put(struct member *member, struct plait_chunk *chunk)
{
	if (member->count == member->size && !ring_grow(member))
		return false;
	member->ring[(member->first + member->count++) & (member->size - 1)] = plait_chunk_ref(chunk);
	member->cost += cost_of(chunk);
	return true;
}

static void ring_drop_oldest(struct member *member)
{
	struct plait_chunk *chunk = ring_take(member);

	plait_chunk_unref(&chunk);
	member->untold++;
	member->dropped++;
}

static void ring_fini(struct member *member)
{
	while (member->count) {
		struct plait_chunk *chunk = ring_take(member);

		plait_chunk_unref(&chunk);
	}
	free(member->ring);
	member->ring = NULL;
	member->size = 0;
}

static void tell_dropped(struct plait_conn *conn, struct member *member)
{
	const struct broadcast_options *given = plait_conn_options(conn);
	char text[NOTICE_MAX];
	int len = snprintf(text, sizeof(text), "*** %" PRIu64 " messages dropped\r\n", member->untold);

	plait_log_conn(conn, PLAIT_LOG_WARNING, "slow reader: %" PRIu64 " messages dropped", member->untold);
	member->untold = 0;
	if (given->framing == FRAMING_LINE)
		plait_write(conn, text, (size_t)len);
}

/* To a reader that is not blocked; a listener's cap leaves such a one room for a notice. A message that does not fit
 * under the cap is dropped: it must not end all who would have heard it. */
static void pass_on(struct plait_conn *conn, struct member *member, struct plait_chunk *chunk)
{
	bool fits = plait_chunk_size(chunk) + NOTICE_MAX <= plait_conn_room(conn);

	if (!fits) {
		member->untold++;
		member->dropped++;
	}
	if (member->untold)
		tell_dropped(conn, member);
	if (fits)
		plait_write_chunk(conn, chunk);
}

static void flush(struct plait_conn *conn, struct member *member)
{
	while (member->count && !plait_conn_blocked(conn)) {
		struct plait_chunk *chunk = ring_take(member);

		pass_on(conn, member, chunk);
		plait_chunk_unref(&chunk);
	}
	if (member->count)
		return;
	ring_fini(member); /* a reader that has caught up costs nothing */
	if (member->leaving)
		plait_close(conn);
}

/* Who keeps up has nothing waiting, and is written to without this. */
static void keep_for(struct plait_conn *conn, struct plait_chunk *chunk)
{
	const struct broadcast_options *given = plait_conn_options(conn);
	struct member *member = plait_conn_state(conn);

	if (!plait_conn_blocked(conn)) { /* but it is too long for the reader's cap */
		pass_on(conn, member, chunk);
		return;
	}
	if (given->slow_reader == SLOW_READER_DISCONNECT && member->cost + cost_of(chunk) > given->backlog) {
		plait_log_conn(conn, PLAIT_LOG_WARNING, "slow reader disconnected: %zu messages wait",
			       member->count);
		plait_abort(conn);
		return;
	}
	if (!ring_put(member, chunk)) {
		plait_log_conn(conn, PLAIT_LOG_ERROR, "slow reader disconnected: no memory for its messages");
		plait_abort(conn);
		return;
	}
	/* One message may wait however long it is: or a small backlog would never let a long one through. */
	while (member->cost > given->backlog && member->count > 1)
		ring_drop_oldest(member);
}

/* ---- connections ---- */

static const struct broadcast_factory *factory_of(const struct plait_conn *conn)
{
	return plait_factory_state(plait_conn_factory(conn));
}

static void welcome(struct plait_conn *conn, uint64_t number)
{
	const struct broadcast_options *given = plait_conn_options(conn);
	const char *text = given->welcome;
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);

	if (!*text)
		return;
	for (const char *place; (place = strstr(text, PLACE)); text = place + strlen(PLACE)) {
		plait_write(conn, text, (size_t)(place - text));
		plait_write(conn, digits, (size_t)len);
	}
	plait_write(conn, text, strlen(text));
	if (given->framing == FRAMING_LINE)
		plait_write(conn, "\r\n", 2);
}

static void broadcast_made(struct plait_conn *conn)
{
	const struct broadcast_options *given = plait_conn_options(conn);
	const struct broadcast_factory *broadcast = factory_of(conn);
	struct member *member = plait_conn_state(conn);

	if (given->framing == FRAMING_LINE)
		plait_set_framing(conn, &plait_line_framing, &broadcast->line);
	member->number = atomic_fetch_add(&broadcast->room->last_number, 1) + 1;
	welcome(conn, member->number);
	if (plait_group_add(broadcast->room->group, conn) == PLAIT_ERROR_MEMORY) {
		plait_log_conn(conn, PLAIT_LOG_ERROR, "disconnected: no memory to join the room");
		plait_abort(conn);
	}
}

/* Sends head, body and tail as one message: one block for all receivers. */
static void say(struct plait_conn *conn, const char *head, size_t head_len, const void *body, size_t len,
		const char *tail, size_t tail_len)
{
	const struct broadcast_options *given = plait_conn_options(conn);
	struct plait_chunk *chunk = plait_chunk_new(NULL, head_len + len + tail_len);

	if (!chunk) {
		plait_log_conn(conn, PLAIT_LOG_ERROR, "disconnected: no memory for its message of %zu bytes",
			       len);
		plait_abort(conn);
		return;
	}
	char *out = plait_chunk_bytes(chunk);

	memcpy(mempcpy(mempcpy(out, head, head_len), body, len), tail, tail_len);
	plait_group_offer(factory_of(conn)->room->group, chunk, given->echo_to_sender ? NULL : conn,
			  keep_for);
	plait_chunk_unref(&chunk);
}

static void broadcast_message(struct plait_conn *conn, const void *message, size_t len)
{
	const struct member *member = plait_conn_state(conn);
	char head[32];
	int head_len = snprintf(head, sizeof(head), "<%" PRIu64 "> ", member->number);

	say(conn, head, (size_t)head_len, message, len, "\r\n", 2);
}

static size_t broadcast_data(struct plait_conn *conn, const void *data, size_t len)
{
	const struct broadcast_options *given = plait_conn_options(conn);
	const char *bytes = data;

	for (size_t at = 0, piece; at < len; at += piece) {
		piece = len - at < given->max_message ? len - at : (size_t)given->max_message;
		say(conn, "", 0, bytes + at, piece, "", 0);
	}
	return len;
}

static void broadcast_drained(struct plait_conn *conn)
{
	flush(conn, plait_conn_state(conn));
}

/* What was said before the server began to stop is owed to slow readers, too. */
static void broadcast_draining(struct plait_conn *conn)
{
	struct member *member = plait_conn_state(conn);

	member->leaving = true;
	flush(conn, member);
}

static void broadcast_lost(struct plait_conn *conn, enum plait_reason reason)
{
	struct member *member = plait_conn_state(conn);

	(void)reason;
	if (member->dropped || member->count)
		plait_log_conn(conn, PLAIT_LOG_INFO,
			       "slow reader left: %" PRIu64 " messages dropped, %zu unsent", member->dropped,
			       member->count);
	ring_fini(member);
}

/* clang-format off */
PLAIT_PROTOCOL(broadcast,
	.summary = "passes on what one client says to all others in the room",
	.version = "1.0.0",
	.conn_size = sizeof(struct member),
	.factory_size = sizeof(struct broadcast_factory),
	.options = options,
	.options_size = sizeof(struct broadcast_options),
	.factory_start = broadcast_factory_start,
	.factory_stop = broadcast_factory_stop,
	.made = broadcast_made,
	.data = broadcast_data,
	.message = broadcast_message,
	.drained = broadcast_drained,
	.draining = broadcast_draining,
	.lost = broadcast_lost);
