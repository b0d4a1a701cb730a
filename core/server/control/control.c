/* The control socket and those who are connected to it: who may, how many, and one line after the other. */
#include "core/server/control/control.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/net/famine.h"
#include "core/net/net.h"
#include "core/net/socket/unix_path.h"
#include "core/server/broker.h"
#include "core/server/control/request.h"

/* Who comes when there are so many takes the place of the one that has said nothing for the longest time. */
#define PEERS_MAX 32

/* Of a line; the longest command is far from it. */
#define LINE_LONGEST 16384

/* More than the longest answer; and what a peer that does not read may leave with us, with one answer above high. */
#define OUTPUT_CAP (16u << 20)
#define OUTPUT_HIGH (64u << 10)

#define IDLE_MS 60000
#define CLOSE_MS 5000

/* At the end, for answers that are not taken at once. */
#define LAST_TURNS 16

/* Numbers of connections, so high that no other loop comes there: of the log's lines. */
#define FIRST_NUMBER (UINT64_C(1) << 44)

struct control {
	struct server *server;
	struct plait_loop *loop;
	struct net_settings settings;
	struct plait_factory *factory;
	struct reception reception;
	struct stream_listener *listener;
	char *path;
	struct unix_path_id file;     /* of the socket, when it is ours to remove */
	int fd;                       /* the listener's */
	struct session *first, *last; /* the one that has been silent the longest comes first */
	unsigned count;               /* that are not leaving */
	bool has_reserve;
};

/* A peer. */
struct session {
	struct control *control;
	struct plait_conn *conn;
	struct request *request; /* under way; NULL: none */
	bool leaving;            /* another one has its place */
	bool kept;               /* it may be silent */
	struct session *previous, *next;
};

static struct control *control_of(const struct plait_conn *conn)
{
	return (struct control *)plait_conn_options(conn);
}

/* ---- who is there ---- */

static void unlink_session(struct session *session)
{
	struct control *control = session->control;
	*(session->previous ? &session->previous->next : &control->first) = session->next;
	*(session->next ? &session->next->previous : &control->last) = session->previous;
}

static void append_session(struct session *session)
{
	struct control *control = session->control;
	session->previous = control->last;
	session->next = NULL;
	*(control->last ? &control->last->next : &control->first) = session;
	control->last = session;
}

static void make_room(struct control *control)
{
	struct session *session = control->first;
	while (session && (session->request || session->leaving))
		session = session->next;
	if (!session)
		return;
	session->leaving = true;
	control->count--;
	plait_abort(session->conn);
}

/* Descriptors are out. When the reserve is used up, who has been silent the longest goes, whose descriptor fills it again. */
static bool spare(void *arg)
{
	struct control *control = arg;
	if (famine_use_reserve())
		return true;
	for (const struct session *session = control->first; session; session = session->next)
		if (session->leaving) /* at the end of this turn */
			return false;
	make_room(control);
	return false;
}

static int on_accept(struct plait_factory *factory, const struct plait_addr *peer)
{
	struct log_subject subject = { .listener = plait_factory_name(factory), .peer = peer };
	bool known = peer->family == PLAIT_FAMILY_UNIX && peer->u.peer.pid != 0;
	if (known && (peer->u.peer.uid == 0 || peer->u.peer.uid == geteuid()))
		return 0;
	log_write_once(PLAIT_LOG_WARNING, &subject, "refused: only root and the server's own user may");
	return -1;
}

static void on_made(struct plait_conn *conn)
{
	struct session *session = plait_conn_state(conn);
	struct control *control = control_of(conn);
	if (control->count >= PEERS_MAX)
		make_room(control);
	control->count++;
	session->control = control;
	session->conn = conn;
	append_session(session);
}

static void on_lost(struct plait_conn *conn, enum plait_reason reason)
{
	struct session *session = plait_conn_state(conn);
	(void)reason;
	unlink_session(session);
	if (!session->leaving)
		session->control->count--;
	if (session->request)
		request_forget_peer(session->request);
}

/* ---- lines ---- */

void session_answer(struct session *session, const char *line, size_t len)
{
	session->request = NULL;
	if (!session->kept)
		plait_set_idle_timeout(session->conn, IDLE_MS);
	plait_write(session->conn, line, len);
	plait_resume(session->conn);
}

void session_keep(struct session *session)
{
	session->kept = true;
	plait_set_idle_timeout(session->conn, 0);
}

static void take_line(struct session *session, const char *line, size_t len)
{
	unlink_session(session);
	append_session(session);
	session->request = request_new(session->control->server, session);
	request_run(session->request, line, len);
	if (!session->request)
		return;
	plait_pause(session->conn);
	plait_set_idle_timeout(session->conn, 0); /* the silence is ours */
}

