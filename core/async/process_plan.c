/* What a child is to have, checked and opened before there is a child. */
#include "core/async/process_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/system_text.h"

#define STDIO_COUNT 3
#define FALLBACK_PATH "/usr/local/bin:/usr/bin:/bin"

static const struct plait_process_fd usual_fds[] = {
	{ .child_fd = 0, .kind = PLAIT_PIPE_WRITE },
	{ .child_fd = 1, .kind = PLAIT_PIPE_READ },
	{ .child_fd = 2, .kind = PLAIT_PIPE_READ },
};

static const char *program_of(const struct plait_spawn_options *options)
{
	return options->program ? options->program : options->argv[0];
}

static int invalid(const struct plait_spawn_options *options, struct plait_error *error, const char *what)
{
	return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "cannot start \"%s\": %s",
			       program_of(options), what);
}

static int refused(const struct plait_spawn_options *options, struct plait_error *error, const char *what)
{
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot start \"%s\": %s: %s",
			       program_of(options), what, system_text(errno));
}

/* ---- where the program may be ---- */

static int no_memory(struct plait_error *error)
{
	return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory to start a program");
}

static size_t count_folders(const char *path)
{
	size_t count = 1;
	for (; *path; path++)
		count += *path == ':';
	return count;
}

/* PATH's folders are read here, for the child has no memory to put them together. */
static int find_candidates(struct process_plan *plan, const char *program, struct plait_error *error)
{
	const char *path = getenv("PATH");
	if (!path || !*path)
		path = FALLBACK_PATH;
	if (strchr(program, '/'))
		path = "";
	size_t folders = count_folders(path), len = strlen(program), count = 0;
	plan->candidates = calloc(folders + 1, sizeof(*plan->candidates));
	plan->paths = malloc(strlen(path) + folders * (len + 2));
	if (!plan->candidates || !plan->paths)
		return no_memory(error);
	if (!*path)
		plan->candidates[count++] = program;
	for (char *at = plan->paths; *path;) {
		size_t folder = strcspn(path, ":");
		if (folder > 0) {
			plan->candidates[count++] = at;
			at = mempcpy(at, path, folder);
			*at++ = '/';
			at = mempcpy(at, program, len + 1);
		}
		path += folder + (path[folder] == ':');
	}
	return 0;
}

/* ---- descriptors ---- */

static struct planned_fd *find(const struct process_plan *plan, int target)
{
	for (size_t i = 0; i < plan->fd_count; i++) {
		if (plan->fds[i].target == target)
			return &plan->fds[i];
	}
	return NULL;
}

static struct planned_fd *add(struct process_plan *plan, int target, int source)
{
	struct planned_fd *fd = &plan->fds[plan->fd_count++];
	*fd = (struct planned_fd){ .target = target, .source = source, .ours = -1 };
	return fd;
}

static int do_not_block(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* Only our end does not block: a program need not know that it talks to one that never waits. */
static int add_pipe(struct process_plan *plan, int target, bool writes)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	struct planned_fd *fd = add(plan, target, ends[writes ? 0 : 1]);
	fd->opened = true;
	fd->ours = ends[writes ? 1 : 0];
	fd->writes = writes;
	plan->pipe_count++;
	return do_not_block(fd->ours);
}

static int add_null(struct process_plan *plan, int target)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	add(plan, target, fd)->opened = true;
	return 0;
}

static int add_fd(struct process_plan *plan, const struct plait_process_fd *wanted)
{
	switch (wanted->kind) {
	case PLAIT_PIPE_READ: return add_pipe(plan, wanted->child_fd, false);
	case PLAIT_PIPE_WRITE: return add_pipe(plan, wanted->child_fd, true);
	case PLAIT_FD_NULL: return add_null(plan, wanted->child_fd);
	case PLAIT_FD_SAME: add(plan, wanted->child_fd, find(plan, wanted->fd)->source); return 0;
	case PLAIT_FD_INHERIT:
		if (fcntl(wanted->fd, F_GETFD) < 0)
			return -1;
		add(plan, wanted->child_fd, wanted->fd);
		return 0;
	}
	return 0;
}

static int add_table(struct process_plan *plan, const struct plait_spawn_options *options,
		     struct plait_error *error)
{
	for (size_t i = 0; i < options->fd_count; i++) {
		const struct plait_process_fd *wanted = &options->fds[i];
		if (wanted->child_fd < 0 || wanted->child_fd > PLAIT_PROCESS_FD_MAX)
			return invalid(options, error, "a descriptor of the table is out of range");
		if (wanted->kind < PLAIT_PIPE_READ || wanted->kind > PLAIT_FD_NULL)
			return invalid(options, error,
				       "a descriptor of the table is of no kind that there is");
		if (find(plan, wanted->child_fd))
			return invalid(options, error,
				       options->terminal && wanted->child_fd < STDIO_COUNT
					       ? "0, 1 and 2 are its terminal, and cannot be in the table"
					       : "a descriptor is in the table twice");
		if (wanted->kind == PLAIT_FD_SAME && !find(plan, wanted->fd))
			return invalid(
				options, error,
				"a descriptor is to be the same as one that is not before it in the table");
		if (add_fd(plan, wanted) < 0)
			return refused(options, error, "opening a descriptor for it");
	}
	return 0;
}

