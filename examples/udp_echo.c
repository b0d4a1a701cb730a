/* UDP echo: sends each datagram back to where it came from.
 * Usage: udp_echo ENDPOINT, such as udp://127.0.0.1:7007 */
#include <plait/plait.h>
#include <stdio.h>

static void echo(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	plait_send(port, from, data, len);
}

static const struct plait_protocol udp_echo = { PLAIT_PROTOCOL_HEAD("udp-echo"), .datagram = echo };

int main(int argc, char **argv)
{
	struct plait_error error = { .text = "usage: udp_echo ENDPOINT" };
	struct plait_reactor *reactor = argc == 2 ? plait_reactor_new(NULL, &error) : NULL;
	struct plait_listener *listener = reactor ? plait_listen(reactor, argv[1], &udp_echo, NULL, &error)
						  : NULL;
	if (!listener) {
		fprintf(stderr, "udp_echo: %s\n", error.text);
		return 2;
	}
	printf("%s\n", plait_listener_address(listener));
	fflush(stdout);
	int result = plait_reactor_run(reactor);
	plait_reactor_free(&reactor);
	return result < 0;
}
