/* Tests of log lines: their form, their bounds, the limiter, and threads. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "tests/unit/suite.h"

static int captured = -1, kept = -1;

/* What one call writes. */
static size_t most_written = SIZE_MAX;

/* The linker puts this in write's place (--wrap). */
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __real_write(int fd, const void *data, size_t len);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	return __real_write(fd, data, len < most_written ? len : most_written);
}

/* Standard error goes to memory until captured_text. */
static void capture(void)
{
	fflush(stderr);
	captured = memfd_create("log", MFD_CLOEXEC);
	kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	CU_ASSERT_FATAL(captured >= 0 && kept >= 0);
	fcntl(captured, F_SETFL, O_APPEND);
	dup2(captured, STDERR_FILENO);
}

/* What was written since capture; free it. */
static char *captured_text(void)
{
	off_t size = lseek(captured, 0, SEEK_END);
	char *text = calloc(1, (size_t)size + 1);

	CU_ASSERT_EQUAL(pread(captured, text, (size_t)size, 0), size);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(captured);
	return text;
}

static size_t count(const char *text, const char *what)
{
	size_t found = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		found++;
	return found;
}

static const struct plait_addr peer = { .family = PLAIT_FAMILY_IPV4,
					.port = 5555,
					.u.bytes = { 127, 0, 0, 1 } };

/* The line without its time, which is checked for its form. */
static const char *after_time(const char *line)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";

	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'd' ? line[i] < '0' || line[i] > '9' : line[i] != form[i])
			return "no time";
	}
	return line + sizeof(form) - 1;
}

static void assert_human(const struct log_subject *subject, const char *message, const char *expected)
{
	capture();
	log_write(PLAIT_LOG_WARNING, subject, "%s", message);
	char *text = captured_text();

	CU_ASSERT_STRING_EQUAL(after_time(text), expected);
	free(text);
}

static void human_lines(void)
{
	struct log_subject subject = { "echo-tls", 42, &peer };

	log_configure(PLAIT_LOG_INFO, LOG_HUMAN);
	assert_human(&subject, "hello", "warning echo-tls#42 127.0.0.1:5555: hello\n");
	assert_human(NULL, "hello", "warning hello\n");
	subject.peer = NULL;
	assert_human(&subject, "hello", "warning echo-tls#42: hello\n");
	subject.conn_id = 0;
	assert_human(&subject, "hello", "warning echo-tls: hello\n");
	subject = (struct log_subject){ .peer = &peer };
	assert_human(&subject, "", "warning 127.0.0.1:5555: \n");
	subject = (struct log_subject){ .listener = "a\nb" };
	assert_human(&subject, "evil\n2026 error\x1b", "warning a\\nb: evil\\n2026 error\\x1b\n");
}

static void json_lines(void)
{
	struct log_subject subject = { "a\"b", 42, &peer };

	log_configure(PLAIT_LOG_INFO, LOG_JSON);
	capture();
	log_write(PLAIT_LOG_ERROR, &subject, "say \"%s\"\n\xff", "hi");
	plait_log_info("bare");
	char *text = captured_text();
	json_t *line = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
	json_t *second = json_loads(strchr(text, '\n'), 0, NULL);

	CU_ASSERT_FATAL(line && second);
	CU_ASSERT_EQUAL(strlen(json_string_value(json_object_get(line, "time"))), 24);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "level")), "error");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "listener")), "a\"b");
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(line, "conn")), 42);
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "peer")), "127.0.0.1:5555");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(line, "message")),
			       "say \"hi\"\n\xef\xbf\xbd");
	CU_ASSERT_EQUAL(json_object_size(second), 3);
	json_decref(line);
	json_decref(second);
	free(text);
	log_configure(PLAIT_LOG_INFO, LOG_HUMAN);
}

static void levels(void)
{
	capture();
	log_configure(PLAIT_LOG_WARNING, LOG_HUMAN);
	CU_ASSERT(log_enabled(PLAIT_LOG_ERROR));
	CU_ASSERT(!log_enabled(PLAIT_LOG_INFO));
	plait_log_error("level one");
	plait_log_warning("level two");
	plait_log_info("level three");
	log_configure(PLAIT_LOG_DEBUG, LOG_HUMAN);
	plait_log_debug("level four");
	log_configure(PLAIT_LOG_INFO, LOG_HUMAN);
	char *text = captured_text();

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Z error   level one\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Z warning level two\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "level three"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Z debug   level four\n"));
	free(text);
}

static void long_lines_are_cut(void)
{
	char long_text[10000];
	enum log_format formats[] = { LOG_HUMAN, LOG_JSON };

	for (size_t i = 0; i < 2; i++) {
		for (int fill = 0; fill < 2; fill++) {
			memset(long_text, fill ? '\x01' : 'x', sizeof(long_text) - 1);
			long_text[sizeof(long_text) - 1] = 0;
			log_configure(PLAIT_LOG_INFO, formats[i]);
			capture();
			plait_log_info("long %s", long_text);
			char *text = captured_text();
			size_t length = strlen(text);

			CU_ASSERT(length <= 4096 && length > 4070);
			CU_ASSERT_STRING_EQUAL(text + length - (i ? 6 : 4), i ? "...\"}\n" : "...\n");
			free(text);
		}
	}
	log_configure(PLAIT_LOG_INFO, LOG_HUMAN);
}

static void keeps_errno(void)
{
	capture();
	errno = ENOENT;
	plait_log_info("%m and again");
	CU_ASSERT_EQUAL(errno, ENOENT);
	char *text = captured_text();

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "No such file or directory and again"));
	free(text);
}

