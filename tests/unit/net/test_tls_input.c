/* The TLS transport's reading: what belongs together comes together, and each end is told from the others. */
#include <CUnit/CUnit.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

static struct tls_pair_server server;
static struct tls_client *client;
static struct tls_pair pair;
static char got[65536];

static void greet(void)
{
	server = tls_pair_server();
	client = tls_pair_client(&(struct tls_client_settings){ .verify = false });
	tls_pair_open(&pair, &server, client);
	CU_ASSERT_FATAL(tls_pair_handshake(&pair));
}

static void done(void)
{
	tls_pair_close(&pair);
	tls_client_free(&client);
	tls_pair_server_free(&server);
}

static void say(struct transport *from, const void *data, size_t len)
{
	while (len > 0) {
		ssize_t took = from->ops->write(from, data, len);
		CU_ASSERT_FATAL(took > 0);
		data = (const char *)data + took;
		len -= (size_t)took;
	}
}

static ssize_t hear(struct transport *to)
{
	memset(got, 0, sizeof(got));
	return to->ops->read(to, got, sizeof(got));
}

/* What the server would receive next, taken off the wire. */
static size_t intercept(char *wire, size_t size)
{
	ssize_t len = recv(transport_fd(&pair.server), wire, size, 0);
	CU_ASSERT_FATAL(len > 0);
	return (size_t)len;
}

static void put(const char *wire, size_t len)
{
	CU_ASSERT_EQUAL_FATAL(send(transport_fd(&pair.client), wire, len, 0), (ssize_t)len);
}

static void reads_short_records_in_one_call(void)
{
	greet();
	say(&pair.client, "one ", 4);
	say(&pair.client, "two ", 4);
	say(&pair.client, "three", 5);
	CU_ASSERT_EQUAL(hear(&pair.server), 13);
	CU_ASSERT_STRING_EQUAL(got, "one two three");
	CU_ASSERT_FALSE(transport_pending(&pair.server));
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_WANT_READ);
	done();
}

static void reads_long_records_one_by_one(void)
{
	static char data[6000];
	greet();
	say(&pair.client, data, 6000);
	say(&pair.client, data, 6000);
	CU_ASSERT(hear(&pair.server) <= 6000);
	CU_ASSERT(transport_pending(&pair.server));
	done();
}

static void a_small_buffer_leaves_the_rest_pending(void)
{
	greet();
	say(&pair.client, "one two three", 13);
	CU_ASSERT_EQUAL(pair.server.ops->read(&pair.server, got, 4), 4);
	CU_ASSERT(transport_pending(&pair.server));
	CU_ASSERT_EQUAL(hear(&pair.server), 9);
	CU_ASSERT_STRING_EQUAL(got, "two three");
	CU_ASSERT_FALSE(transport_pending(&pair.server));
	done();
}

static void half_a_record_waits_for_its_other_half(void)
{
	char wire[4096];
	greet();
	say(&pair.client, "first", 5);
	size_t first = intercept(wire, sizeof(wire));
	say(&pair.client, "second", 6);
	size_t all = first + intercept(wire + first, sizeof(wire) - first);
	put(wire, first + 10);
	CU_ASSERT_EQUAL(hear(&pair.server), 5);
	CU_ASSERT_STRING_EQUAL(got, "first");
	CU_ASSERT_FALSE(transport_pending(&pair.server)); /* not without an event */
	CU_ASSERT_FALSE(transport_partial(&pair.server));
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_PART);
	CU_ASSERT_TRUE(transport_partial(&pair.server));
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_WANT_READ); /* it was told */
	CU_ASSERT_TRUE(transport_partial(&pair.server));
	CU_ASSERT_FALSE(transport_pending(&pair.server));
	put(wire + first + 10, all - first - 10);
	CU_ASSERT_EQUAL(hear(&pair.server), 6);
	CU_ASSERT_STRING_EQUAL(got, "second");
	CU_ASSERT_FALSE(transport_partial(&pair.server));
	put(wire, 10);
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_PART);
	done();
}

static void reads_a_long_stream(void)
{
	static char data[300000];
	greet();
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	CU_ASSERT(tls_pair_carry(&pair.client, &pair.server, data, sizeof(data)));
	CU_ASSERT(tls_pair_carry(&pair.server, &pair.client, data, sizeof(data)));
	done();
}

