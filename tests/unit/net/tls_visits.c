/* Visits of a TLS client. */
#include "tests/unit/net/tls_visits.h"

#include <CUnit/CUnit.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tls_pair_server server;
struct tls_client *client;
struct tls_pair pair;
struct tls_settings settings;
char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH], ca[TLS_PAIR_PATH];
uint64_t now_ms = 1000;
int64_t now_s;
int version;
bool no_tickets;
const char *host;

struct seen seen;

static uint64_t clock_ms(void)
{
	return now_ms;
}

static int64_t clock_s(void)
{
	return now_s;
}

void prepare(void)
{
	tls_pair_file("server.pem", certificate);
	tls_pair_file("server.key", key);
	settings = tls_pair_settings(certificate, key);
	now_s = (int64_t)time(NULL);
	version = TLS1_3_VERSION;
	no_tickets = false;
	host = NULL;
}

struct tls_pair_server make_server(const char *path)
{
	struct problems problems;
	struct plait_error error;
	problems_init(&problems);
	struct tls_pair_server made = { .context = tls_context_new(&settings, path, &problems) };
	problems_print(&problems, stdout);
	problems_fini(&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made.context);
	made.context->sessions->monotonic_ms = clock_ms;
	made.context->sessions->seconds = clock_s;
	made.server = tls_server_new(&(struct tls_server_settings){ .context = made.context }, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made.server);
	return made;
}

void serve(const char *pem, const char *pem_key)
{
	server = make_server("tls.test");
	client = tls_pair_client(
		&(struct tls_client_settings){ .resume = true, .certificate = pem, .key = pem_key });
}

void done(void)
{
	tls_client_free(&client);
	tls_pair_server_free(&server);
}

void renew(void)
{
	struct problems problems;
	problems_init(&problems);
	struct tls_generation *fresh = tls_context_renew(server.context, &problems);
	problems_print(&problems, stdout);
	problems_fini(&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fresh);
	tls_context_adopt(server.context, &fresh);
}

static void look(const SSL *ours)
{
	struct plait_tls tls = { 0 };
	const unsigned char *ticket;
	size_t len;
	pair.server.ops->describe(&pair.server, &tls);
	seen.resumed = tls.resumed;
	const SSL_SESSION *session = SSL_get0_session(ours);
	SSL_SESSION_get0_ticket(session, &ticket, &len);
	seen.ticket = len > 16;
	if (seen.ticket)
		memcpy(seen.name, ticket, 16);
	seen.hint = SSL_SESSION_get_ticket_lifetime_hint(session);
	struct plait_certificate *peer = pair.server.ops->certificate(&pair.server);
	snprintf(seen.subject, sizeof(seen.subject), "%s", peer && peer->subject ? peer->subject : "");
	seen.verified = peer && peer->verified;
	free(peer);
}

bool visit_at(const struct tls_pair_server *where, struct tls_client *who)
{
	memset(&seen, 0, sizeof(seen));
	tls_pair_open(&pair, where, who);
	SSL *ours = ((struct tls_conn *)pair.client.handle)->ssl;
	SSL_set_max_proto_version(ours, version);
	if (no_tickets)
		SSL_set_options(ours, SSL_OP_NO_TICKET);
	if (host)
		SSL_set_tlsext_host_name(ours, host);
	seen.entered = tls_pair_handshake(&pair) && tls_pair_carry(&pair.server, &pair.client, "x", 1);
	if (seen.entered)
		look(ours);
	tls_pair_close(&pair);
	return seen.resumed;
}

bool visit(void)
{
	return visit_at(&server, client);
}

const int versions[2] = { TLS1_2_VERSION, TLS1_3_VERSION };

char keys_file[] = "/tmp/plait-test-XXXXXX";

void write_keys(const char *text)
{
	FILE *file = fopen(keys_file, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

const char *key_line(unsigned char with)
{
	static char lines[3][110];
	static int next;
	unsigned char bytes[80];
	char *line = lines[next++ % 3];
	memset(bytes, with, sizeof(bytes));
	EVP_EncodeBlock((unsigned char *)line, bytes, sizeof(bytes));
	return line;
}

void begin_keys(void)
{
	strcpy(keys_file + strlen(keys_file) - 6, "XXXXXX");
	close(mkstemp(keys_file));
	settings.ticket_keys = keys_file;
}
