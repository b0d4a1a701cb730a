/* The protocol of test_names.py: says what TLS agreed on, and the word that it was given; then it echoes. */
#include <plait/plait.h>
#include <stdio.h>
#include <string.h>

struct who_options {
	const char *word;
};

static const struct plait_option options[] = {
	PLAIT_OPTION_STRING("word", struct who_options, word, .fallback = "own", .doc = "What it is called"),
	PLAIT_OPTION_END,
};

/* One that does not fit where a small state of another protocol does. */
struct who_conn {
	char line[1024];
};

static int who_accept(struct plait_factory *factory, const struct plait_addr *peer)
{
	const struct who_options *given = plait_factory_options(factory);
	(void)peer;
	return strcmp(given->word, "refuse") == 0 ? -1 : 0;
}

static void who_made(struct plait_conn *conn)
{
	const struct plait_tls *tls = plait_conn_tls(conn);
	const struct who_options *given = plait_conn_options(conn);
	struct who_conn *state = plait_conn_state(conn);
	int len = snprintf(state->line, sizeof(state->line), "%s name=%s alpn=%s\n", given->word,
			   tls && tls->server_name ? tls->server_name : "-",
			   tls && tls->alpn ? tls->alpn : "-");
	plait_write(conn, state->line, (size_t)len);
}

static size_t who_data(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

PLAIT_PROTOCOL(who, .summary = "says what TLS agreed on", .conn_size = sizeof(struct who_conn),
	       .options = options, .options_size = sizeof(struct who_options), .accept = who_accept,
	       .made = who_made, .data = who_data);
