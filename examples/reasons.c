/* Why connections end: a server of lines that tells who came, and for each that went why.
 * Usage: reasons ENDPOINT */
#include <plait/plait.h>
#include <stdio.h>
#include <string.h>

static void made(struct plait_conn *conn)
{
	printf("connection %llu made\n", (unsigned long long)plait_conn_id(conn));
	fflush(stdout);
}

static void heard(struct plait_conn *conn, const void *line, size_t len)
{
	if (len == 4 && memcmp(line, "quit", 4) == 0)
		plait_close(conn);
	else if (len == 5 && memcmp(line, "break", 5) == 0)
		plait_abort(conn);
	else if (len == 5 && memcmp(line, "wrong", 5) == 0)
		plait_close_error(conn, "the peer said what is wrong");
}

static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	printf("connection %llu lost: %s, %s (%s)\n", (unsigned long long)plait_conn_id(conn),
	       plait_reason_is_error(reason) ? "an error" : "in order", plait_reason_name(reason),
	       plait_reason_text(reason));
	fflush(stdout);
}

static const struct plait_protocol reasons = { PLAIT_PROTOCOL_HEAD("reasons"), .made = made,
					       .framing = &plait_line_framing, .message = heard,
					       .lost = lost };

int main(int argc, char **argv)
{
	struct plait_error error = { .text = "usage: reasons ENDPOINT" };
	struct plait_reactor *reactor =
		argc == 2 ? plait_reactor_new(&(struct plait_reactor_options){ .loops = 1 }, &error) : NULL;
	struct plait_listen_options options = { .idle_timeout_ms = 500 };
	struct plait_listener *listener = reactor ? plait_listen(reactor, argv[1], &reasons, &options, &error)
						  : NULL;
	if (!listener) {
		fprintf(stderr, "reasons: %s\n", error.text);
		return 2;
	}
	printf("%s\n", plait_listener_address(listener));
	fflush(stdout);
	int result = plait_reactor_run(reactor);
	plait_reactor_free(&reactor);
	return result < 0;
}