static void an_orderly_end_leaves_the_other_direction_open(void)
{
	greet();
	say(&pair.client, "bye", 3);
	CU_ASSERT_EQUAL(pair.client.ops->shutdown(&pair.client), TRANSPORT_END);
	CU_ASSERT_EQUAL(hear(&pair.server), 3);
	CU_ASSERT(transport_pending(&pair.server)); /* the end was read along */
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_END);
	say(&pair.server, "farewell", 8);
	CU_ASSERT_EQUAL(hear(&pair.client), 8);
	CU_ASSERT_EQUAL(pair.server.ops->shutdown(&pair.server), TRANSPORT_END);
	CU_ASSERT_EQUAL(hear(&pair.client), TRANSPORT_END);
	done();
}

static void a_bare_end_is_a_truncation(void)
{
	const char *text;
	greet();
	say(&pair.client, "bye", 3);
	shutdown(transport_fd(&pair.client), SHUT_WR);
	CU_ASSERT_EQUAL(hear(&pair.server), 3);
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_TLS_TRUNCATED);
	say(&pair.server, "farewell", 8); /* what came before is still answered */
	CU_ASSERT_EQUAL(hear(&pair.client), 8);
	done();
}

static void a_broken_record_does_not_destroy_what_came_before_it(void)
{
	const char *text;
	greet();
	say(&pair.client, "good", 4);
	put("\x17\x03\x03\x00\x20 This is not a record of theirs.", 37);
	CU_ASSERT_EQUAL(hear(&pair.server), 4);
	CU_ASSERT_STRING_EQUAL(got, "good");
	CU_ASSERT(transport_pending(&pair.server));
	transport_fail(PLAIT_REASON_RESET, "of another connection, meanwhile");
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_TLS_PROTOCOL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "bad record mac"));
	done();
}

static void errors_of_others_are_not_taken_for_its_own(void)
{
	greet();
	ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_WANT_READ);
	ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
	say(&pair.server, "x", 1);
	CU_ASSERT_EQUAL(hear(&pair.client), 1);
	ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
	CU_ASSERT_EQUAL(pair.client.ops->shutdown(&pair.client), TRANSPORT_END);
	ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_END);
	CU_ASSERT_EQUAL(ERR_peek_error(), 0);
	done();
}

static void a_handshake_minds_no_errors_of_others(void)
{
	server = tls_pair_server();
	client = tls_pair_client(&(struct tls_client_settings){ .verify = false });
	tls_pair_open(&pair, &server, client);
	ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
	CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_WANT_READ);
	done();
}

static void who_goes_during_the_handshake_did_nothing_wrong(void)
{
	const char *text;
	server = tls_pair_server();
	client = tls_pair_client(&(struct tls_client_settings){ .verify = false });
	tls_pair_open(&pair, &server, client);
	CU_ASSERT_EQUAL(pair.client.ops->handshake(&pair.client), TRANSPORT_WANT_READ);
	CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_WANT_READ);
	shutdown(transport_fd(&pair.client), SHUT_WR);
	CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_PEER_CLOSED);
	done();
}

static void a_peers_alert_is_told_in_words(void)
{
	const char *text;
	char other[TLS_PAIR_PATH];
	tls_pair_file("client.pem", other);
	server = tls_pair_server();
	client = tls_pair_client(&(struct tls_client_settings){ .verify = true, .ca = other });
	tls_pair_open(&pair, &server, client);
	CU_ASSERT_FALSE(tls_pair_handshake(&pair)); /* the server failed last */
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_TLS_HANDSHAKE);
	CU_ASSERT_STRING_EQUAL(text, "alert \"unknown CA\"");
	done();
}

static void what_is_not_tls_is_refused_in_words(void)
{
	const char *text;
	server = tls_pair_server();
	client = tls_pair_client(&(struct tls_client_settings){ .verify = false });
	tls_pair_open(&pair, &server, client);
	put("GET / HTTP/1.0\r\n\r\n", 18);
	CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_TLS_HANDSHAKE);
	CU_ASSERT_STRING_EQUAL(text, "http request");
	done();
}

SUITE_MAIN("tls_input", SUITE_TEST(reads_short_records_in_one_call),
	   SUITE_TEST(reads_long_records_one_by_one), SUITE_TEST(a_small_buffer_leaves_the_rest_pending),
	   SUITE_TEST(half_a_record_waits_for_its_other_half), SUITE_TEST(reads_a_long_stream),
	   SUITE_TEST(an_orderly_end_leaves_the_other_direction_open), SUITE_TEST(a_bare_end_is_a_truncation),
	   SUITE_TEST(a_broken_record_does_not_destroy_what_came_before_it),
	   SUITE_TEST(errors_of_others_are_not_taken_for_its_own),
	   SUITE_TEST(a_handshake_minds_no_errors_of_others),
	   SUITE_TEST(who_goes_during_the_handshake_did_nothing_wrong),
	   SUITE_TEST(a_peers_alert_is_told_in_words), SUITE_TEST(what_is_not_tls_is_refused_in_words))
