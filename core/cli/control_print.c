/* What a running server answered, for people. */
#include <inttypes.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/base/text.h"
#include "core/base/units.h"
#include "core/cli/cli.h"

/* A server's texts may hold what others brought. */
static const char *text_of(const json_t *object, const char *key, char *out, size_t size)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);

	if (json_is_integer(value))
		snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		snprintf(out, size, "%.1f", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
	else
		escape_controls(out, size, text ? text : "-", text ? strlen(text) : 1);
	return out;
}

static int64_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* ---- tables ---- */

struct column {
	const char *title, *key;
	bool right; /* numbers */
};

#define COLUMNS_MAX 12

static void print_cell(const struct column *column, const char *text, int width, bool last)
{
	if (column->right)
		printf("%*s", width, text);
	else if (last)
		printf("%s", text);
	else
		printf("%-*s", width, text);
	printf(last ? "\n" : "  ");
}

static void print_table(const struct column *columns, const json_t *rows)
{
	int widths[COLUMNS_MAX];
	char cell[512];
	const json_t *row;
	size_t count = 0, i;

	for (; columns[count].title; count++) {
		size_t width = strlen(columns[count].title);

		json_array_foreach(rows, i, row)
		{
			size_t len = strlen(text_of(row, columns[count].key, cell, sizeof(cell)));

			width = len > width ? len : width;
		}
		widths[count] = (int)width;
	}
	for (size_t c = 0; c < count; c++)
		print_cell(&columns[c], columns[c].title, widths[c], c + 1 == count);
	json_array_foreach(rows, i, row) for (size_t c = 0; c < count; c++)
		print_cell(&columns[c], text_of(row, columns[c].key, cell, sizeof(cell)), widths[c],
			   c + 1 == count);
}

/* "closed 5, reset 2" behind head; nothing when there are none. */
static void print_counts(const char *head, const json_t *object)
{
	const char *key, *separator = "";
	json_t *value;

	if (json_object_size(object) == 0)
		return;
	printf("%s", head);
	json_object_foreach((json_t *)object, key, value)
	{
		char clean[128];

		escape_controls(clean, sizeof(clean), key, strlen(key));
		printf("%s%s %" JSON_INTEGER_FORMAT, separator, clean, json_integer_value(value));
		separator = ", ";
	}
	putchar('\n');
}

static void print_missing(const json_t *answer)
{
	int64_t missing = number_of(answer, "loops_missing");

	if (missing > 0)
		printf("%" PRId64 " of the server's loops did not answer: a plugin's callback holds them\n",
		       missing);
}

/* ---- status ---- */

static void print_loops(const json_t *loops)
{
	const json_t *loop;
	size_t i;

	json_array_foreach(loops, i, loop)
		printf("  loop %" PRId64 ": %" PRId64 " connections%s\n", number_of(loop, "loop"),
		       number_of(loop, "connections"),
		       json_is_true(json_object_get(loop, "answers")) ? "" : "; DOES NOT ANSWER");
}

static void print_plugins(const json_t *plugins)
{
	char name[128], version[128], file[1024];
	const json_t *plugin;
	size_t i;

	json_array_foreach(plugins, i, plugin)
		printf("  plugin %s %s, %s%s\n", text_of(plugin, "protocol", name, sizeof(name)),
		       text_of(plugin, "version", version, sizeof(version)),
		       text_of(plugin, "file", file, sizeof(file)),
		       json_is_true(json_object_get(plugin, "current"))
			       ? ""
			       : "; an older edition, in use until its last connection ends");
}

static void print_supervisor(const json_t *supervisor)
{
	char last[256];

	if (!json_is_object(supervisor))
		return;
	printf("  supervisor: pid %" PRId64 ", workers started %" PRId64 ", crashed %" PRId64 "\n",
	       number_of(supervisor, "pid"), number_of(supervisor, "workers_started"),
	       number_of(supervisor, "crashes"));
	if (json_is_string(json_object_get(supervisor, "last_crash")))
		printf("  last crash: %s\n", text_of(supervisor, "last_crash", last, sizeof(last)));
}

static bool is_none(const json_t *privilege, const char *key)
{
	const char *text = json_string_value(json_object_get(privilege, key));

	return text && text[strspn(text, "0")] == '\0';
}

