/* The protocol of the tests of privileges: does on each line what a server that was taken over might, and says what came of
 * it. */
#include <errno.h>
#include <fcntl.h>
#include <plait/plait.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static int do_read(const char *word)
{
	return try_open(word, O_RDONLY);
}

static int do_write(const char *word)
{
	return try_open(word, O_WRONLY | O_CREAT);
}

static int do_root(const char *word)
{
	(void)word;
	return setresuid(0, 0, 0);
}

static int do_call(const char *word)
{
	return (int)syscall(atol(word), 0, 0, 0, 0, 0, 0);
}

static int do_socket(const char *word)
{
	int fd = socket(atoi(word), SOCK_RAW, 0);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static int do_fork(const char *word)
{
	(void)word;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid < 0 || waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}

static int do_run(const char *word)
{
	const char *argv[] = { word, NULL };
	struct plait_spawn_options options = { .argv = argv };
	struct plait_error error;
	if (plait_spawn(plait_loop_current(), &options, &error))
		return 0;
	plait_log(PLAIT_LOG_INFO, "%s", error.text);
	errno = EPERM;
	return -1;
}

static int do_getenv(const char *word)
{
	errno = ENOENT;
	return getenv(word) ? 0 : -1;
}

static int do_kill(const char *word)
{
	return kill(atoi(word), 0);
}

static const struct {
	const char *verb;
	int (*act)(const char *word);
} acts[] = {
	{ "read", do_read }, { "write", do_write },   { "root", do_root },
	{ "call", do_call }, { "socket", do_socket }, { "fork", do_fork },
	{ "run", do_run },   { "kill", do_kill },     { "getenv", do_getenv },
};

static void prisoner_message(struct plait_conn *conn, const void *line, size_t len)
{
	char text[512], answer[128] = "unknown\n", *word;
	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)line);
	word = strchr(text, ' ');
	if (word)
		*word++ = '\0';
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(acts[i].verb, text) != 0)
			continue;
		errno = 0;
		int result = acts[i].act(word ? word : "");
		snprintf(answer, sizeof(answer), "%s\n", result < 0 ? strerrorname_np(errno) : "done");
	}
	plait_write(conn, answer, strlen(answer));
}

PLAIT_PROTOCOL(prisoner, .summary = "tries what it may not", .framing = &plait_line_framing,
	       .message = prisoner_message);
