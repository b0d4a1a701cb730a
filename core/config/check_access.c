/* Who may come to a listener: the lists of addresses that it allows and denies, with the files that they name. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/open_file.h"
#include "core/base/option_arena.h"
#include "core/base/system_text.h"
#include "core/config/check.h"
#include "core/policy/access.h"

/* What a list may have, with its files; a mistake must not take all memory. */
#define MOST_BLOCKS ((size_t)1 << 20)
#define MOST_WRONG_LINES 20

struct list {
	const struct config *config;
	const struct plait_strings *entries;
	struct cidr_set *set;
	struct problems *problems;
	char path[64]; /* "listeners[0].allow" */
};

/* 0, or -1: it is not good, and error says why. */
static int add(const struct list *list, const char *text, struct plait_error *error)
{
	struct cidr cidr;

	if (cidr_parse(text, &cidr, error) < 0)
		return -1;
	if (cidr_set_count(list->set) >= MOST_BLOCKS) {
		plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				"a list has at most %zu blocks; join some of them", MOST_BLOCKS);
		return -1;
	}
	if (cidr_set_add(list->set, &cidr) < 0)
		alloc_fail("a list of addresses");
	return 0;
}

/* Cuts the comment and the blanks off. */
static char *trim(char *line)
{
	static const char blanks[] = " \t\r\n";

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, blanks);
	size_t len = strlen(line);
	while (len > 0 && strchr(blanks, line[len - 1]))
		len--;
	line[len] = '\0';
	return line;
}

/* The faults are in that file. */
static void read_lines(const struct list *list, const char *file, FILE *in, const char *path)
{
	const char *before = list->problems->file;
	char *line = NULL;
	size_t size = 0, wrong = 0;
	ssize_t len;
	int number = 0;

	list->problems->file = file;
	while ((len = getline(&line, &size, in)) >= 0) {
		struct plait_error error;
		bool whole = strlen(line) == (size_t)len; /* a crash of the machine can leave zeros */
		char *text = trim(line);
		number++;
		if (whole && (*text == '\0' || add(list, text, &error) == 0))
			continue;
		if (!whole)
			plait_error_set(&error, PLAIT_ERROR_INVALID, NULL, "a zero byte is in this line");
		problems_add_at(list->problems, number, (int)(text - line) + 1, path, "%s", error.text);
		if (++wrong == MOST_WRONG_LINES) {
			problems_add_at(list->problems, number + 1, 1, path,
					"not read any further, with so many wrong lines");
			break;
		}
	}
	if (wrong < MOST_WRONG_LINES && !feof(in)) /* a list that is cut short lets in whom it should not */
		problems_add_at(list->problems, number + 1, 1, path, "cannot read it: %s",
				system_text(errno));
	list->problems->file = before;
	free(line);
}

/* As the configuration itself was called. */
static const char *called(const struct config *config, const char *name)
{
	const char *slash = strrchr(config->file, '/');
	char folder[PATH_MAX];

	if (!slash || (size_t)(slash - config->file) >= sizeof(folder))
		return name;
	snprintf(folder, sizeof(folder), "%.*s", slash == config->file ? 1 : (int)(slash - config->file),
		 config->file);
	return option_arena_path(config->arena, folder, name);
}

/* A pipe could be waited for without end. */
static void read_file(const struct list *list, const char *name, const char *path)
{
	const char *file = option_arena_path(list->config->arena, list->config->folder, name);
	const char *shown = called(list->config, name);
	int fd = open_file(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat found;

	if (fd < 0 || fstat(fd, &found) < 0) {
		problems_add(list->problems, path, "cannot open %s: %s", name, system_text(errno));
	} else if (!S_ISREG(found.st_mode)) {
		problems_add(list->problems, path, "%s is no regular file; keep the addresses in one", name);
	} else {
		FILE *in = fdopen(fd, "r");
		while (!in) {
			if (!alloc_spend_reserve("a list of addresses"))
				alloc_fail("a list of addresses");
			in = fdopen(fd, "r");
		}
		read_lines(list, shown, in, path);
		fclose(in);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void read_entry(const struct list *list, size_t index)
{
	static const char prefix[] = "file:";
	const char *entry = list->entries->items[index];
	struct plait_error error;
	char path[96];

	snprintf(path, sizeof(path), "%s[%zu]", list->path, index);
	if (strncmp(entry, prefix, strlen(prefix)) == 0)
		read_file(list, entry + strlen(prefix), path);
	else if (add(list, entry, &error) < 0)
		problems_add(list->problems, path, "%s", error.text);
}

/* NULL: the listener does not say. */
static struct cidr_set *read_list(const struct config *config, size_t index, const char *key,
				  const struct plait_strings *entries, struct problems *problems)
{
	struct list list = { .config = config, .entries = entries, .problems = problems };

	if (entries->count == 0)
		return NULL;
	snprintf(list.path, sizeof(list.path), "listeners[%zu].%s", index, key);
	list.set = cidr_set_new();
	if (!list.set)
		alloc_fail("a list of addresses");
	for (size_t i = 0; i < entries->count; i++)
		if (entries->items[i]) /* else it is an error already */
			read_entry(&list, i);
	if (cidr_set_compile(list.set) < 0)
		alloc_fail("a list of addresses");
	return list.set;
}

void config_check_access(struct config *config, size_t index, struct problems *problems)
{
	struct listener_config *listener = (struct listener_config *)config->listeners.items + index;
	char path[64];

	if (listener->allow.count == 0 && listener->deny.count == 0)
		return;
	if (listener->endpoint_known && listener->endpoint.scheme == ENDPOINT_UNIX &&
	    listener->proxy.mode == PLAIT_PROXY_OFF) {
		snprintf(path, sizeof(path), "listeners[%zu].%s", index,
			 listener->deny.count ? "deny" : "allow");
		problems_add(
			problems, path,
			"the peers of a UNIX socket have no address, unless a PROXY header tells one; who may "
			"connect is for socket.mode to say");
		return;
	}
	struct cidr_set *deny = read_list(config, index, "deny", &listener->deny, problems);
	struct cidr_set *allow = read_list(config, index, "allow", &listener->allow, problems);
	listener->access = access_new(deny, allow);
	if (!listener->access)
		alloc_fail("a list of addresses");
}