static void print_sandbox(const char *name, const json_t *sandbox)
{
	char wanted[32], why[512];
	bool applied = json_is_true(json_object_get(sandbox, "applied"));

	printf("  %s: %s", name, text_of(sandbox, "wanted", wanted, sizeof(wanted)));
	if (applied)
		printf(", in force");
	else if (strcmp(wanted, "off") != 0)
		printf(", NOT IN FORCE: %s", text_of(sandbox, "why", why, sizeof(why)));
	putchar('\n');
}

static void print_privilege(const json_t *privilege)
{
	static const char *const sets[] = { "effective", "permitted", "inheritable", "bounding", "ambient" };
	int64_t unlike = number_of(privilege, "threads_unlike");
	char text[32];

	printf("  user %" PRId64 ", group %" PRId64 ", umask %s%s%s\n", number_of(privilege, "uid"),
	       number_of(privilege, "gid"), text_of(privilege, "umask", text, sizeof(text)),
	       json_is_true(json_object_get(privilege, "no_new_privs")) ? ", no_new_privs" : "",
	       json_is_true(json_object_get(privilege, "dumpable")) ? "" : ", not dumpable");
	printf("  capabilities:");
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		printf("%s %s %s", i ? "," : "", sets[i],
		       is_none(privilege, sets[i]) ? "none"
						   : text_of(privilege, sets[i], text, sizeof(text)));
	putchar('\n');
	print_sandbox("landlock", json_object_get(privilege, "landlock"));
	print_sandbox("seccomp", json_object_get(privilege, "seccomp"));
	if (unlike > 0)
		printf("  %" PRId64
		       " threads began before the server gave its privileges up, and HAVE OTHER ONES\n",
		       unlike);
}

static void print_buffered(const json_t *buffered)
{
	char bytes[32], most[32];

	printf("  buffered: %s",
	       units_format_size(bytes, sizeof(bytes), (uint64_t)number_of(buffered, "bytes")));
	if (number_of(buffered, "most") > 0)
		printf(" of %s",
		       units_format_size(most, sizeof(most), (uint64_t)number_of(buffered, "most")));
	printf(", shed %" PRId64 "\n", number_of(buffered, "shed"));
}

static void print_famine(const json_t *famine)
{
	if (number_of(famine, "episodes") > 0)
		printf("  descriptors ran out %" PRId64 " times, for %" PRId64 " ms%s\n",
		       number_of(famine, "episodes"), number_of(famine, "lasted_ms"),
		       json_is_true(json_object_get(famine, "now")) ? "; THEY ARE OUT" : "");
}

static void print_status(const struct arguments *arguments, const json_t *answer)
{
	const json_t *conns = json_object_get(answer, "connections"), *tls = json_object_get(answer, "tls"),
		     *datagrams = json_object_get(answer, "datagrams");
	char version[64], state[32], since[64], file[1024], level[32];

	(void)arguments;
	printf("plait %s, pid %" PRId64 ": %s %s since %s (%" PRId64 " s)\n",
	       text_of(answer, "version", version, sizeof(version)), number_of(answer, "pid"),
	       text_of(answer, "state", state, sizeof(state)), text_of(answer, "file", file, sizeof(file)),
	       text_of(answer, "since", since, sizeof(since)), number_of(answer, "uptime"));
	printf("  listeners %" PRId64 ", threads %" PRId64 ", log level %s\n", number_of(answer, "listeners"),
	       number_of(answer, "threads"), text_of(answer, "log_level", level, sizeof(level)));
	print_supervisor(json_object_get(answer, "supervisor"));
	printf("  connections: %" PRId64 ", opened %" PRId64 ", bytes in %" PRId64 ", out %" PRId64 "\n",
	       number_of(conns, "now"), number_of(conns, "opened"), number_of(conns, "bytes_in"),
	       number_of(conns, "bytes_out"));
	print_counts("  ended: ", json_object_get(conns, "ended"));
	printf("  datagrams: in %" PRId64 ", out %" PRId64 ", dropped %" PRId64 ", refused %" PRId64 "\n",
	       number_of(datagrams, "in"), number_of(datagrams, "out"), number_of(datagrams, "dropped"),
	       number_of(datagrams, "refused"));
	printf("  TLS renewals: %" PRId64 ", failed %" PRId64 "\n", number_of(tls, "renewals"),
	       number_of(tls, "renewals_failed"));
	print_counts("  TLS handshakes that failed: ", json_object_get(tls, "handshakes_failed"));
	print_buffered(json_object_get(answer, "buffered"));
	print_famine(json_object_get(answer, "famine"));
	print_loops(json_object_get(answer, "loops"));
	print_plugins(json_object_get(answer, "plugins"));
	print_privilege(json_object_get(answer, "privilege"));
}

