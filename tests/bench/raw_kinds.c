/* What the raw server speaks: echo, line and broadcast. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/raw.h"

static void echo_readable(struct raw_peer *peer)
{
	static char buffer[RAW_BUFFER];
	ssize_t got = peer->io->read(peer, buffer, sizeof(buffer));
	if (got > 0)
		raw_send(peer, buffer, (size_t)got);
	else if (got != RAW_AGAIN)
		raw_end(peer);
}

const struct raw_kind raw_echo = { .name = "echo", .readable = echo_readable };

char *raw_read_lines(struct raw_peer *peer, size_t *len_out)
{
	static char buffer[RAW_LINE_MAX + RAW_BUFFER];
	size_t kept = peer->kept_len;
	if (kept)
		memcpy(buffer, peer->kept, kept);
	ssize_t got = peer->io->read(peer, buffer + kept, RAW_BUFFER);
	if (got <= 0) {
		if (got != RAW_AGAIN)
			raw_end(peer);
		return NULL;
	}
	peer->kept_len = 0;
	*len_out = kept + (size_t)got;
	return buffer;
}

const char *raw_next_line(const char **at, const char *end, size_t *len_out)
{
	const char *line = *at, *from = line, *stop;
	while (from < end && (stop = memchr(from, '\n', (size_t)(end - from)))) {
		from = stop + 1;
		if (stop > line && stop[-1] == '\r') {
			*at = from;
			*len_out = (size_t)(stop - 1 - line);
			return line;
		}
	}
	return NULL;
}

void raw_keep(struct raw_peer *peer, const char *rest, size_t len)
{
	if (len == 0 || peer->dead)
		return;
	if (len > RAW_LINE_MAX) {
		raw_end(peer);
		return;
	}
	if (!peer->kept)
		peer->kept = malloc(RAW_LINE_MAX);
	if (!peer->kept)
		raw_fail("malloc");
	memcpy(peer->kept, rest, len);
	peer->kept_len = len;
}

static void line_readable(struct raw_peer *peer)
{
	static char answers[RAW_LINE_MAX + RAW_BUFFER];
	size_t len, line_len, filled = 0;
	const char *line, *at = raw_read_lines(peer, &len);
	if (!at)
		return;
	const char *end = at + len;
	while ((line = raw_next_line(&at, end, &line_len))) {
		memcpy(answers + filled, line, line_len);
		memcpy(answers + filled + line_len, "\r\n", 2);
		filled += line_len + 2;
	}
	if (filled)
		raw_send(peer, answers, filled);
	raw_keep(peer, at, (size_t)(end - at));
}

const struct raw_kind raw_line = { .name = "line", .readable = line_readable };

/* The room: everybody, in no order. */
static struct raw_peer **members;
static size_t member_count, member_room;
static unsigned long last_number;

static void broadcast_made(struct raw_peer *peer)
{
	char greeting[64];
	if (member_count == member_room) {
		member_room = member_room ? member_room * 2 : 64;
		members = realloc(members, member_room * sizeof(struct raw_peer *));
		if (!members)
			raw_fail("realloc");
	}
	peer->number = ++last_number;
	peer->place = member_count;
	members[member_count++] = peer;
	int len = snprintf(greeting, sizeof(greeting), "welcome, you are number %lu\r\n", peer->number);
	raw_send(peer, greeting, (size_t)len);
}

static void broadcast_lost(struct raw_peer *peer)
{
	members[peer->place] = members[--member_count];
	members[peer->place]->place = peer->place;
}

static void say(const struct raw_peer *from, const char *line, size_t len)
{
	static char message[RAW_LINE_MAX + RAW_BUFFER + 64];
	int head = snprintf(message, 64, "<%lu> ", from->number);
	memcpy(message + head, line, len);
	memcpy(message + head + len, "\r\n", 2);
	len += (size_t)head + 2;
	/* Who ends now is replaced by the last, who was served before: from the end on nobody is left out. */
	for (size_t i = member_count; i-- > 0;)
		if (members[i] != from)
			raw_send(members[i], message, len);
}

static void broadcast_readable(struct raw_peer *peer)
{
	size_t len, line_len;
	const char *line, *at = raw_read_lines(peer, &len);
	if (!at)
		return;
	const char *end = at + len;
	while ((line = raw_next_line(&at, end, &line_len)))
		say(peer, line, line_len);
	raw_keep(peer, at, (size_t)(end - at));
}

const struct raw_kind raw_broadcast = {
	.name = "broadcast",
	.made = broadcast_made,
	.readable = broadcast_readable,
	.lost = broadcast_lost,
};