static void keeps_errno_when_it_cannot_write(void)
{
	struct log_subject subject = { .peer = &peer };

	capture();
	close(STDERR_FILENO);
	errno = ENOENT;
	log_write(PLAIT_LOG_INFO, &subject, "nobody reads it");
	CU_ASSERT_EQUAL(errno, ENOENT);
	log_write_once(PLAIT_LOG_INFO, &subject, "nor this");
	CU_ASSERT_EQUAL(errno, ENOENT);
	free(captured_text());
}

static void sleep_ms(long ms)
{
	struct timespec wait = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&wait, NULL);
}

static void repeats_are_limited(void)
{
	struct log_subject one = { .listener = "one" }, two = { .listener = "two" };

	capture();
	for (int i = 0; i < 25; i++)
		log_write(PLAIT_LOG_INFO, &one, "flood %d", i);
	log_write(PLAIT_LOG_INFO, &two, "flood %d", 99); /* another listener is another key */
	log_write(PLAIT_LOG_INFO, &one, "other format");
	sleep_ms(1050);
	log_write(PLAIT_LOG_INFO, &one, "flood %d", 100);
	char *text = captured_text();

	CU_ASSERT_EQUAL(count(text, "one: flood "), 11);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "one: flood 9\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "one: flood 10\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "two: flood 99\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "one: other format\n"));
	const char *held = strstr(text, "one: ... 15 more lines like \"flood 24\" in ");

	CU_ASSERT_PTR_NOT_NULL_FATAL(held);
	CU_ASSERT(strstr(text, "flood 100") > held);
	free(text);
}

static void a_quiet_key_is_told_by_others(void)
{
	capture();
	for (int i = 0; i < 11; i++)
		plait_log_info("once upon a time");
	sleep_ms(2050);
	plait_log_info("something else");
	char *text = captured_text();

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "... 1 more line like \"once upon a time\" in "));
	free(text);
}

static void flush_tells_the_rest(void)
{
	capture();
	for (int i = 0; i < 13; i++)
		plait_log_info("flush\n%d", i);
	log_flush();
	log_flush();
	char *text = captured_text();

	CU_ASSERT_EQUAL(count(text, "... 3 more lines like \"flush\\n12\" in "), 1);
	free(text);
}

static void debug_is_not_limited(void)
{
	log_configure(PLAIT_LOG_DEBUG, LOG_HUMAN);
	capture();
	for (int i = 0; i < 50; i++)
		plait_log_debug("detail %d", i);
	char *text = captured_text();

	CU_ASSERT_EQUAL(count(text, "detail"), 50);
	free(text);
	log_configure(PLAIT_LOG_INFO, LOG_HUMAN);
}

/* More keys than the table holds: every line is written, and nothing held back is forgotten. */
static void many_keys(void)
{
	char name[32];
	struct log_subject subject = { .listener = name };

	log_flush();
	capture();
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		for (int j = 0; j < 11; j++)
			log_write(PLAIT_LOG_INFO, &subject, "keys");
	}
	log_flush();
	char *text = captured_text();

	CU_ASSERT_EQUAL(count(text, ": keys\n"), 20000);
	CU_ASSERT_EQUAL(count(text, ": ... 1 more line like \"keys\""), 2000);
	free(text);
}

#define THREADS 4
#define THREAD_LINES 3000

static void *writer(void *arg)
{
	struct log_subject subject = { .listener = arg };

	for (int i = 0; i < THREAD_LINES; i++) {
		log_write(PLAIT_LOG_INFO, &subject, "thread line %d", i);
		log_write(PLAIT_LOG_DEBUG, &subject, "|%064d|", i);
	}
	return NULL;
}

static void threads_share_it(void)
{
	static char names[THREADS][8];
	pthread_t threads[THREADS];
	size_t whole = 0, lines = 0;
	unsigned long long told = 0;

	log_configure(PLAIT_LOG_DEBUG, LOG_HUMAN);
	capture();
	for (int i = 0; i < THREADS; i++) {
		snprintf(names[i], sizeof(names[i]), "t%d", i % 2);
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, writer, names[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	log_flush();
	char *text = captured_text();

	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		const char *rest = after_time(line);
		const char *more = strstr(rest, "... ");

		whole += !strncmp(rest, "debug   t", 9) && strlen(rest) == 8 + 2 + 2 + 66;
		if (more)
			told += strtoull(more + 4, NULL, 10);
		else if (strstr(rest, "thread line"))
			lines++;
	}
	CU_ASSERT_EQUAL(whole, THREADS * THREAD_LINES);
	CU_ASSERT_EQUAL(lines + told, THREADS * THREAD_LINES);
	free(text);
	log_configure(PLAIT_LOG_INFO, LOG_HUMAN);
}

static void a_line_that_is_taken_in_parts_is_whole(void)
{
	capture();
	most_written = 7;
	log_write(PLAIT_LOG_ERROR, NULL, "all of it");
	most_written = SIZE_MAX;
	char *text = captured_text();
	CU_ASSERT_STRING_EQUAL(after_time(text), "error   all of it\n");
	free(text);
}

SUITE_MAIN("log", SUITE_TEST(human_lines), SUITE_TEST(a_line_that_is_taken_in_parts_is_whole),
	   SUITE_TEST(json_lines), SUITE_TEST(levels), SUITE_TEST(long_lines_are_cut),
	   SUITE_TEST(keeps_errno), SUITE_TEST(keeps_errno_when_it_cannot_write),
	   SUITE_TEST(repeats_are_limited), SUITE_TEST(a_quiet_key_is_told_by_others),
	   SUITE_TEST(flush_tells_the_rest), SUITE_TEST(debug_is_not_limited), SUITE_TEST(many_keys),
	   SUITE_TEST(threads_share_it))
