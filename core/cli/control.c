/* The commands that ask a running server: finding it, and one line to it and one back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/escape.h"
#include "core/cli/cli.h"
#include "core/config/config.h"

/* Of the protocol on the socket. */
#define WORDS_VERSION 1

/* A server that is well answers within a second. */
#define PATIENCE_S 30

/* Beyond what a supervisor gives a worker to begin. */
#define UPGRADE_PATIENCE_S 90

/* No answer of a server of ours is so long. */
#define ANSWER_LONGEST (64u << 20)

static int PLAIT_PRINTF(2, 3) fail(const struct arguments *arguments, const char *format, ...)
{
	char text[1200], clean[2400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	escape_controls(clean, sizeof(clean), text, strlen(text));
	fprintf(stderr, "plait %s: %s\n", arguments->command->name, clean);
	return CLI_FAILED;
}

/* ---- where it is ---- */

/* A configuration that has errors may still say where the server is that serves an older one. */
static int find_in_file(const struct arguments *arguments, char *path, size_t size)
{
	struct problems problems;
	int status = CLI_DONE;

	problems_init(&problems);
	struct config *config = config_load(arguments->operand, &problems);

	if (config && config->control) {
		snprintf(path, size, "%s", config->control);
	} else if (config) {
		status = fail(arguments,
			      "%s names no control socket; add \"control\": \"plait.sock\" and restart the "
			      "server, or name one with --control",
			      arguments->operand);
	} else {
		problems_print(&problems, stderr);
		status = fail(arguments,
			      "cannot tell from %s where the server is; name its control socket with "
			      "--control",
			      arguments->operand);
	}
	config_free(&config);
	problems_fini(&problems);
	return status;
}

static int find_socket(const struct arguments *arguments, char *path, size_t size)
{
	if (arguments->operand && arguments->control)
		return usage_error(arguments->command, "takes FILE or --control, not both");
	if (!arguments->operand && !arguments->control)
		return usage_error(arguments->command, "FILE is missing, or --control");
	if (arguments->operand)
		return find_in_file(arguments, path, size);
	snprintf(path, size, "%s", arguments->control);
	return CLI_DONE;
}

static int refused(const struct arguments *arguments, const char *path)
{
	switch (errno) {
	case ENOENT: return fail(arguments, "no server runs there: there is no %s", path);
	case ECONNREFUSED:
		return fail(arguments, "no server runs there: nobody listens on %s any more", path);
	case EACCES:
	case EPERM:
		return fail(arguments, "%s: %s; only root and the user that the server runs as may", path,
			    strerror(errno));
	default: return fail(arguments, "cannot connect to %s: %s", path, strerror(errno));
	}
}

/* A descriptor, or -1 and *status. */
static int connect_to(const struct arguments *arguments, const char *path, int *status)
{
	bool upgrade = strcmp(arguments->command->name, "upgrade") == 0;
	struct timeval patience = { .tv_sec = upgrade ? UPGRADE_PATIENCE_S : PATIENCE_S };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path)) {
		*status = fail(arguments, "%s is too long for a UNIX socket", path);
		return -1;
	}
	memcpy(sun.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), result = -1;

	do
		result = fd >= 0 ? connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) : -1;
	while (result < 0 && errno == EINTR);
	if (result == 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		return fd;
	}
	*status = refused(arguments, path);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- the question ---- */

enum kind { TEXT, NUMBER, FLAG };

static const struct {
	const char *key;
	enum kind kind;
	size_t offset;
} members[] = {
#define MEMBER(key_, kind_, member_)                                                                         \
	{                                                                                                    \
		.key = (key_), .kind = (kind_), .offset = offsetof(struct control_question, member_)         \
	}
	MEMBER("listener", TEXT, listener), MEMBER("peer", TEXT, peer),   MEMBER("state", TEXT, state),
	MEMBER("sort", TEXT, sort),         MEMBER("level", TEXT, level), MEMBER("id", NUMBER, id),
	MEMBER("limit", NUMBER, limit),     MEMBER("all", FLAG, all),     MEMBER("now", FLAG, now),
#undef MEMBER
};

/* NULL: it has not been set. */
static json_t *tell(enum kind kind, const void *member)
{
	const char *text = kind == TEXT ? *(const char *const *)member : NULL;
	uint64_t number = kind == NUMBER ? *(const uint64_t *)member : 0;

	if (kind == TEXT)
		return text ? json_string(text) : NULL;
	if (kind == NUMBER)
		return number > 0 ? json_integer((json_int_t)number) : NULL;
	return *(const bool *)member ? json_true() : NULL;
}

