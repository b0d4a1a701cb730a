/* The Spreader: what one client says, all others hear. See spreader_client.c.
 * Usage: spreader ENDPOINT */
#include <plait/plait.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct speaker {
	unsigned number;
};

static struct plait_group *everybody;
static atomic_uint newest;

static void say_to_others(struct plait_conn *conn, const char *text, size_t len)
{
	const struct speaker *speaker = plait_conn_state(conn);
	char line[600];
	int size = snprintf(line, sizeof(line), "%u: %.*s\r\n", speaker->number, (int)len, text);
	struct plait_chunk *chunk = plait_chunk_new(line, (size_t)size);
	plait_group_send(everybody, chunk, conn);
	plait_chunk_unref(&chunk);
}

static void made(struct plait_conn *conn)
{
	struct speaker *speaker = plait_conn_state(conn);
	char line[80];
	speaker->number = atomic_fetch_add(&newest, 1) + 1;
	int size = snprintf(line, sizeof(line), "welcome, you are number %u\r\n", speaker->number);
	plait_write(conn, line, (size_t)size);
	say_to_others(conn, "is here", 7);
	plait_group_add(everybody, conn);
}

static void heard(struct plait_conn *conn, const void *line, size_t len)
{
	if (len == 5 && memcmp(line, "close", 5) == 0)
		plait_close(conn);
	else
		say_to_others(conn, line, len);
}

static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)reason;
	say_to_others(conn, "has gone", 8);
}

static const struct plait_line lines = { .delimiter = "\r\n", .max_length = 500 };

static void start_lines(struct plait_conn *conn)
{
	plait_set_framing(conn, &plait_line_framing, &lines);
	made(conn);
}

static const struct plait_protocol spreader = { PLAIT_PROTOCOL_HEAD("spreader"),
						.conn_size = sizeof(struct speaker), .made = start_lines,
						.message = heard, .lost = lost };

int main(int argc, char **argv)
{
	struct plait_error error = { .text = "usage: spreader ENDPOINT" };
	struct plait_reactor *reactor = argc == 2 ? plait_reactor_new(NULL, &error) : NULL;
	everybody = plait_group_open("spreader/everybody");
	struct plait_listener *listener = reactor ? plait_listen(reactor, argv[1], &spreader, NULL, &error)
						  : NULL;
	if (!listener) {
		fprintf(stderr, "spreader: %s\n", error.text);
		return 2;
	}
	printf("%s\n", plait_listener_address(listener));
	fflush(stdout);
	int result = plait_reactor_run(reactor);
	plait_reactor_free(&reactor);
	plait_group_close(&everybody);
	return result < 0;
}