static size_t on_data(struct plait_conn *conn, const void *data, size_t len)
{
	static const char answer[] = "{\"v\":1,\"ok\":false,\"error\":{\"code\":\"bad-line\","
				     "\"text\":\"the line is longer than 16384 bytes\"}}\n";
	struct session *session = plait_conn_state(conn);
	const char *line = data, *end = line + len;
	while (!session->request && line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		if ((stop ? stop : end) - line > LINE_LONGEST) {
			plait_write(conn, answer, sizeof(answer) - 1);
			plait_close_error(conn, "a line is too long");
			return len;
		}
		if (!stop)
			break;
		if (stop > line)
			take_line(session, line, (size_t)(stop - line));
		line = stop + 1;
	}
	return (size_t)(line - (const char *)data);
}

static const struct plait_protocol protocol = {
	PLAIT_PROTOCOL_HEAD("control"),
	.conn_size = sizeof(struct session),
	.accept = on_accept,
	.made = on_made,
	.data = on_data,
	.lost = on_lost,
};

/* ---- the socket ---- */

static int bind_socket(struct control *control, const char *path, struct plait_error *error)
{
	struct broker *broker = control->server->broker;
	struct sockaddr_storage sa = { .ss_family = AF_UNIX };
	struct sockaddr_un *sun = (struct sockaddr_un *)&sa;
	size_t len = strlen(path);
	memcpy(sun->sun_path, path, len < sizeof(sun->sun_path) ? len : sizeof(sun->sun_path) - 1);
	struct broker_socket wanted = {
		.name = BROKER_CONTROL_NAME,
		.type = SOCK_STREAM,
		.sa = &sa,
		.len = sizeof(*sun),
		.settings = &control->settings.socket,
	};
	int fd = broker->ops->bind(broker, &wanted, error);
	if (fd < 0)
		return fd;
	if (broker->ops->own_paths)
		unix_path_remember(fd, &control->file);
	control->fd = fd;
	if (stream_listener_add(control->listener, control->loop, fd) == 0)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_MEMORY, path, "no memory for the control socket");
}

static void configure(struct control *control)
{
	control->settings = *net_settings_default();
	control->settings.timeouts.idle_ms = IDLE_MS;
	control->settings.timeouts.close_ms = CLOSE_MS;
	control->settings.buffers.high = OUTPUT_HIGH;
	control->settings.buffers.low = OUTPUT_HIGH / 4;
	control->settings.buffers.cap = OUTPUT_CAP;
	control->settings.buffers.input = LINE_LONGEST + LOOP_INPUT_SIZE;
	control->settings.socket.mode = "0600";
}

struct control *control_open(struct server *server, const char *path, struct plait_error *error)
{
	struct control *control = alloc_zeroed(sizeof(*control), "the control socket");
	control->server = server;
	control->path = strdup(path);
	if (!control->path)
		alloc_fail("the control socket");
	control->loop = server->reactor->boss;
	net_new(control->loop)->made = FIRST_NUMBER;
	configure(control);
	control->factory = factory_new(server->reactor, "control", &protocol, control, &control->settings,
				       error);
	if (!control->factory)
		goto fail;
	control->reception.factory = control->factory;
	struct stream_listener_options options = {
		.workers = server->reactor->workers,
		.transport = &transport_plain,
		.keep_on_loop = true,
		.spare = spare,
		.spare_arg = control,
	};
	control->listener = stream_listener_new(&options, &control->reception);
	if (!control->listener) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, path, "no memory for the control socket");
		goto fail;
	}
	if (bind_socket(control, path, error) == 0)
		return control;
fail:
	control_close(&control);
	return NULL;
}

int control_give(struct control *control, uid_t uid, gid_t gid)
{
	return unix_path_give(&control->file, uid, gid);
}

void control_start(struct control *control)
{
	famine_open_reserve();
	control->has_reserve = true;
	stream_listener_start(control->listener);
	log_write(PLAIT_LOG_INFO, NULL, "control socket on %s", control->path);
}

int control_socket(const struct control *control)
{
	return control->fd;
}

void control_hand_over(struct control *control)
{
	stream_listener_stop(control->listener);
}

void control_close(struct control **control_at)
{
	struct control *control = *control_at;
	struct plait_loop *here = plait_loop_current();
	*control_at = NULL;
	if (!control)
		return;
	unix_path_remove(&control->file);
	if (control->listener) {
		stream_listener_stop(control->listener);
		stream_listener_quiet(control->listener);
		loop_settle(control->loop); /* what is on its way to it */
	}
	loop_enter(control->loop);
	for (struct session *session = control->first; session; session = session->next)
		plait_close(session->conn);
	loop_settle(control->loop);
	/* Who is left has not taken all of an answer. */
	for (unsigned i = 0; control->first && i < LAST_TURNS; i++)
		loop_turn(control->loop, false);
	loop_enter(control->loop);
	net_abort_all(control->loop->net);
	loop_settle(control->loop);
	net_free(control->loop);
	stream_listener_free(&control->listener); /* its connections have known it to their end */
	loop_enter(here);
	if (control->has_reserve)
		famine_close_reserve();
	factory_free(&control->factory);
	free(control->path);
	free(control);
}