/* ---- the others ---- */

static void print_listeners(const struct arguments *arguments, const json_t *answer)
{
	static const struct column columns[] = {
		{ "NAME", "name", false },
		{ "ADDRESS", "address", false },
		{ "PROTOCOL", "protocol", false },
		{ "STATE", "state", false },
		{ "CONNECTIONS", "connections", true },
		{ "HANDSHAKES", "handshakes", true },
		{ 0 },
	};
	const json_t *list = json_object_get(answer, "listeners"), *listener, *version;
	char name[128];
	size_t i, j;

	(void)arguments;
	print_table(columns, list);
	json_array_foreach(list, i, listener)
		json_array_foreach(json_object_get(listener, "versions"), j,
				   version) if (!json_is_true(json_object_get(version, "newest")))
			printf("%s: %" PRId64 " connections have an older version of it\n",
			       text_of(listener, "name", name, sizeof(name)),
			       number_of(version, "connections"));
	print_missing(answer);
}

static void print_connections(const struct arguments *arguments, const json_t *answer)
{
	static const struct column columns[] = {
		{ "ID", "id", true },
		{ "LISTENER", "listener", false },
		{ "PEER", "peer", false },
		{ "STATE", "state", false },
		{ "TLS", "tls", false },
		{ "AGE", "age", true },
		{ "IDLE", "idle", true },
		{ "IN", "bytes_in", true },
		{ "OUT", "bytes_out", true },
		{ "QUEUED", "queued", true },
		{ 0 },
	};
	const json_t *list = json_object_get(answer, "connections");
	int64_t matched = number_of(answer, "matched");

	(void)arguments;
	print_table(columns, list);
	if (matched > (int64_t)json_array_size(list))
		printf("%zu of %" PRId64 "; --limit lists more\n", json_array_size(list), matched);
	print_missing(answer);
}

static void print_kick(const struct arguments *arguments, const json_t *answer)
{
	int64_t kicked = number_of(answer, "kicked");

	(void)arguments;
	printf("%" PRId64 " %s\n", COUNTED(kicked, "connection"));
	print_missing(answer);
}

static void print_reload(const struct arguments *arguments, const json_t *answer)
{
	const json_t *changes = json_object_get(answer, "changes"), *change;
	char clean[1024];
	size_t i;

	(void)arguments;
	json_array_foreach(changes, i, change)
	{
		const char *text = json_string_value(change);

		escape_controls(clean, sizeof(clean), text ? text : "", text ? strlen(text) : 0);
		printf("%s\n", clean);
	}
	printf("reloaded: %zu %s\n", COUNTED(json_array_size(changes), "change"));
	print_missing(answer);
}

static void print_level(const struct arguments *arguments, const json_t *answer)
{
	char before[32], level[32];

	(void)arguments;
	printf("%s, before %s\n", text_of(answer, "level", level, sizeof(level)),
	       text_of(answer, "before", before, sizeof(before)));
}

static void print_service(const struct arguments *arguments, const json_t *answer)
{
	static const struct {
		const char *command, *text;
	} words[] = {
		{ "drain", "its connections end, and who comes is reset until it is resumed" },
		{ "pause", "who comes waits until it is resumed" },
		{ "resume", "accepts again" },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(arguments->command->name, words[i].command) == 0)
			printf("%s: %s\n", arguments->question.listener, words[i].text);
	print_missing(answer);
}

static void print_upgrade(const struct arguments *arguments, const json_t *answer)
{
	(void)arguments, (void)answer;
	printf("upgraded: the new program serves, and the old worker drains\n");
}

static const struct {
	const char *command;
	void (*print)(const struct arguments *arguments, const json_t *answer);
} printers[] = {
	{ "status", print_status },   { "listeners", print_listeners }, { "connections", print_connections },
	{ "kick", print_kick },       { "reload", print_reload },       { "log-level", print_level },
	{ "drain", print_service },   { "pause", print_service },       { "resume", print_service },
	{ "upgrade", print_upgrade },
};

void control_print(const struct arguments *arguments, const json_t *answer)
{
	for (size_t i = 0; i < sizeof(printers) / sizeof(printers[0]); i++)
		if (strcmp(arguments->command->name, printers[i].command) == 0)
			printers[i].print(arguments, answer);
}
