/* What a run is asked for: checked, and completed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/base/suggest.h"
#include "core/base/text.h"
#include "core/bench/kind.h"
#include "core/bench/process.h"

#define SIZE_USUAL 64
#define TIME_USUAL_MS 5000
#define PATIENCE_USUAL_MS 10000

/* Bounds of memory: what connections times messages in flight, and times senders, may come to. */
#define STAMPS_MAX (1u << 25)
#define EXPECTED_MAX (1u << 26)

static const struct kind *const kinds[] = { &kind_echo,    &kind_line,      &kind_broadcast,
					    &kind_connect, &kind_handshake, &kind_udp };
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

const struct bench_word *bench_kinds(void)
{
	static struct bench_word words[KINDS + 1];
	for (unsigned i = 0; i < KINDS; i++)
		words[i] = (struct bench_word){ kinds[i]->name, kinds[i]->summary };
	return words;
}

const char *bench_trouble_name(enum bench_trouble trouble)
{
	static const char *const names[] = {
		[BENCH_CONNECT] = "connect", [BENCH_TLS] = "tls",           [BENCH_RESET] = "reset",
		[BENCH_CLOSED] = "closed",   [BENCH_MISMATCH] = "mismatch", [BENCH_LOST] = "lost",
	};
	return names[trouble];
}

const struct kind *kind_find(const char *name)
{
	for (unsigned i = 0; i < KINDS; i++) {
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	}
	return NULL;
}

static int no_kind(const char *name, struct plait_error *error)
{
	struct suggest best = { 0 };
	char list[120] = "", found[80];
	for (unsigned i = 0; i < KINDS; i++) {
		suggest_offer(&best, name, kinds[i]->name);
		text_append(list, sizeof(list), "%s%s", i ? ", " : "", kinds[i]->name);
	}
	escape_text(found, sizeof(found), name, strlen(name));
	if (best.word)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "no kind \"%s\", did you mean %s?",
				       found, best.word);
	return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "no kind \"%s\"; there are %s", found, list);
}

static int check_endpoint(const struct kind *kind, const char *text, struct plait_error *error)
{
	struct endpoint endpoint;
	char allowed[80] = "";
	if (endpoint_parse(text, NULL, &endpoint, error) < 0)
		return PLAIT_ERROR_INVALID;
	if (!(kind->schemes & 1u << endpoint.scheme)) {
		for (enum endpoint_scheme i = ENDPOINT_TCP; i <= ENDPOINT_UNIX; i++) {
			if (kind->schemes & 1u << i)
				text_append(allowed, sizeof(allowed), "%s%s%s", *allowed ? ", " : "",
					    endpoint_scheme_name(i), i == ENDPOINT_UNIX ? ":" : "://");
		}
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "%s needs an endpoint of %s, and found \"%s\"", kind->name, allowed,
				       text);
	}
	if (endpoint.scheme == ENDPOINT_UNIX)
		return 0;
	if (endpoint.port == 0)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "found \"%s\"; port 0 is no server's", text);
	if (!strcmp(endpoint.host, "*"))
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "found \"%s\"; \"*\" is no server's address, name one", text);
	return 0;
}

static int refuse(const struct kind *kind, unsigned option, bool given, const char *name,
		  struct plait_error *error)
{
	if (!given || !(kind->refused & option))
		return 0;
	return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "%s has no meaning for %s", name,
			       kind->name);
}

static int check_options(const struct kind *kind, const struct bench_settings *settings,
			 struct plait_error *error)
{
	const struct {
		unsigned option;
		bool given;
		const char *name;
	} rows[] = {
		{ KIND_SIZE, settings->size != 0, "-s" },
		{ KIND_DEPTH, settings->depth != 0, "-d" },
		{ KIND_SENDERS, settings->senders != 0, "--senders" },
		{ KIND_RESUME, settings->resume, "--resume" },
		{ KIND_IDLE, settings->idle != 0, "--idle" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (refuse(kind, rows[i].option, rows[i].given, rows[i].name, error) < 0)
			return PLAIT_ERROR_INVALID;
	}
	if ((settings->ca || settings->resume) && strncmp(settings->endpoint, "tls:", 4) != 0)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "%s has a meaning for tls:// only",
				       settings->ca ? "--ca" : "--resume");
	return 0;
}

static void complete(const struct kind *kind, struct bench_settings *settings)
{
	if (!settings->size)
		settings->size = kind->size_usual ? kind->size_usual : SIZE_USUAL;
	if (kind->refused & KIND_SIZE)
		settings->size = kind->size_usual;
	if (!settings->depth)
		settings->depth = 1;
	if (!settings->senders)
		settings->senders = 1;
	if (!settings->patience_ms)
		settings->patience_ms = PATIENCE_USUAL_MS;
	if (!settings->operations && !settings->time_ms)
		settings->time_ms = TIME_USUAL_MS;
	if (settings->threads > settings->connections)
		settings->threads = settings->connections;
}

static int check_bounds(const struct kind *kind, const struct bench_settings *settings,
			struct plait_error *error)
{
	struct processes processes;
	if (settings->size < kind->size_min)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "-s is at least %" PRIu64 " for %s, which numbers its messages",
				       kind->size_min, kind->name);
	if (settings->size > kind->size_max && kind->size_max)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "-s is at most %" PRIu64 " for %s",
				       kind->size_max, kind->name);
	if (settings->connections < kind->connections_min)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "-c is at least %u for %s",
				       kind->connections_min, kind->name);
	if (settings->senders > settings->connections)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "--senders is at most the number of connections, %" PRIu64,
				       settings->connections);
	if (settings->connections * settings->depth > STAMPS_MAX)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "-c times -d is at most %u messages in flight", STAMPS_MAX);
	if (settings->connections * settings->senders > EXPECTED_MAX)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "-c times --senders is at most %u",
				       EXPECTED_MAX);
	return settings->pids ? processes_parse(settings->pids, &processes, error) : 0;
}

int bench_check(struct bench_settings *settings, struct plait_error *error)
{
	const struct kind *kind = kind_find(settings->kind);
	if (!kind)
		return no_kind(settings->kind, error);
	if (check_endpoint(kind, settings->endpoint, error) < 0 || check_options(kind, settings, error) < 0)
		return PLAIT_ERROR_INVALID;
	complete(kind, settings);
	return check_bounds(kind, settings, error);
}
