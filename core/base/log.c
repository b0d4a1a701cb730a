/* Log lines: one write to standard error each, for people or as JSON. */
#include "core/base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/escape.h"
#include "core/base/log_limit.h"
#include "core/base/log_peer.h"

#define LINE_MAX_BYTES 4096 /* newline included */

static atomic_int current_level = PLAIT_LOG_INFO;
static atomic_int current_format = LOG_HUMAN;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

/* A line under construction; it never grows beyond its room. */
struct line {
	bool json; /* read once a line: the format may change meanwhile */
	size_t length;
	char bytes[LINE_MAX_BYTES + 1];
};

const char *log_level_name(enum plait_log_level level)
{
	return (unsigned)level < sizeof(level_names) / sizeof(level_names[0]) ? level_names[level] : "debug";
}

/* What may still be added, leaving `reserve` bytes for what must follow. */
static size_t room(const struct line *line, size_t reserve)
{
	size_t used = line->length + reserve;

	return used < LINE_MAX_BYTES ? LINE_MAX_BYTES - used : 0;
}

static void PLAIT_PRINTF(2, 3) add(struct line *line, const char *format, ...)
{
	size_t size = room(line, 0) + 1;
	va_list args;

	va_start(args, format);
	int wanted = vsnprintf(line->bytes + line->length, size, format, args);
	va_end(args);
	if (wanted > 0)
		line->length += (size_t)wanted < size ? (size_t)wanted : size - 1;
}

/* At most limit bytes of text, leaving room for what ends the line. */
static void add_escaped(struct line *line, const char *text, size_t limit)
{
	size_t size = room(line, 8) + 1;

	if (size > limit)
		size = limit;
	line->length += (line->json ? escape_json : escape_text)(line->bytes + line->length, size, text,
								 strlen(text));
}

static void add_time(struct line *line)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	add(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now.tv_nsec / 1000000));
}

static void build_human(struct line *line, enum plait_log_level level, const struct log_subject *subject,
			const char *text)
{
	char peer[PLAIT_ADDR_TEXT];
	size_t head;

	add_time(line);
	add(line, " %-7s ", log_level_name(level));
	head = line->length;
	if (subject->listener)
		add_escaped(line, subject->listener, 256);
	if (subject->conn_id)
		add(line, "#%llu", (unsigned long long)subject->conn_id);
	if (subject->peer)
		add(line, "%s%s", line->length > head ? " " : "",
		    plait_addr_format(subject->peer, peer, sizeof(peer)));
	if (line->length > head)
		add(line, ": ");
	add_escaped(line, text, LINE_MAX_BYTES);
	add(line, "\n");
}

static void build_json(struct line *line, enum plait_log_level level, const struct log_subject *subject,
		       const char *text)
{
	char peer[PLAIT_ADDR_TEXT];

	add(line, "{\"time\":\"");
	add_time(line);
	add(line, "\",\"level\":\"%s\"", log_level_name(level));
	if (subject->listener) {
		add(line, ",\"listener\":\"");
		add_escaped(line, subject->listener, 256);
		add(line, "\"");
	}
	if (subject->conn_id)
		add(line, ",\"conn\":%llu", (unsigned long long)subject->conn_id);
	if (subject->peer)
		add(line, ",\"peer\":\"%s\"", plait_addr_format(subject->peer, peer, sizeof(peer)));
	add(line, ",\"message\":\"");
	add_escaped(line, text, LINE_MAX_BYTES);
	add(line, "\"}\n");
}

/* One write a line keeps lines of several threads whole; only where a part is taken, as by a pipe that is almost full, the rest
 * follows. Nobody can be told when it fails. */
static void write_line(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(STDERR_FILENO, bytes, len);
		if (written < 0 && errno != EINTR)
			return;
		bytes += written > 0 ? written : 0;
		len -= written > 0 ? (size_t)written : 0;
	}
}

