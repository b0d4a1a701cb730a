/* Programs that follow each other: what they hand on is descriptors, and a file in memory that says what they are. */
#include "core/server/supervisor/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/config/read.h"
#include "core/server/supervisor/inside.h"
#include "core/server/systemd/notify.h"

#define WORKER_VARIABLE "PLAIT_WORKER_CHANNEL"
#define STATE_VARIABLE "PLAIT_SUPERVISOR_STATE"

/* A change of what the structs below mean makes it another one; their sizes are told, too. */
#define STATE_VERSION 5

/* Followed by the entries of the store. Numbers of descriptors are as they were. */
struct state {
	uint32_t version;
	uint32_t entry_count;
	struct supervisor supervisor; /* its pointers mean nothing */
};

uint32_t upgrade_state_version(void)
{
	return STATE_VERSION << 24 ^ (uint32_t)sizeof(struct state) << 8 ^
	       (uint32_t)sizeof(struct store_entry) ^ (uint32_t)sizeof(struct page) << 4;
}

/* ---- the program ---- */

static char *join(const char *folder, size_t len, const char *name)
{
	char *path = NULL;
	if (asprintf(&path, "%.*s/%s", (int)len, folder, name) < 0)
		return NULL;
	return path;
}

static char *find_in_path(const char *name)
{
	const char *folder = getenv("PATH");
	while (folder && *folder) {
		size_t len = strcspn(folder, ":");
		char *path = len > 0 ? join(folder, len, name) : NULL;
		if (path && access(path, X_OK) == 0)
			return path;
		free(path);
		folder += len + (folder[len] == ':');
	}
	return NULL;
}

char *upgrade_find_program(void)
{
	const char *name = program_invocation_name;
	if (name[0] == '/')
		return strdup(name);
	if (!strchr(name, '/'))
		return find_in_path(name);
	char *here = getcwd(NULL, 0);
	char *path = here ? join(here, strlen(here), name) : NULL;
	free(here);
	return path;
}

static void keep_open(int fd, bool keep)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

static void execute(const struct supervisor *supervisor, const char *variable, int fd)
{
	char number[16];
	char *const argv[] = { (char *)supervisor->program, (char *)"run", (char *)"--",
			       (char *)supervisor->file, NULL };
	snprintf(number, sizeof(number), "%d", fd);
	setenv(variable, number, 1);
	keep_open(fd, true);
	notify_restore();
	execv(supervisor->program, argv);
	int failure = errno;
	keep_open(fd, false);
	unsetenv(variable);
	notify_hide();
	errno = failure;
}

/* The variable is for this program, not for what it starts. -1: there is none. */
static int take_number(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	if (!text)
		return -1;
	long number = strtol(text, &end, 10);
	bool good = *text && !*end && number > 2 && number < 1 << 24 && fcntl((int)number, F_GETFD) >= 0;
	unsetenv(variable);
	if (!good)
		return -1;
	keep_open((int)number, false);
	return (int)number;
}

_Noreturn void upgrade_exec_worker(const struct supervisor *supervisor, int channel)
{
	pthread_sigmask(SIG_SETMASK, &supervisor->mask, NULL);
	execute(supervisor, WORKER_VARIABLE, channel);
	log_answer(PLAIT_LOG_ERROR, NULL, "cannot execute %s: %s", supervisor->program, strerror(errno));
	_exit(127);
}

int upgrade_worker_channel(void)
{
	int type = 0, fd = take_number(WORKER_VARIABLE);
	socklen_t len = sizeof(type);
	if (fd < 0)
		return -1;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET ? fd : -1;
}

/* ---- the supervisor ---- */

