/* What a ClientHello decides: the context by its name, a protocol of those it offers, and which sessions it can resume. */
#include <CUnit/CUnit.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/tls/conn.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

enum { CONTEXT_DEFAULT, CONTEXT_A, CONTEXT_B, CONTEXTS };

static const struct {
	const char *file, *host; /* whom its certificate is for */
} certificates[CONTEXTS] = {
	[CONTEXT_DEFAULT] = { "server", "localhost" },
	[CONTEXT_A] = { "a", "a.example" },
	[CONTEXT_B] = { "b", "any.b.example" },
};

static struct {
	char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH];
	struct tls_settings settings;
	struct tls_context *context;
} contexts[CONTEXTS];

static struct tls_pair_server server;
static struct tls_client *client;
static struct tls_pair pair;

static SSL *ssl_of(const struct transport *transport)
{
	return ((struct tls_conn *)transport->handle)->ssl;
}

/* change may be NULL. */
static void make_contexts(void (*change)(int which, struct tls_settings *settings))
{
	for (int i = 0; i < CONTEXTS; i++) {
		struct problems problems;
		char name[64];
		problems_init(&problems);
		snprintf(name, sizeof(name), "%s.pem", certificates[i].file);
		tls_pair_file(name, contexts[i].certificate);
		snprintf(name, sizeof(name), "%s.key", certificates[i].file);
		tls_pair_file(name, contexts[i].key);
		contexts[i].settings = tls_pair_settings(contexts[i].certificate, contexts[i].key);
		if (change)
			change(i, &contexts[i].settings);
		snprintf(name, sizeof(name), "tls.%s", certificates[i].file);
		contexts[i].context = tls_context_new(&contexts[i].settings, name, &problems);
		problems_print(&problems, stdout);
		problems_fini(&problems);
		CU_ASSERT_PTR_NOT_NULL_FATAL(contexts[i].context);
	}
}

static void make_server(bool strict, const char *const *alpn, size_t alpn_count)
{
	static const char *const names[] = { "a.example", "*.b.example", "home.example" };
	struct tls_context *of_names[] = { contexts[CONTEXT_A].context, contexts[CONTEXT_B].context,
					   contexts[CONTEXT_DEFAULT].context };
	struct plait_error error = { 0 };
	struct tls_server_settings settings = {
		.context = contexts[CONTEXT_DEFAULT].context,
		.names = names,
		.contexts = of_names,
		.name_count = COUNT(names),
		.strict = strict,
		.alpn = alpn,
		.alpn_count = alpn_count,
	};
	server.context = contexts[CONTEXT_DEFAULT].context;
	server.server = tls_server_new(&settings, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server.server);
}

static void begin_with(void (*change)(int which, struct tls_settings *settings), bool strict)
{
	make_contexts(change);
	make_server(strict, NULL, 0);
}

static void begin(bool strict)
{
	begin_with(NULL, strict);
}

static void end(void)
{
	tls_server_free(&server.server);
	for (int i = 0; i < CONTEXTS; i++)
		tls_context_free(&contexts[i].context);
}

static void open_for(const char *name)
{
	client = tls_pair_client(&(struct tls_client_settings){ .server_name = name, .resume = true });
	tls_pair_open(&pair, &server, client);
}

static void leave(void)
{
	tls_pair_close(&pair);
	tls_client_free(&client);
}

static bool shows(int which)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl_of(&pair.client));
	const char *host = certificates[which].host;
	return certificate && X509_check_host(certificate, host, 0, 0, NULL) == 1;
}

static const struct {
	const char *name;
	int which;
	bool known;
} asked[] = {
	{ "a.example", CONTEXT_A, true },        { "A.Example", CONTEXT_A, true },
	{ "x.b.example", CONTEXT_B, true },      { "home.example", CONTEXT_DEFAULT, true },
	{ "localhost", CONTEXT_DEFAULT, false }, { "x.y.b.example", CONTEXT_DEFAULT, false },
	{ NULL, CONTEXT_DEFAULT, false },
};

static void a_name_decides_on_the_certificate(void)
{
	begin(false);
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct plait_tls tls = { 0 };
		open_for(asked[i].name);
		CU_ASSERT_TRUE(tls_pair_handshake(&pair));
		CU_ASSERT_TRUE(shows(asked[i].which));
		pair.server.ops->describe(&pair.server, &tls);
		if (asked[i].name) {
			CU_ASSERT_STRING_EQUAL(tls.server_name, asked[i].name);
		} else {
			CU_ASSERT_PTR_NULL(tls.server_name);
		}
		CU_ASSERT_TRUE(tls_pair_carry(&pair.client, &pair.server, "hello", 5));
		leave();
	}
	end();
}

