/* A server on four loops: two callbacks are all that it takes.
 * Usage: four_loops ENDPOINT */
#include <plait/plait.h>
#include <stdio.h>

static void on_connect(struct plait_conn *conn)
{
	char peer[PLAIT_ADDR_TEXT];
	printf("loop %u has %s\n", plait_loop_index(plait_conn_loop(conn)),
	       plait_addr_format(plait_conn_peer(conn), peer, sizeof(peer)));
	fflush(stdout);
}

static size_t on_message(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

static const struct plait_protocol echo = { PLAIT_PROTOCOL_HEAD("echo"), .made = on_connect,
					    .data = on_message };

int main(int argc, char **argv)
{
	struct plait_error error = { .text = "usage: four_loops ENDPOINT" };
	struct plait_reactor *reactor =
		argc == 2 ? plait_reactor_new(&(struct plait_reactor_options){ .loops = 4 }, &error) : NULL;
	struct plait_listener *listener = reactor ? plait_listen(reactor, argv[1], &echo, NULL, &error)
						  : NULL;
	if (!listener) {
		fprintf(stderr, "four_loops: %s\n", error.text);
		return 2;
	}
	printf("%s\n", plait_listener_address(listener));
	fflush(stdout);
	int result = plait_reactor_run(reactor);
	plait_reactor_free(&reactor);
	return result < 0;
}
