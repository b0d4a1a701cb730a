/* TLS contexts: what a client checks, and that sessions are resumed. */
#include <CUnit/CUnit.h>
#include <string.h>

#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

static struct tls_pair_server server;
static struct tls_client *client;
static struct tls_pair pair;
static char ca[TLS_PAIR_PATH];

static const char *file(const char *name)
{
	tls_pair_file(name, ca);
	return ca;
}

static bool greet(const struct tls_client_settings *settings)
{
	server = tls_pair_server();
	client = tls_pair_client(settings);
	tls_pair_open(&pair, &server, client);
	return tls_pair_handshake(&pair);
}

static void done(void)
{
	tls_pair_close(&pair);
	tls_client_free(&client);
	tls_pair_server_free(&server);
}

static void connects_without_a_check(void)
{
	CU_ASSERT(greet(&(struct tls_client_settings){ .verify = false }));
	CU_ASSERT(tls_pair_carry(&pair.client, &pair.server, "hello", 5));
	CU_ASSERT(tls_pair_carry(&pair.server, &pair.client, "welcome", 7));
	done();
}

static void accepts_the_name_it_expects(void)
{
	CU_ASSERT(greet(&(struct tls_client_settings){
		.verify = true, .ca = file("ca.pem"), .server_name = "localhost" }));
	done();
}

static void accepts_the_address_it_expects(void)
{
	CU_ASSERT(greet(
		&(struct tls_client_settings){ .verify = true, .ca = file("ca.pem"), .server_name = "::1" }));
	done();
}

static void refuses_another_name(void)
{
	const char *text;
	CU_ASSERT_FALSE(greet(&(struct tls_client_settings){
		.verify = true, .ca = file("ca.pem"), .server_name = "elsewhere.example" }));
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_TLS_HANDSHAKE);
	done();
}

static void refuses_another_issuer(void)
{
	CU_ASSERT_FALSE(greet(&(struct tls_client_settings){
		.verify = true, .ca = file("client.pem"), .server_name = "localhost" }));
	done();
}

/* Whether a second connection of the same contexts was resumed. */
static bool second_is_resumed(void)
{
	struct plait_tls tls = { 0 };
	CU_ASSERT(tls_pair_carry(&pair.server, &pair.client, "x", 1)); /* the ticket lies before it */
	tls_pair_close(&pair);
	tls_pair_open(&pair, &server, client);
	CU_ASSERT(tls_pair_handshake(&pair));
	CU_ASSERT(tls_pair_carry(&pair.server, &pair.client, "x", 1));
	pair.server.ops->describe(&pair.server, &tls);
	return tls.resumed;
}

static void resumes_when_asked_to(void)
{
	CU_ASSERT(greet(&(struct tls_client_settings){ .resume = true }));
	CU_ASSERT(second_is_resumed());
	CU_ASSERT(second_is_resumed());
	done();
}

static void does_not_resume_by_itself(void)
{
	CU_ASSERT(greet(&(struct tls_client_settings){ .resume = false }));
	CU_ASSERT_FALSE(second_is_resumed());
	done();
}

static void names_a_missing_ca_file(void)
{
	struct plait_error error = { 0 };
	struct tls_client_settings settings = { .verify = true, .ca = "/nonexistent/ca.pem" };
	CU_ASSERT_PTR_NULL(tls_client_new(&settings, &error));
	CU_ASSERT_STRING_EQUAL(error.path, "/nonexistent/ca.pem");
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "expected PEM"));
}

SUITE_MAIN("tls_context", SUITE_TEST(connects_without_a_check), SUITE_TEST(accepts_the_name_it_expects),
	   SUITE_TEST(accepts_the_address_it_expects), SUITE_TEST(refuses_another_name),
	   SUITE_TEST(refuses_another_issuer), SUITE_TEST(resumes_when_asked_to),
	   SUITE_TEST(does_not_resume_by_itself), SUITE_TEST(names_a_missing_ca_file))