/* Reads the one alert that lies in the client's socket: its description, or -1. */
static int read_alert(void)
{
	unsigned char record[64];
	ssize_t got = recv(transport_fd(&pair.client), record, sizeof(record), MSG_DONTWAIT);
	return got >= 7 && record[0] == SSL3_RT_ALERT && record[5] == SSL3_AL_FATAL ? record[6] : -1;
}

/* The client's first flight, the server's answer to it: an alert, and why. */
static int refusal(const char **text)
{
	CU_ASSERT_EQUAL(pair.client.ops->handshake(&pair.client), TRANSPORT_WANT_READ);
	CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_failure(text), PLAIT_REASON_TLS_HANDSHAKE);
	return read_alert();
}

static void strictly_only_names_that_are_known_are_served(void)
{
	begin(true);
	for (size_t i = 0; i < COUNT(asked); i++) {
		const char *text = "";
		open_for(asked[i].name);
		if (asked[i].known) {
			CU_ASSERT_TRUE(tls_pair_handshake(&pair));
			CU_ASSERT_TRUE(shows(asked[i].which));
		} else {
			CU_ASSERT_EQUAL(refusal(&text), SSL_AD_UNRECOGNIZED_NAME);
			CU_ASSERT_PTR_NOT_NULL(strstr(text, "unrecognized name"));
			CU_ASSERT_PTR_NOT_NULL(strstr(text, asked[i].name ? asked[i].name : "asks for none"));
		}
		leave();
	}
	end();
}

/* What precedes the name in a ClientHello: the extension's length, the list's, the type, the name's. */
static const struct {
	int at; /* counted from the name */
	int change;
} damages[] = {
	{ -1, +1 }, { -1, -1 }, { -2, +1 }, { -3, +1 }, { -3, +255 },
	{ -4, +1 }, { -4, -1 }, { -5, +1 }, { -4, -9 }, { -1, -9 },
};

static unsigned char *find(unsigned char *data, size_t len, const char *text)
{
	return memmem(data, len, text, strlen(text));
}

static void a_malformed_name_is_a_decode_error(void)
{
	begin(false);
	for (size_t i = 0; i < COUNT(damages); i++) {
		unsigned char hello[2048];
		const char *text;
		open_for("a.example");
		CU_ASSERT_EQUAL(pair.client.ops->handshake(&pair.client), TRANSPORT_WANT_READ);
		ssize_t len = recv(transport_fd(&pair.server), hello, sizeof(hello), 0);
		CU_ASSERT_FATAL(len > 0);
		unsigned char *name = find(hello, (size_t)len, "a.example");
		CU_ASSERT_PTR_NOT_NULL_FATAL(name);
		name[damages[i].at] = (unsigned char)(name[damages[i].at] + damages[i].change);
		CU_ASSERT_EQUAL(send(transport_fd(&pair.client), hello, (size_t)len, 0), len);
		CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_FAILED);
		CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_TLS_HANDSHAKE);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "malformed server_name"));
		CU_ASSERT_EQUAL(read_alert(), SSL_AD_DECODE_ERROR);
		leave();
	}
	end();
}

/* ---- after a HelloRetryRequest ---- */

static void want_p384(int which, struct tls_settings *settings)
{
	if (which != CONTEXT_DEFAULT)
		settings->groups = "P-384";
}

static void the_groups_of_the_other_context_count(void)
{
	begin_with(want_p384, false);
	open_for("a.example");
	CU_ASSERT_TRUE_FATAL(tls_pair_handshake(&pair));
	CU_ASSERT_TRUE(shows(CONTEXT_A));
	CU_ASSERT_EQUAL(SSL_get_negotiated_group(ssl_of(&pair.server)), NID_secp384r1);
	leave();
	open_for("home.example");
	CU_ASSERT_TRUE_FATAL(tls_pair_handshake(&pair));
	CU_ASSERT_EQUAL(SSL_get_negotiated_group(ssl_of(&pair.server)), NID_X25519);
	leave();
	end();
}

/* The first ClientHello asks for `first`, the second for `second`. */
static void retry(const char *first, const char *second)
{
	open_for(first);
	CU_ASSERT_EQUAL(pair.client.ops->handshake(&pair.client), TRANSPORT_WANT_READ);
	CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_WANT_READ);
	SSL_set_tlsext_host_name(ssl_of(&pair.client), second);
	CU_ASSERT_EQUAL(pair.client.ops->handshake(&pair.client), TRANSPORT_WANT_READ);
}

