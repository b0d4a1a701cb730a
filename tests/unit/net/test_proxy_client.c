/* Clients that begin with a PROXY header, and listeners that read it. */
#include <string.h>
#include <unistd.h>

#include "core/net/proxy/settings.h"
#include "tests/unit/net/local.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

static struct local local;
static struct network trusted[2];
static struct proxy_settings proxy;

static struct {
	bool served, fired, gone;
	struct plait_addr peer, local, accepted;
	bool proxied, addressed;
	struct plait_addr real_peer;
	char id[16], authority[32], failure[400];
	int code;
} seen;

static int server_accept(struct plait_factory *factory, const struct plait_addr *peer)
{
	(void)factory;
	seen.accepted = *peer;
	return 0;
}

static void server_made(struct plait_conn *conn)
{
	const struct plait_proxy *told = plait_conn_proxy(conn);
	seen.served = true;
	seen.peer = *plait_conn_peer(conn);
	seen.local = *plait_conn_local(conn);
	seen.proxied = told != NULL;
	if (!told)
		return;
	seen.addressed = told->addressed;
	seen.real_peer = told->real_peer;
	snprintf(seen.id, sizeof(seen.id), "%.*s", (int)told->unique_id_len,
		 told->unique_id ? (const char *)told->unique_id : "");
	snprintf(seen.authority, sizeof(seen.authority), "%s", told->authority ? told->authority : "-");
}

static void server_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	(void)reason;
	seen.gone = true;
}

static const struct plait_protocol server = { PLAIT_PROTOCOL_HEAD("server"), .accept = server_accept,
					      .made = server_made, .lost = server_lost };

static size_t client_data(struct plait_conn *conn, const void *bytes, size_t len)
{
	(void)conn;
	(void)bytes;
	return len;
}

static const struct plait_protocol caller = { PLAIT_PROTOCOL_HEAD("caller"), .data = client_data };

static struct plait_result on_result(struct plait_result result, void *arg)
{
	(void)arg;
	seen.fired = true;
	if (result.failure) {
		seen.code = result.failure->code;
		snprintf(seen.failure, sizeof(seen.failure), "%s", result.failure->text);
	} else {
		plait_close(result.value);
		result.value = NULL;
	}
	plait_result_drop(&result);
	return plait_value(NULL);
}

/* What was listened with reads headers. */
static void expect_headers(enum plait_proxy_mode mode)
{
	network_parse("127.0.0.0/8", &trusted[0], NULL);
	network_parse("unix", &trusted[1], NULL);
	proxy = (struct proxy_settings){ .mode = (int)mode, .networks = trusted, .network_count = 2 };
	local.reception.proxy = &proxy;
}

static void begin(const char *host)
{
	memset(&seen, 0, sizeof(seen));
	local_init(&local);
	local_listen(&local, &server, host, 0);
	expect_headers(PLAIT_PROXY_REQUIRED);
}

static struct plait_addr addr(const char *text)
{
	struct plait_addr out;
	CU_ASSERT_EQUAL_FATAL(plait_addr_parse(text, &out, NULL), 0);
	return out;
}

static void call(const char *endpoint, const struct plait_proxy_send *send)
{
	struct plait_client_options options = { .proxy = send };
	struct plait_deferred *deferred = plait_connect(local.loop, endpoint, &caller, &options);
	plait_add_callbacks(deferred, on_result, on_result, NULL);
	local_wait(&local, &seen.fired);
	plait_deferred_unref(&deferred);
}

static void send_and_look(const char *endpoint)
{
	char id[] = "id-1", authority[] = "a.test";
	struct plait_proxy_send send = { .source = addr("203.0.113.7:4711"),
					 .destination = addr("198.51.100.9:443"),
					 .unique_id = id,
					 .unique_id_len = 4,
					 .authority = authority,
					 .checksum = true };
	call(endpoint, &send);
	local_wait(&local, &seen.gone);
	CU_ASSERT_TRUE(seen.proxied);
	CU_ASSERT_TRUE(seen.addressed);
	CU_ASSERT_TRUE(plait_addr_equal(&seen.accepted, &send.source));
	CU_ASSERT_TRUE(plait_addr_equal(&seen.peer, &send.source));
	CU_ASSERT_TRUE(plait_addr_equal(&seen.local, &send.destination));
	CU_ASSERT_STRING_EQUAL(seen.id, "id-1");
	CU_ASSERT_STRING_EQUAL(seen.authority, "a.test");
}

static void tell_who_is_behind_them(void)
{
	begin("127.0.0.1");
	send_and_look(local.endpoint);
	CU_ASSERT_EQUAL(seen.real_peer.family, PLAIT_FAMILY_IPV4);
	local_fini(&local);
}

static void tell_it_over_unix_sockets(void)
{
	char path[64];
	snprintf(path, sizeof(path), "unix:/tmp/plait-proxy-%d", (int)getpid());
	begin(path);
	send_and_look(path);
	CU_ASSERT_EQUAL(seen.real_peer.family, PLAIT_FAMILY_UNIX);
	CU_ASSERT_EQUAL(seen.real_peer.u.peer.pid, (uint32_t)getpid());
	local_fini(&local);
}

static void tell_it_before_tls(void)
{
	char endpoint[256];
	struct tls_pair_server tls;
	memset(&seen, 0, sizeof(seen));
	local_init(&local);
	tls = tls_pair_server();
	local_listen_tls(&local, &server, "127.0.0.1", tls_server_role(tls.server));
	expect_headers(PLAIT_PROXY_REQUIRED);
	snprintf(endpoint, sizeof(endpoint), "%s?verify=no", local.endpoint);
	send_and_look(endpoint);
	local_fini(&local);
	tls_pair_server_free(&tls);
}

static void may_come_on_their_own_behalf(void)
{
	struct plait_proxy_send own = { .unique_id = "id-2", .unique_id_len = 4 };
	begin("127.0.0.1");
	call(local.endpoint, &own);
	local_wait(&local, &seen.gone);
	CU_ASSERT_TRUE(seen.proxied);
	CU_ASSERT_FALSE(seen.addressed);
	CU_ASSERT_TRUE(plait_addr_equal(&seen.peer, &seen.real_peer));
	CU_ASSERT_EQUAL(seen.local.port, local.port);
	CU_ASSERT_STRING_EQUAL(seen.id, ""); /* what stands behind LOCAL is passed over */
	local_fini(&local);
}

static void are_told_what_cannot_be_sent(void)
{
	struct plait_proxy_send half = { .source = addr("203.0.113.7:4711") };
	begin("127.0.0.1");
	call(local.endpoint, &half);
	CU_ASSERT_EQUAL(seen.code, PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.failure, "PROXY header"));
	CU_ASSERT_FALSE(seen.served);
	local_fini(&local);
}

static void begin_without_one_unless_told(void)
{
	begin("127.0.0.1");
	local.reception.proxy = NULL;
	call(local.endpoint, NULL);
	local_wait(&local, &seen.gone);
	CU_ASSERT_FALSE(seen.proxied);
	local_fini(&local);
}

SUITE_MAIN("proxy_client", SUITE_TEST(tell_who_is_behind_them), SUITE_TEST(tell_it_over_unix_sockets),
	   SUITE_TEST(tell_it_before_tls), SUITE_TEST(may_come_on_their_own_behalf),
	   SUITE_TEST(are_told_what_cannot_be_sent), SUITE_TEST(begin_without_one_unless_told))
