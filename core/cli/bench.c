/* plait bench: its options, and what is printed. */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "core/base/escape.h"
#include "core/cli/cli.h"

#define PLACE(member) offsetof(struct arguments, bench.member)

const struct cli_option bench_options[] = {
	{ "--connections", 'c', CLI_COUNT, "N", PLACE(connections), 1, BENCH_CONNECTIONS_MAX, 50,
	  "connections at a time" },
	{ "--size", 's', CLI_SIZE, "BYTES", PLACE(size), 1, BENCH_SIZE_MAX, 0, "payload of a message (64)" },
	{ "--depth", 'd', CLI_COUNT, "N", PLACE(depth), 1, BENCH_DEPTH_MAX, 0,
	  "messages in flight on a connection (1)" },
	{ "--time", 't', CLI_DURATION, "SECONDS", PLACE(time_ms), 1, 86400000, 0, "how long (5)" },
	{ "--operations", 'n', CLI_COUNT, "N", PLACE(operations), 1, 1000000000000000, 0,
	  "end after so many operations instead" },
	{ "--patience", 0, CLI_DURATION, "SECONDS", PLACE(patience_ms), 100, 3600000, 0,
	  "give up when nothing comes for so long (10)" },
	{ "--threads", 0, CLI_COUNT, "N", PLACE(threads), 1, BENCH_THREADS_MAX, 1, "threads of the load" },
	{ "--senders", 0, CLI_COUNT, "N", PLACE(senders), 1, BENCH_CONNECTIONS_MAX, 0,
	  "broadcast: how many of the connections speak (1)" },
	{ "--idle", 0, CLI_COUNT, "N", PLACE(idle), 0, BENCH_CONNECTIONS_MAX, 0,
	  "more connections, that are held and say nothing" },
	{ "--resume", 0, CLI_FLAG, NULL, PLACE(resume), 0, 0, 0, "tls://: resume sessions" },
	{ "--ca", 0, CLI_TEXT, "FILE", PLACE(ca), 0, 0, 0,
	  "tls://: check the server's certificate with these" },
	{ "--pid", 0, CLI_TEXT, "PID[,PID...]", PLACE(pids), 0, 0, 0,
	  "the server: its processor time and memory are printed, too" },
	{ "--json", 0, CLI_FLAG, NULL, offsetof(struct arguments, json), 0, 0, 0,
	  "print one object of JSON" },
	{ 0 },
};

void bench_help(FILE *out)
{
	fputs("\nKINDs, each on tcp://HOST:PORT, tls://HOST:PORT and unix:PATH unless it says more:\n", out);
	for (const struct bench_word *word = bench_kinds(); word->name; word++)
		fprintf(out, "  %-9s  %s\n", word->name, word->summary);
}

static int fail(const char *text, int status)
{
	char clean[1024];

	escape_controls(clean, sizeof(clean), text, strlen(text));
	fprintf(stderr, "plait bench: %s\n", clean);
	return status;
}

int bench_command(const struct arguments *arguments)
{
	struct bench_settings settings = arguments->bench;
	struct bench_report report;
	struct plait_error error = { 0 };
	char text[1100];

	if (bench_check(&settings, &error) < 0)
		return usage_error(command_find("bench"), "%s", error.text);
	if (bench_run(&settings, isatty(STDERR_FILENO) ? stderr : NULL, &report, &error) < 0) {
		snprintf(text, sizeof(text), "%s%s%s", error.path, *error.path ? ": " : "", error.text);
		return fail(text, CLI_FAILED);
	}
	if (arguments->json)
		bench_print_json(&report, stdout);
	else if (report.operations > 0)
		bench_print(&report, stdout);
	return *report.failure ? fail(report.failure, CLI_FAILED) : CLI_DONE;
}
