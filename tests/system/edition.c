/* The protocol of the tests of reload, built in two editions: each says which it is, with the word that it was given, unless
 * that is empty; then it echoes. */
#include <plait/plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct edition_options {
	const char *word;
	const char *note;
	bool refuse;
	uint64_t linger_ms;
	const char *certificate, *key;
};

static const struct plait_option options[] = {
	PLAIT_OPTION_STRING("word", struct edition_options, word, .fallback = "plain", .doc = "What it says"),
	PLAIT_OPTION_STRING("note", struct edition_options, note, .doc = "What it keeps to itself"),
	PLAIT_OPTION_BOOL("refuse", struct edition_options, refuse, .fallback = "false",
			  .doc = "Whether it does not start"),
	PLAIT_OPTION_DURATION("linger", struct edition_options, linger_ms, .fallback = "0s",
			      .doc = "How long it has something to do when it has been stopped"),
	PLAIT_OPTION_PATH("certificate", struct edition_options, certificate,
			  .doc = "Of a listener of its own that it has from when it starts"),
	PLAIT_OPTION_PATH("key", struct edition_options, key, .doc = "Likewise"),
	PLAIT_OPTION_END,
};

static int edition_init(struct plait_error *error)
{
	(void)error;
	plait_log(PLAIT_LOG_INFO, "edition " EDITION " loaded");
	return 0;
}

static void edition_fini(void)
{
	plait_log(PLAIT_LOG_INFO, "edition " EDITION " unloaded");
}

static size_t edition_data(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

static const struct plait_protocol own = { PLAIT_PROTOCOL_HEAD("own"), .data = edition_data };

/* Its files are also read a second time. */
static int listen_too(struct plait_reactor *reactor, const struct edition_options *given,
		      struct plait_error *error)
{
	struct plait_listen_options how = { .certificate = given->certificate, .key = given->key };
	struct plait_listener *listener = plait_listen(reactor, "tls://127.0.0.1:0", &own, &how, error);
	int result = listener ? plait_listener_renew(listener, error) : PLAIT_ERROR_REFUSED;
	if (result == 0)
		plait_log(PLAIT_LOG_INFO, "listens, too, on %s", plait_listener_address(listener));
	return result;
}

static int edition_start(struct plait_factory *factory, struct plait_error *error)
{
	const struct edition_options *given = plait_factory_options(factory);
	if (given->refuse)
		return plait_error_set(error, PLAIT_ERROR_REFUSED, NULL, "it was told not to");
	return given->certificate ? listen_too(plait_factory_reactor(factory), given, error) : 0;
}

static void say_last_word(void *arg)
{
	(void)arg;
	plait_log(PLAIT_LOG_INFO, "edition " EDITION " has done all it had to");
}

static void linger(void *arg)
{
	uint64_t *linger_ms = arg;
	plait_call_later(plait_loop_current(), *linger_ms, say_last_word, NULL);
	free(linger_ms);
}

static void edition_stop(struct plait_factory *factory)
{
	const struct edition_options *given = plait_factory_options(factory);
	uint64_t *linger_ms = given->linger_ms > 0 ? malloc(sizeof(*linger_ms)) : NULL;
	if (!linger_ms)
		return;
	*linger_ms = given->linger_ms;
	plait_post(plait_reactor_loop(plait_factory_reactor(factory), 0), linger, linger_ms);
}

static size_t greeting(const struct edition_options *given, char *line, size_t size)
{
	if (!given->word[0])
		return 0;
	return (size_t)snprintf(line, size, EDITION " %s\n", given->word);
}

static void edition_made(struct plait_conn *conn)
{
	char line[200];
	plait_write(conn, line, greeting(plait_conn_options(conn), line, sizeof(line)));
}

static void edition_datagram(struct plait_port *port, const struct plait_addr *from, const void *data,
			     size_t len)
{
	char answer[1024];
	size_t head = greeting(plait_port_options(port), answer, sizeof(answer));
	if (len > sizeof(answer) - head)
		return;
	memcpy(answer + head, data, len);
	plait_send(port, from, answer, head + len);
}

PLAIT_PROTOCOL(edition, .summary = "says which edition it is", .options = options,
	       .options_size = sizeof(struct edition_options), .init = edition_init, .fini = edition_fini,
	       .factory_start = edition_start, .factory_stop = edition_stop, .made = edition_made,
	       .data = edition_data, .datagram = edition_datagram);