static bool write_all(int fd, const void *bytes, size_t len)
{
	for (const char *at = bytes; len > 0;) {
		ssize_t written = write(fd, at, len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		at += written;
		len -= (size_t)written;
	}
	return true;
}

/* -1 with errno. */
static int write_state(const struct supervisor *supervisor)
{
	struct state *state = calloc(1, sizeof(*state));
	int fd = state ? memfd_create("plait-supervisor", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
	size_t entries = supervisor->store.count * sizeof(supervisor->store.entries[0]);
	if (fd >= 0) {
		state->version = upgrade_state_version();
		state->entry_count = (uint32_t)supervisor->store.count;
		state->supervisor = *supervisor;
		if (!write_all(fd, state, sizeof(*state)) ||
		    !write_all(fd, supervisor->store.entries, entries)) {
			close(fd);
			fd = -1;
		}
	}
	free(state);
	if (fd >= 0)
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	return fd;
}

/* All that is handed on. */
static void keep_all_open(const struct supervisor *supervisor, bool keep)
{
	for (size_t i = 0; i < supervisor->store.count; i++)
		keep_open(supervisor->store.entries[i].fd, keep);
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		const struct worker_process *worker = &supervisor->workers[i];
		if (worker->state == WORKER_NONE)
			continue;
		keep_open(worker->channel, keep);
		keep_open(worker->text, keep);
		keep_open(worker->read, keep);
		keep_open(worker->page_fd, keep);
	}
	keep_open(supervisor->text, keep);
	keep_open(supervisor->signals, keep);
}

void upgrade_exec(struct supervisor *supervisor)
{
	int fd = write_state(supervisor);
	if (fd < 0)
		return;
	keep_all_open(supervisor, true);
	execute(supervisor, STATE_VARIABLE, fd);
	int failure = errno;
	keep_all_open(supervisor, false);
	close(fd);
	errno = failure;
}

static bool read_config(struct supervisor *supervisor, const char *file)
{
	struct problems problems;
	size_t len;
	char *text = channel_read_text(supervisor->text, CONFIG_MOST_BYTES, &len);
	problems_init(&problems);
	supervisor->config = text ? config_load_text(file, text, len, &problems) : NULL;
	problems_fini(&problems);
	free(text);
	if (supervisor->config) /* the file may say something else by now */
		lender_learn(&supervisor->lender, supervisor->config);
	return supervisor->config;
}

/* Pointers of another program's are replaced. */
static bool take_over(struct supervisor *supervisor, const struct state *state)
{
	const char *file = supervisor->file;
	char *program = supervisor->program;
	*supervisor = state->supervisor;
	supervisor->file = file;
	supervisor->program = program;
	supervisor->config = NULL;
	supervisor->lender = (struct lender){ 0 };
	supervisor->identity = (struct identity){ 0 };
	supervisor->owns = false;
	supervisor->store = (struct store){ 0 };
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		struct worker_process *worker = &supervisor->workers[i];
		worker->given = NULL;
		if (worker->state != WORKER_NONE)
			worker->page = page_open(worker->page_fd);
	}
	const struct store_entry *entries = (const struct store_entry *)(state + 1);
	supervisor->store.entries = calloc(state->entry_count + 1, sizeof(*entries));
	if (!supervisor->store.entries)
		return false;
	supervisor->store.count = supervisor->store.capacity = state->entry_count;
	memcpy(supervisor->store.entries, entries, state->entry_count * sizeof(*entries));
	return read_config(supervisor, file);
}

int upgrade_resume(struct supervisor *supervisor)
{
	struct stat found;
	int fd = take_number(STATE_VARIABLE);
	if (fd < 0)
		return 0;
	size_t size = fstat(fd, &found) == 0 ? (size_t)found.st_size : 0;
	struct state *state = size >= sizeof(*state) ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0)
						     : MAP_FAILED;
	close(fd);
	if (state == MAP_FAILED)
		return -1;
	bool good = state->version == upgrade_state_version() &&
		    size == sizeof(*state) + state->entry_count * sizeof(struct store_entry) &&
		    take_over(supervisor, state);
	munmap(state, size);
	if (!good)
		return -1;
	keep_all_open(supervisor, false);
	return 1;
}