static void a_second_hello_asks_for_the_same_name(void)
{
	static const struct {
		const char *first, *second;
	} others[] = {
		{ "a.example", "x.b.example" },
		{ "a.example", "a.exampleX" },
		{ "a.example", "a.exampl" },
		{ "a.example", NULL },
		/* alike to FNV-1a of 64 bits, as anybody can make them */
		{ "icifdeohmanhienk.b.example", "phlmpoodepbbigfl.b.example" },
	};
	begin_with(want_p384, false);
	for (size_t i = 0; i < COUNT(others); i++) {
		const char *text;
		retry(others[i].first, others[i].second);
		CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_FAILED);
		transport_failure(&text);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "the second ClientHello asks for another name"));
		leave();
	}
	retry("a.example", "a.example");
	CU_ASSERT_TRUE(tls_pair_handshake(&pair));
	leave();
	end();
}

/* A context that is renewed between them: a handshake ends with the generation with which it began. */
static void a_renewal_waits_for_the_second_hello(void)
{
	struct problems problems;
	begin_with(want_p384, false);
	problems_init(&problems);
	retry("a.example", "a.example");
	SSL_CTX *before = SSL_get_SSL_CTX(ssl_of(&pair.server));
	struct tls_generation *fresh = tls_context_renew(contexts[CONTEXT_A].context, &problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fresh);
	tls_context_adopt(contexts[CONTEXT_A].context, &fresh);
	CU_ASSERT_TRUE(tls_pair_handshake(&pair));
	CU_ASSERT_PTR_EQUAL(SSL_get_SSL_CTX(ssl_of(&pair.server)), before);
	leave();
	open_for("a.example");
	CU_ASSERT_TRUE(tls_pair_handshake(&pair));
	CU_ASSERT_PTR_NOT_EQUAL(SSL_get_SSL_CTX(ssl_of(&pair.server)), before);
	leave();
	problems_fini(&problems);
	end();
}

/* ---- sessions ---- */

static bool resumed_with(const char *name, int version)
{
	SSL *ssl = ssl_of(&pair.client);
	struct plait_tls tls = { 0 };
	SSL_set_max_proto_version(ssl, version);
	if (name)
		SSL_set_tlsext_host_name(ssl, name);
	CU_ASSERT_TRUE(tls_pair_handshake(&pair));
	CU_ASSERT_TRUE(tls_pair_carry(&pair.server, &pair.client, "x", 1)); /* the ticket lies before it */
	pair.server.ops->describe(&pair.server, &tls);
	CU_ASSERT_PTR_NOT_NULL_FATAL(tls.server_name);
	CU_ASSERT_STRING_EQUAL(tls.server_name, name);
	return tls.resumed;
}

static const struct {
	const char *first, *second;
	bool resumed;
} visits[] = {
	{ "a.example", "a.example", true },      { "x.b.example", "x.b.example", true },
	{ "localhost", "localhost", true },      { "home.example", "home.example", true },
	{ "a.example", "x.b.example", false },   { "x.b.example", "a.example", false },
	{ "localhost", "a.example", false },     { "a.example", "localhost", false },
	{ "x.b.example", "y.b.example", false }, { "localhost", "home.example", false },
};

static void visit_twice(int version)
{
	begin(false);
	for (size_t i = 0; i < COUNT(visits); i++) {
		open_for(visits[i].first);
		CU_ASSERT_FALSE(resumed_with(visits[i].first, version));
		tls_pair_close(&pair);
		tls_pair_open(&pair, &server, client);
		bool resumed = resumed_with(visits[i].second, version);
		if (resumed != visits[i].resumed)
			printf("# %s, then %s\n", visits[i].first, visits[i].second);
		CU_ASSERT_EQUAL(resumed, visits[i].resumed);
		leave();
	}
	end();
}

static void a_session_is_for_its_name_and_context_in_tls_1_3(void)
{
	visit_twice(TLS1_3_VERSION);
}

static void a_session_is_for_its_name_and_context_in_tls_1_2(void)
{
	visit_twice(TLS1_2_VERSION);
}

static char ticket_keys[] = "/tmp/plait-ticket-keys-XXXXXX";

static void share_ticket_keys(int which, struct tls_settings *settings)
{
	(void)which;
	settings->ticket_keys = ticket_keys;
}

/* 80 bytes in base64. */
static void write_ticket_keys(void)
{
	char line[109];
	memset(line, 'A', sizeof(line));
	line[107] = '=';
	line[108] = '\n';
	int fd = mkstemp(ticket_keys);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, line, sizeof(line)), sizeof(line));
	close(fd);
}

