/* A node of a cluster: listens, connects to the nodes before it and comes back to them, checks who it is that speaks, and
 * then exchanges messages over channels.
 * Usage: node ID FOLDER IDS..., where IDS are those of all nodes; they meet at FOLDER/node-ID.sock */
#include <plait/plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD "open sesame" /* what all nodes know */

enum { NODES_MOST = 16, MESSAGE_MOST = 4096 };

/* A message is "CHANNEL:TEXT"; the first one is "hello:WORD ID". */
static const struct plait_length_field frames = PLAIT_INT32(MESSAGE_MOST);

static unsigned long self;

/* One loop has all of them: nothing here needs a lock. */
static struct {
	unsigned long id;
	struct plait_conn *conn;
	struct plait_service *service; /* NULL: that node connects to us */
} nodes[NODES_MOST];
static int node_count;

struct talk {
	int node; /* an index of nodes; -1: not known yet */
	bool was_called;
};

static int find(unsigned long id)
{
	for (int i = 0; i < node_count; i++) {
		if (nodes[i].id == id)
			return i;
	}
	return -1;
}

static void send_to(struct plait_conn *conn, const char *channel, const char *text)
{
	char message[MESSAGE_MOST];
	int len = snprintf(message, sizeof(message), "%s:%s", channel, text);
	plait_write_message(conn, message, (size_t)len);
}

static void say_hello(struct plait_conn *conn)
{
	char text[80];
	snprintf(text, sizeof(text), WORD " %lu", self);
	send_to(conn, "hello", text);
}

/* Somebody called: who that is, they say first. */
static void called(struct plait_conn *conn)
{
	struct talk *talk = plait_conn_state(conn);
	*talk = (struct talk){ .node = -1, .was_called = true };
	plait_set_framing(conn, &plait_int32_framing, &frames);
}

static void calling(struct plait_conn *conn)
{
	struct talk *talk = plait_conn_state(conn);
	*talk = (struct talk){ .node = -1 };
	plait_set_framing(conn, &plait_int32_framing, &frames);
	say_hello(conn);
}

static void admit(struct plait_conn *conn, const char *text)
{
	struct talk *talk = plait_conn_state(conn);
	char greeting[80];
	unsigned long id;
	int node = sscanf(text, "hello:" WORD " %lu", &id) == 1 && id != self ? find(id) : -1;
	if (node < 0 || nodes[node].conn) {
		puts("somebody was turned away");
		fflush(stdout);
		plait_close_error(conn, "the first message does not say who it is");
		return;
	}
	talk->node = node;
	nodes[node].conn = conn;
	printf("node %lu is here\n", id);
	if (talk->was_called)
		say_hello(conn);
	fflush(stdout);
	snprintf(greeting, sizeof(greeting), "hello %lu, this is %lu", id, self);
	send_to(conn, "greetings", greeting);
}

static void heard(struct plait_conn *conn, const void *message, size_t len)
{
	struct talk *talk = plait_conn_state(conn);
	char text[MESSAGE_MOST + 1];
	memcpy(text, message, len);
	text[len] = '\0';
	char *colon = strchr(text, ':');
	if (talk->node < 0) {
		admit(conn, text);
		return;
	}
	if (!colon) {
		plait_close_error(conn, "a message has no channel");
		return;
	}
	printf("node %lu on %.*s: %s\n", nodes[talk->node].id, (int)(colon - text), text, colon + 1);
	fflush(stdout);
}

static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	struct talk *talk = plait_conn_state(conn);
	if (talk->node < 0)
		return;
	nodes[talk->node].conn = NULL;
	printf("node %lu has gone: %s\n", nodes[talk->node].id, plait_reason_text(reason));
	fflush(stdout);
}

#define NODE(made_)                                                                                          \
	{                                                                                                    \
		PLAIT_PROTOCOL_HEAD("node"), .conn_size = sizeof(struct talk), .made = (made_),              \
					     .message = heard, .lost = lost                                  \
	}

static const struct plait_protocol callee = NODE(called), caller = NODE(calling);

static void address_of(char *endpoint, size_t size, const char *folder, unsigned long id)
{
	snprintf(endpoint, size, "unix:%s/node-%lu.sock", folder, id);
}

static struct plait_deferred *hang_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < node_count; i++)
		plait_service_free(&nodes[i].service);
	return NULL;
}

/* Of each two nodes, the one with the larger id calls. */
static struct plait_deferred *begin(struct plait_loop *loop, void *arg)
{
	static const struct plait_service_options quick = { .initial_delay_ms = 20, .max_delay_ms = 1000 };
	const char *folder = arg;
	struct plait_error error;
	char endpoint[200];
	address_of(endpoint, sizeof(endpoint), folder, self);
	if (!plait_listen(plait_loop_reactor(loop), endpoint, &callee, NULL, &error))
		return plait_fail(plait_failure_from(&error));
	plait_add_hook(loop, PLAIT_BEFORE_SHUTDOWN, hang_up, NULL);
	for (int i = 0; i < node_count; i++) {
		if (nodes[i].id >= self)
			continue;
		address_of(endpoint, sizeof(endpoint), folder, nodes[i].id);
		nodes[i].service = plait_service_new(loop, endpoint, &caller, NULL, &quick, &error);
		if (!nodes[i].service)
			return plait_fail(plait_failure_from(&error));
		plait_service_start(nodes[i].service);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: node ID FOLDER IDS...\n");
		return 2;
	}
	self = strtoul(argv[1], NULL, 10);
	for (int i = 3; i < argc && node_count < NODES_MOST; i++)
		nodes[node_count++].id = strtoul(argv[i], NULL, 10);
	return plait_react(&(struct plait_reactor_options){ .loops = 1 }, begin, argv[2]);
}
