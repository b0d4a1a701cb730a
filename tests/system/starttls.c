/* The protocol of test_starttls.py: a little SMTP with STARTTLS, which says what it was told in plain, and what under TLS. */
#include <plait/plait.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct starttls_options {
	const char *context; /* NULL: the listener's */
	bool optional;
	bool late;
};

static const struct plait_option options[] = {
	PLAIT_OPTION_STRING("context", struct starttls_options, context, .min = 1, .max = 255,
			    .doc = "The TLS context, by its name; without it, the listener's own"),
	PLAIT_OPTION_BOOL("optional", struct starttls_options, optional, .fallback = "false",
			  .doc = "Whether it serves without a TLS context, too"),
	PLAIT_OPTION_BOOL("late", struct starttls_options, late, .fallback = "false",
			  .doc = "Whether TLS begins in a turn after that of the command"),
	PLAIT_OPTION_END,
};

struct starttls_factory {
	struct plait_tls_context *context;
};

struct starttls_conn {
	unsigned mails; /* since it began, or TLS did */
};

static int factory_start(struct plait_factory *factory, struct plait_error *error)
{
	struct starttls_factory *state = plait_factory_state(factory);
	const struct starttls_options *option = plait_factory_options(factory);
	state->context = plait_factory_tls(factory, option->context, error);
	return state->context || option->optional ? 0 : -1;
}

static void answer(struct plait_conn *conn, const char *format, ...) PLAIT_PRINTF(2, 3);
static void answer(struct plait_conn *conn, const char *format, ...)
{
	char line[256];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	plait_write(conn, line, strlen(line));
	plait_write(conn, "\r\n", 2);
}

static void made(struct plait_conn *conn)
{
	answer(conn, "220 localhost ESMTP");
}

static bool is(const void *line, size_t len, const char *command)
{
	return len >= strlen(command) && strncasecmp(line, command, strlen(command)) == 0;
}

static void begin(struct plait_conn *conn)
{
	const struct starttls_factory *factory = plait_factory_state(plait_conn_factory(conn));
	answer(conn, "220 go ahead");
	int result = plait_start_tls(conn, factory->context);
	if (result < 0)
		plait_log_conn(conn, PLAIT_LOG_WARNING, "no TLS: %d", result);
}

static void begin_late(struct plait_conn *conn, void *arg)
{
	(void)arg;
	if (conn)
		begin(conn);
}

static void starttls(struct plait_conn *conn)
{
	const struct starttls_options *option = plait_conn_options(conn);
	struct plait_conn_ref *ref;
	if (plait_conn_tls(conn)) {
		answer(conn, "503 that is done already");
		return;
	}
	if (!option->late) {
		begin(conn);
		return;
	}
	ref = plait_conn_ref(conn);
	plait_conn_ref_call(ref, begin_late, NULL);
	plait_conn_unref(&ref);
}

static void greet(struct plait_conn *conn)
{
	const struct starttls_factory *factory = plait_factory_state(plait_conn_factory(conn));
	answer(conn, "250-localhost");
	answer(conn, factory->context && !plait_conn_tls(conn) ? "250 STARTTLS" : "250 SIZE");
}

static void describe(struct plait_conn *conn)
{
	const struct starttls_conn *state = plait_conn_state(conn);
	const struct plait_tls *tls = plait_conn_tls(conn);
	answer(conn, "250 %s, %u mails", tls ? tls->version : "plain", state->mails);
}

static void message(struct plait_conn *conn, const void *line, size_t len)
{
	struct starttls_conn *state = plait_conn_state(conn);
	plait_log_conn(conn, PLAIT_LOG_INFO, "told: %.*s", (int)len, (const char *)line);
	if (is(line, len, "STARTTLS"))
		starttls(conn);
	else if (is(line, len, "EHLO"))
		greet(conn);
	else if (is(line, len, "NOOP"))
		describe(conn);
	else if (is(line, len, "MAIL")) {
		state->mails++;
		answer(conn, "250 ok");
	} else if (is(line, len, "QUIT")) {
		answer(conn, "221 bye");
		plait_close(conn);
	} else
		answer(conn, "500 what is \"%.*s\"?", (int)(len < 80 ? len : 80), (const char *)line);
}

/* What was learnt in plain is forgotten. */
static void tls_started(struct plait_conn *conn)
{
	struct starttls_conn *state = plait_conn_state(conn);
	*state = (struct starttls_conn){ 0 };
	plait_log_conn(conn, PLAIT_LOG_INFO, "under TLS: %s", plait_conn_tls(conn)->version);
}

static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	plait_log_conn(conn, PLAIT_LOG_INFO, "lost %s: %s", plait_conn_tls(conn) ? "under TLS" : "in plain",
		       plait_reason_name(reason));
}

PLAIT_PROTOCOL(starttls, .summary = "a little SMTP that upgrades to TLS",
	       .factory_size = sizeof(struct starttls_factory), .conn_size = sizeof(struct starttls_conn),
	       .options = options, .options_size = sizeof(struct starttls_options),
	       .factory_start = factory_start, .made = made, .framing = &plait_line_framing,
	       .message = message, .starts_tls = true, .tls_started = tls_started, .lost = lost);