static void emit(enum plait_log_level level, const struct log_subject *subject, const char *text)
{
	struct line line;

	line.length = 0;
	line.json = current_format == LOG_JSON;
	(line.json ? build_json : build_human)(&line, level, subject, text);
	write_line(line.bytes, line.length);
}

static void emit_held(const struct log_held *held)
{
	struct log_subject subject = { .listener = held->listener[0] ? held->listener : NULL };
	char text[sizeof(held->text) + 96];

	snprintf(text, sizeof(text), "... %llu more line%s like \"%s\" in %llu s",
		 (unsigned long long)held->lines, held->lines == 1 ? "" : "s", held->text,
		 (unsigned long long)held->seconds);
	emit(held->level, &subject, text);
}

void log_configure(enum plait_log_level level, enum log_format format)
{
	current_level = (int)level;
	current_format = (int)format;
}

void log_set_level(enum plait_log_level level)
{
	current_level = (int)level;
}

enum plait_log_level log_level(void)
{
	return (enum plait_log_level)current_level;
}

bool log_enabled(enum plait_log_level level)
{
	return (int)level <= current_level;
}

static void write_left_out(const struct log_left_out *left_out)
{
	struct log_subject subject = { .listener = left_out->listener[0] ? left_out->listener : NULL,
				       .peer = &left_out->peer };

	log_write(left_out->level, &subject, "... %llu more from its %s in %llu s; the last one: %s",
		  (unsigned long long)left_out->lines,
		  left_out->peer.family == PLAIT_FAMILY_IPV6 ? "/64" : "address",
		  (unsigned long long)left_out->seconds, left_out->text);
}

/* What holds lines back. */
enum bound { BOUND_BY_KIND, BOUND_BY_PEER, UNBOUNDED };

static bool admit(enum plait_log_level level, const struct log_subject *subject, enum bound bound,
		  const char *format, const char *text)
{
	if (bound == BOUND_BY_PEER &&
	    !log_peer_admit(level, subject, text, clock_ms(CLOCK_MONOTONIC), write_left_out))
		return false;
	return bound == UNBOUNDED || level >= PLAIT_LOG_DEBUG ||
	       log_limit_admit(level, subject->listener, format, text, emit_held);
}

static void PLAIT_PRINTF(4, 0) write_message(enum plait_log_level level, const struct log_subject *subject,
					     enum bound bound, const char *format, va_list args)
{
	char text[LINE_MAX_BYTES];

	if (!log_enabled(level))
		return;

	int saved = errno;

	if (vsnprintf(text, sizeof(text), format, args) < 0)
		snprintf(text, sizeof(text), "a message that cannot be formatted: %s", format);
	if (admit(level, subject, bound, format, text))
		emit(level, subject, text);
	errno = saved;
}

void log_writev(enum plait_log_level level, const struct log_subject *subject, const char *format,
		va_list args)
{
	static const struct log_subject none;

	write_message(level, subject ? subject : &none, BOUND_BY_KIND, format, args);
}

void log_write(enum plait_log_level level, const struct log_subject *subject, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_writev(level, subject, format, args);
	va_end(args);
}

void log_answer(enum plait_log_level level, const struct log_subject *subject, const char *format, ...)
{
	static const struct log_subject none;
	va_list args;

	va_start(args, format);
	write_message(level, subject ? subject : &none, UNBOUNDED, format, args);
	va_end(args);
}

void log_write_once(enum plait_log_level level, const struct log_subject *subject, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_message(level, subject, BOUND_BY_PEER, format, args);
	va_end(args);
}

void plait_log(enum plait_log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_writev(level, NULL, format, args);
	va_end(args);
}

void log_sweep(void)
{
	int saved = errno;

	log_peer_sweep(clock_ms(CLOCK_MONOTONIC), false, write_left_out);
	log_limit_sweep(emit_held);
	errno = saved;
}

void log_flush(void)
{
	int saved = errno;

	log_peer_sweep(clock_ms(CLOCK_MONOTONIC), true, write_left_out);
	log_limit_flush(emit_held);
	errno = saved;
}
