/* A protocol on a child's pipes: a factory for one connection, and a child that ends after it. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/async/process.h"
#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/net/conn/conn.h"
#include "core/net/own_protocol.h"
#include "core/net/transport/pipes.h"

/* From the spawn to the connection's end. */
struct process_conn {
	struct pipes pipes;
	struct conn_owner owner;
	struct plait_process *process; /* a reference */
	struct plait_factory *factory;
	struct net_settings settings;
	struct own_protocol own;
};

static void free_process_conn(struct process_conn *made)
{
	factory_free(&made->factory);
	own_protocol_fini(&made->own);
	plait_process_unref(&made->process);
	free(made);
}

/* The last that is heard of the connection. */
static void on_gone(struct conn_owner *owner, const struct plait_addr *peer)
{
	(void)peer;
	free_process_conn(CONTAINER_OF(owner, struct process_conn, owner));
}

static void on_closed(struct pipes *pipes, bool reset)
{
	struct process_conn *made = CONTAINER_OF(pipes, struct process_conn, pipes);
	if (reset)
		plait_process_signal(made->process, SIGKILL);
	process_pipe_taken_closed(process_find_pipe(made->process, 0));
	process_pipe_taken_closed(process_find_pipe(made->process, 1));
}

static uint64_t either(uint64_t given, uint64_t usual)
{
	return given ? given : usual;
}

/* A child may take as long as it likes for all it does. */
static void set_settings(struct net_settings *settings, const struct plait_spawn_options *options)
{
	*settings = *net_settings_default();
	settings->timeouts = (struct timeout_settings){ .close_ms = settings->timeouts.close_ms };
	settings->answered = true;
	settings->buffers.high = either(options->high, settings->buffers.high);
	settings->buffers.low = either(options->low, settings->buffers.low);
	settings->buffers.cap = either(options->cap, settings->buffers.cap);
}

/* plait_spawn is still to look whether there is one. */
static const char *name_of(const struct plait_spawn_options *options)
{
	if (options->program)
		return options->program;
	return options->argv && options->argv[0] ? options->argv[0] : "";
}

static struct process_conn *process_conn_new(struct plait_loop *loop,
					     const struct plait_spawn_options *options,
					     const struct plait_protocol *protocol,
					     const void *protocol_options, struct plait_error *error)
{
	struct process_conn *made = calloc(1, sizeof(*made));
	if (!made) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a connection to a child");
		return NULL;
	}
	made->owner.gone = on_gone;
	made->pipes.closed = on_closed;
	set_settings(&made->settings, options);
	if (own_protocol_init(&made->own, protocol, protocol_options, error) == 0)
		made->factory = factory_new(loop->reactor, name_of(options), &made->own.protocol,
					    made->own.options, &made->settings, error);
	if (made->factory)
		return made;
	free_process_conn(made);
	return NULL;
}

/* Takes 0 and 1 over; the connection is owed to who waits for it, so it is made or the program ends. */
static void connect_to(struct process_conn *made, const struct plait_spawn_options *options)
{
	struct plait_process *process = made->process;
	struct plait_addr peer = { .family = PLAIT_FAMILY_UNIX };
	peer.u.peer.pid = (uint32_t)process->pid;
	peer.u.peer.uid = options->user ? options->user->uid : geteuid();
	peer.u.peer.gid = options->user ? options->user->gid : getegid();
	pipes_init(&made->pipes, process->loop, process_pipe_take(process_find_pipe(process, 1)),
		   process_pipe_take(process_find_pipe(process, 0)));
	struct plait_conn *conn = conn_new(process->loop, made->factory, &transport_pipes, -1, &made->pipes,
					   &peer, &made->owner);
	if (!conn)
		alloc_fail("a connection to a child");
	conn_start(conn);
}

static bool has_pipe(const struct plait_spawn_options *options, int child_fd, enum plait_process_fd_kind kind)
{
	for (size_t i = 0; i < options->fd_count; i++) {
		if (options->fds[i].child_fd == child_fd)
			return options->fds[i].kind == kind;
	}
	return false;
}

struct plait_process *plait_spawn_protocol(struct plait_loop *loop, const struct plait_spawn_options *options,
					   const struct plait_protocol *protocol,
					   const void *protocol_options, struct plait_error *error)
{
	loop_assert_here(loop);
	if (options->fds && !options->terminal &&
	    (!has_pipe(options, 0, PLAIT_PIPE_WRITE) || !has_pipe(options, 1, PLAIT_PIPE_READ))) {
		plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"cannot run a protocol on \"%.300s\": 0 is to be a pipe that we write, and 1 one "
			"that we read",
			name_of(options));
		return NULL;
	}
	struct process_conn *made = process_conn_new(loop, options, protocol, protocol_options, error);
	if (!made)
		return NULL;
	struct plait_process *process = plait_spawn(loop, options, error);
	if (!process) {
		free_process_conn(made);
		return NULL;
	}
	made->process = plait_process_ref(process);
	connect_to(made, options);
	return process;
}

struct plait_process *plait_conn_process(const struct plait_conn *conn)
{
	if (conn->transport.ops != &transport_pipes)
		return NULL;
	return CONTAINER_OF((struct pipes *)conn->transport.handle, struct process_conn, pipes)->process;
}