/* The slave is opened through the master, which works without a /dev/pts, too. */
static int open_terminal(const struct plait_spawn_options *options, int *master, int *slave)
{
	struct winsize size = { .ws_row = options->terminal->rows, .ws_col = options->terminal->columns };
	*slave = -1;
	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master < 0)
		return -1;
	if (unlockpt(*master) == 0 && ioctl(*master, TIOCSWINSZ, &size) == 0)
		*slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave >= 0 && (!options->user || fchown(*slave, options->user->uid, (gid_t)-1) == 0))
		return 0;
	return -1;
}

/* Two descriptors for the master, so that each direction is watched for itself. */
static int add_terminal(struct process_plan *plan, const struct plait_spawn_options *options)
{
	int master, slave, result = open_terminal(options, &master, &slave);
	int writer = result == 0 ? fcntl(master, F_DUPFD_CLOEXEC, 0) : -1;
	struct planned_fd *in = add(plan, 0, slave);
	in->ours = writer;
	in->writes = true;
	struct planned_fd *out = add(plan, 1, slave);
	out->ours = master;
	struct planned_fd *err = add(plan, 2, slave);
	err->opened = true;
	plan->pipe_count += 2;
	return writer >= 0 ? do_not_block(master) : -1;
}

static int add_missing(struct process_plan *plan)
{
	for (int target = 0; target < STDIO_COUNT; target++) {
		if (!find(plan, target) && add_null(plan, target) < 0)
			return -1;
	}
	return 0;
}

static int by_target(const void *a, const void *b)
{
	return ((const struct planned_fd *)a)->target - ((const struct planned_fd *)b)->target;
}

static int open_fds(struct process_plan *plan, const struct plait_spawn_options *options,
		    struct plait_error *error)
{
	if (options->terminal && add_terminal(plan, options) < 0)
		return refused(options, error, "making its terminal");
	int result = add_table(plan, options, error);
	if (result < 0)
		return result;
	if (add_missing(plan) < 0)
		return refused(options, error, "opening /dev/null for it");
	qsort(plan->fds, plan->fd_count, sizeof(plan->fds[0]), by_target);
	for (size_t i = 0; i < plan->fd_count; i++)
		plan->child_fds[i] = (struct child_fd){ plan->fds[i].target, plan->fds[i].source };
	return 0;
}

static int plan_fds(struct process_plan *plan, const struct plait_spawn_options *options,
		    struct plait_error *error)
{
	struct plait_spawn_options with_table = *options;
	if (!options->fds && !options->terminal) {
		with_table.fds = usual_fds;
		with_table.fd_count = STDIO_COUNT;
	} else if (!options->fds) {
		with_table.fd_count = 0;
	}
	if (with_table.fd_count > PLAIT_PROCESS_FD_MAX + 1)
		return invalid(options, error, "its table has more descriptors than there may be");
	plan->fds = calloc(with_table.fd_count + STDIO_COUNT, sizeof(plan->fds[0]));
	plan->child_fds = calloc(with_table.fd_count + STDIO_COUNT, sizeof(plan->child_fds[0]));
	if (!plan->fds || !plan->child_fds)
		return no_memory(error);
	return open_fds(plan, &with_table, error);
}

int process_plan_init(struct process_plan *plan, const struct plait_spawn_options *options,
		      struct plait_error *error)
{
	*plan = (struct process_plan){ 0 };
	if (!options->argv || !options->argv[0] || !*program_of(options))
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "cannot start a program without a name: argv is empty");
	int result = find_candidates(plan, program_of(options), error);
	if (result == 0)
		result = plan_fds(plan, options, error);
	plan->child = (struct child_plan){
		.candidates = plan->candidates,
		.argv = options->argv,
		.env = options->env ? options->env : (const char *const *)environ,
		.cwd = options->cwd,
		.user = options->user,
		.fds = plan->child_fds,
		.fd_count = plan->fd_count,
		.new_group = options->new_group,
		.new_session = options->new_session || options->terminal,
		.terminal = options->terminal != NULL,
	};
	return result;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void process_plan_fini(struct process_plan *plan)
{
	for (size_t i = 0; i < plan->fd_count; i++) {
		if (plan->fds[i].opened)
			close_if_open(plan->fds[i].source);
		close_if_open(plan->fds[i].ours);
	}
	free(plan->fds);
	free(plan->child_fds);
	free(plan->candidates);
	free(plan->paths);
	*plan = (struct process_plan){ 0 };
}