/* Both could read the ticket. */
static void a_session_of_the_same_name_in_another_context_is_not_resumed(void)
{
	write_ticket_keys();
	make_contexts(share_ticket_keys);
	for (int which = CONTEXT_DEFAULT; which <= CONTEXT_A; which++) {
		struct tls_pair_server other = { .context = contexts[which].context };
		struct tls_server_settings settings = { .context = other.context };
		struct plait_error error;
		make_server(false, NULL, 0);
		other.server = tls_server_new(&settings, &error);
		open_for("localhost");
		CU_ASSERT_FALSE(resumed_with("localhost", TLS1_3_VERSION));
		tls_pair_close(&pair);
		tls_pair_open(&pair, &other, client);
		CU_ASSERT_EQUAL(resumed_with("localhost", TLS1_3_VERSION), which == CONTEXT_DEFAULT);
		leave();
		tls_server_free(&other.server);
		tls_server_free(&server.server);
	}
	unlink(ticket_keys);
	end();
}

/* ---- ALPN ---- */

static const char *const protocols[] = { "chat/1", "echo", "with,comma" };

static const struct {
	const char *offered;
	int agreed;
	const char *name;
} offers[] = {
	{ "echo", 1, "echo" },
	{ "chat/1", 0, "chat/1" },
	{ "echo,chat/1", 0, "chat/1" },
	{ "h2,http/1.1,echo", 1, "echo" },
	{ NULL, -1, NULL },
};

static void the_servers_order_counts(void)
{
	make_contexts(NULL);
	make_server(false, protocols, COUNT(protocols));
	for (size_t i = 0; i < COUNT(offers); i++) {
		struct plait_tls tls = { 0 };
		client = tls_pair_client(&(struct tls_client_settings){ .alpn = offers[i].offered,
									.server_name = "a.example" });
		tls_pair_open(&pair, &server, client);
		CU_ASSERT_TRUE(tls_pair_handshake(&pair));
		CU_ASSERT_TRUE(shows(CONTEXT_A));
		CU_ASSERT_EQUAL(pair.server.ops->agreed(&pair.server), offers[i].agreed);
		pair.server.ops->describe(&pair.server, &tls);
		if (offers[i].name) {
			CU_ASSERT_STRING_EQUAL_FATAL(tls.alpn, offers[i].name);
		} else {
			CU_ASSERT_PTR_NULL(tls.alpn);
		}
		leave();
	}
	end();
}

static void a_name_may_have_a_comma(void)
{
	static const unsigned char offered[] = "\012with,comma";
	make_contexts(NULL);
	make_server(false, protocols, COUNT(protocols));
	open_for(NULL);
	SSL_set_alpn_protos(ssl_of(&pair.client), offered, sizeof(offered) - 1);
	CU_ASSERT_TRUE(tls_pair_handshake(&pair));
	CU_ASSERT_EQUAL(pair.server.ops->agreed(&pair.server), 2);
	leave();
	end();
}

static void nothing_in_common_is_an_alert(void)
{
	const char *text;
	make_contexts(NULL);
	make_server(false, protocols, COUNT(protocols));
	client = tls_pair_client(&(struct tls_client_settings){ .alpn = "h2,ech,echoo" });
	tls_pair_open(&pair, &server, client);
	CU_ASSERT_EQUAL(refusal(&text), SSL_AD_NO_APPLICATION_PROTOCOL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "no application protocol"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"h2\", \"ech\", \"echoo\""));
	leave();
	end();
}

static void without_protocols_offers_are_passed_over(void)
{
	struct plait_tls tls = { 0 };
	begin(false);
	client = tls_pair_client(&(struct tls_client_settings){ .alpn = "h2" });
	tls_pair_open(&pair, &server, client);
	CU_ASSERT_TRUE(tls_pair_handshake(&pair));
	CU_ASSERT_EQUAL(pair.server.ops->agreed(&pair.server), -1);
	pair.server.ops->describe(&pair.server, &tls);
	CU_ASSERT_PTR_NULL(tls.alpn);
	leave();
	end();
}

SUITE_MAIN("tls_hello", SUITE_TEST(a_name_decides_on_the_certificate),
	   SUITE_TEST(strictly_only_names_that_are_known_are_served),
	   SUITE_TEST(a_malformed_name_is_a_decode_error), SUITE_TEST(the_groups_of_the_other_context_count),
	   SUITE_TEST(a_second_hello_asks_for_the_same_name),
	   SUITE_TEST(a_renewal_waits_for_the_second_hello),
	   SUITE_TEST(a_session_is_for_its_name_and_context_in_tls_1_3),
	   SUITE_TEST(a_session_is_for_its_name_and_context_in_tls_1_2),
	   SUITE_TEST(a_session_of_the_same_name_in_another_context_is_not_resumed),
	   SUITE_TEST(the_servers_order_counts), SUITE_TEST(a_name_may_have_a_comma),
	   SUITE_TEST(nothing_in_common_is_an_alert), SUITE_TEST(without_protocols_offers_are_passed_over))