static char *make_line(const struct arguments *arguments)
{
	json_t *line = json_pack("{s:i, s:s}", "v", WORDS_VERSION, "command", arguments->command->name);

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		json_t *value = tell(members[i].kind, (const char *)&arguments->question + members[i].offset);

		if (value)
			json_object_set_new(line, members[i].key, value);
	}
	char *text = json_dumps(line, JSON_COMPACT);

	json_decref(line);
	return text;
}

static bool send_all(int fd, const char *text, size_t len)
{
	for (ssize_t sent; len > 0; text += sent, len -= (size_t)sent) {
		sent = send(fd, text, len, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return false;
		sent = sent < 0 ? 0 : sent;
	}
	return true;
}

/* ---- the answer ---- */

/* Up to the line's end. NULL: it did not come whole; errno is 0 when the server has ended it. */
static char *receive_line(int fd, size_t *len)
{
	size_t capacity = 65536;
	char *text = malloc(capacity);

	for (*len = 0; text && *len < ANSWER_LONGEST;) {
		if (*len == capacity) {
			char *larger = realloc(text, capacity *= 2);

			if (!larger)
				break;
			text = larger;
		}
		ssize_t got = recv(fd, text + *len, capacity - *len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = 0;
		if (got <= 0)
			break;
		*len += (size_t)got;
		if (text[*len - 1] == '\n')
			return text;
	}
	free(text);
	return NULL;
}

static void add_problem(struct problems *problems, const json_t *problem)
{
	const char *file = NULL, *path = NULL, *text = "";
	int line = 0, column = 0, warning = 0;

	json_unpack((json_t *)problem, "{s?s, s?s, s?s, s?i, s?i, s?b}", "file", &file, "path", &path, "text",
		    &text, "line", &line, "column", &column, "warning", &warning);
	problems->file = file;
	problems_add_at(problems, line, column, path, "%s", text);
	if (problems->count > 0)
		problems->items[problems->count - 1].warning = warning;
}

/* As plait check would. */
static void print_problems(const json_t *list, int64_t omitted)
{
	struct problems problems;
	const json_t *problem;
	size_t i;

	problems_init(&problems);
	json_array_foreach(list, i, problem) add_problem(&problems, problem);
	if (omitted > 0)
		problems.omitted += (size_t)omitted;
	problems_print(&problems, stderr);
	problems_fini(&problems);
}

static int judge(const struct arguments *arguments, const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const char *text = json_string_value(json_object_get(error, "text"));

	if (json_is_true(json_object_get(answer, "ok"))) {
		print_problems(json_object_get(answer, "warnings"), 0);
		control_print(arguments, answer);
		return CLI_DONE;
	}
	print_problems(json_object_get(error, "problems"),
		       json_integer_value(json_object_get(error, "omitted")));
	return fail(arguments, "%s", text ? text : "the server refused, and did not say why");
}

static int read_answer(const struct arguments *arguments, int fd)
{
	size_t len;
	char *text = receive_line(fd, &len);
	int status = CLI_FAILED;

	if (!text)
		return fail(arguments, "the server did not answer: %s",
			    errno == 0 || errno == ECONNRESET ? "it ended the connection"
			    : errno == EAGAIN                 ? "it took too long"
							      : strerror(errno));
	json_t *answer = json_loadb(text, len, 0, NULL);
	bool ours = json_integer_value(json_object_get(answer, "v")) == WORDS_VERSION;

	if (arguments->json) {
		fwrite(text, 1, len, stdout);
		status = json_is_true(json_object_get(answer, "ok")) ? CLI_DONE : CLI_FAILED;
	} else if (!ours) {
		status = fail(arguments, "the server answered in words of another version; see --json");
	} else {
		status = judge(arguments, answer);
	}
	json_decref(answer);
	free(text);
	return status;
}

/* The server ends the connection when it has ended itself. */
static void wait_for_end(int fd)
{
	static const struct timeval forever;
	char byte;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	while (recv(fd, &byte, 1, 0) > 0 || errno == EINTR)
		errno = 0;
}

int control_command(const struct arguments *arguments)
{
	char path[4096];
	int status = find_socket(arguments, path, sizeof(path));

	if (status != CLI_DONE)
		return status;
	int fd = connect_to(arguments, path, &status);

	if (fd < 0)
		return status;
	char *line = make_line(arguments);

	if (!line)
		status = fail(arguments, "an argument is not UTF-8");
	else if ((!send_all(fd, line, strlen(line)) || !send_all(fd, "\n", 1)) && errno == EAGAIN)
		status = fail(arguments, "the server does not listen to us: it took too long");
	else /* who ends the connection may have said why */
		status = read_answer(arguments, fd);
	if (status == CLI_DONE && strcmp(arguments->command->name, "stop") == 0) {
		fflush(stdout);
		wait_for_end(fd);
	}
	free(line);
	close(fd);
	return status;
}
