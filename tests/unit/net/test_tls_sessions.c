/* Clients that come back: tickets and their keys, the cache, how long a session lives, and whom it is good for. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/net/tls/conn.h"
#include "core/net/tls/context.h"
#include "tests/unit/net/tls_authority.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

#define HOUR 3600

static struct tls_pair_server server;
static struct tls_client *client;
static struct tls_pair pair;
static struct tls_settings settings;
static char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH], ca[TLS_PAIR_PATH];
static uint64_t now_ms = 1000;
static int64_t now_s;
static int version;      /* the client's newest */
static bool no_tickets;  /* the client wants none */
static const char *host; /* what it asks for */

static struct {
	bool entered, resumed, ticket;
	unsigned char name[16]; /* of the ticket's key */
	unsigned long hint;
	char subject[200];
	bool verified;
} seen;

static uint64_t clock_ms(void)
{
	return now_ms;
}

static int64_t clock_s(void)
{
	return now_s;
}

static void prepare(void)
{
	tls_pair_file("server.pem", certificate);
	tls_pair_file("server.key", key);
	settings = tls_pair_settings(certificate, key);
	now_s = (int64_t)time(NULL);
	version = TLS1_3_VERSION;
	no_tickets = false;
	host = NULL;
}

static struct tls_pair_server make_server(const char *path)
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

static void serve(const char *pem, const char *pem_key)
{
	server = make_server("tls.test");
	client = tls_pair_client(
		&(struct tls_client_settings){ .resume = true, .certificate = pem, .key = pem_key });
}

static void done(void)
{
	tls_client_free(&client);
	tls_pair_server_free(&server);
}

static void renew(void)
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

/* The client comes to a server, and leaves with what that gave it. Whether its session was resumed. */
static bool visit_at(const struct tls_pair_server *where, struct tls_client *who)
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

static bool visit(void)
{
	return visit_at(&server, client);
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

#define EACH_VERSION for (size_t v = 0; v < 2; v++)

static void tickets_are_there_by_themselves(void)
{
	EACH_VERSION
	{
		prepare();
		version = versions[v];
		serve(NULL, NULL);
		CU_ASSERT_FALSE(visit());
		CU_ASSERT(seen.ticket);
		CU_ASSERT(visit());
		CU_ASSERT(visit());
		CU_ASSERT_STRING_EQUAL(seen.subject, "");
		done();
	}
}

static void they_outlive_a_renewal(void)
{
	EACH_VERSION
	{
		prepare();
		version = versions[v];
		serve(NULL, NULL);
		CU_ASSERT_FALSE(visit());
		renew();
		CU_ASSERT(visit());
		renew();
		renew();
		CU_ASSERT(visit());
		done();
	}
}

static void none_are_given_when_told_so(void)
{
	prepare();
	settings.tickets = false;
	settings.session_cache = 0;
	EACH_VERSION
	{
		version = versions[v];
		serve(NULL, NULL);
		CU_ASSERT_FALSE(visit());
		CU_ASSERT(seen.entered);
		CU_ASSERT_FALSE(seen.ticket);
		CU_ASSERT_FALSE(visit());
		CU_ASSERT(seen.entered);
		done();
	}
}

/* ---- keys ---- */

static void keys_rotate(void)
{
	unsigned char first[16], second[16];
	EACH_VERSION
	{
		prepare();
		version = versions[v];
		settings.ticket_rotation_ms = 100000;
		settings.session_timeout_ms = 1000000;
		serve(NULL, NULL);
		CU_ASSERT_FALSE(visit());
		memcpy(first, seen.name, 16);
		now_ms += 99999;
		CU_ASSERT(visit());
		CU_ASSERT_EQUAL(memcmp(seen.name, first, 16), 0);
		now_ms += 1;
		CU_ASSERT(visit()); /* the old one decrypts, another encrypts */
		memcpy(second, seen.name, 16);
		CU_ASSERT_NOT_EQUAL(memcmp(second, first, 16), 0);
		CU_ASSERT(visit());
		CU_ASSERT_EQUAL(memcmp(seen.name, second, 16), 0);
		done();
	}
}

static void keys_are_kept_as_long_as_a_ticket_may_live(void)
{
	struct tls_client *other;
	prepare();
	settings.ticket_rotation_ms = 100000;
	settings.session_timeout_ms = 1000000;
	serve(NULL, NULL);
	other = tls_pair_client(&(struct tls_client_settings){ .resume = true });
	CU_ASSERT_FALSE(visit());
	CU_ASSERT_FALSE(visit_at(&server, other));
	now_ms += 50000; /* another key in the meantime */
	for (int i = 0; i < 10; i++, now_ms += 100000)
		visit();
	now_ms += 49999; /* a ms before its end */
	CU_ASSERT(visit_at(&server, client));
	now_ms -= 1050000;
	tls_client_free(&other);
	done();
	/* Alone: the key of one that never came back. */
	serve(NULL, NULL);
	other = tls_pair_client(&(struct tls_client_settings){ .resume = true });
	CU_ASSERT_FALSE(visit());
	CU_ASSERT_FALSE(visit_at(&server, other));
	now_ms += 1099999;
	CU_ASSERT(visit());
	now_ms += 1;
	CU_ASSERT_FALSE(visit_at(&server, other));
	CU_ASSERT(seen.entered);
	tls_client_free(&other);
	done();
}

/* ---- keys from a file ---- */

static char keys_file[] = "/tmp/plait-test-XXXXXX";

static void write_keys(const char *text)
{
	FILE *file = fopen(keys_file, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

static const char *key_line(unsigned char with)
{
	static char lines[3][110];
	static int next;
	unsigned char bytes[80];
	char *line = lines[next++ % 3];
	memset(bytes, with, sizeof(bytes));
	EVP_EncodeBlock((unsigned char *)line, bytes, sizeof(bytes));
	return line;
}

static void begin_keys(void)
{
	strcpy(keys_file + strlen(keys_file) - 6, "XXXXXX");
	close(mkstemp(keys_file));
	settings.ticket_keys = keys_file;
}

static void a_file_s_keys_join_servers(void)
{
	char text[400];
	EACH_VERSION
	{
		prepare();
		version = versions[v];
		begin_keys();
		write_keys(key_line('a'));
		serve(NULL, NULL);
		struct tls_pair_server second = make_server("tls.test"), stranger = make_server("tls.other");
		CU_ASSERT_FALSE(visit());
		CU_ASSERT_EQUAL(seen.name[0], 'a');
		CU_ASSERT(visit_at(&second, client));
		CU_ASSERT_FALSE(visit_at(&stranger, client)); /* the same key, another name */
		CU_ASSERT(seen.entered);
		/* The first encrypts; what it makes is good where it is the second. */
		CU_ASSERT_FALSE(visit());
		snprintf(text, sizeof(text), "# the next\n%s\r\n\n%s\n", key_line('b'), key_line('a'));
		write_keys(text);
		renew();
		CU_ASSERT(visit());
		CU_ASSERT_EQUAL(seen.name[0], 'b');
		/* It does not know it yet. (Under TLS 1.2 OpenSSL's clients keep the ticket that they came with.) */
		CU_ASSERT_EQUAL(visit_at(&second, client), version == TLS1_2_VERSION);
		CU_ASSERT_EQUAL(seen.name[0], 'a');
		/* And one that has gone is not good any more. */
		write_keys(key_line('b'));
		renew();
		CU_ASSERT_FALSE(visit());
		CU_ASSERT(visit());
		now_ms += 7 * 24 * HOUR * 1000ull; /* nothing of them rotates */
		CU_ASSERT(visit());
		tls_pair_server_free(&second);
		tls_pair_server_free(&stranger);
		done();
		unlink(keys_file);
	}
}

static bool refused(const char *what)
{
	struct problems problems;
	problems_init(&problems);
	struct tls_pair_server made = tls_pair_server_with(&settings, &problems);
	bool right = !made.server && problems.count == 1 &&
		     strcmp(problems.items[0].path, "tls.test.ticket_keys") == 0 &&
		     strstr(problems.items[0].text, what);
	if (!right)
		problems_print(&problems, stdout);
	problems_fini(&problems);
	tls_pair_server_free(&made);
	return right;
}

static void bad_files_are_named(void)
{
	char text[400];
	prepare();
	settings.ticket_keys = "/nonexistent/keys";
	CU_ASSERT(refused("No such file"));
	begin_keys();
	write_keys("");
	CU_ASSERT(refused("has no key"));
	write_keys("# nothing\n\n");
	CU_ASSERT(refused("has no key"));
	snprintf(text, sizeof(text), "%s\nnonsense\n", key_line('a'));
	write_keys(text);
	CU_ASSERT(refused("line 2 is no key; expected one key of 80 bytes a line in base64"));
	snprintf(text, sizeof(text), "%.104s\n", key_line('a'));
	write_keys(text);
	CU_ASSERT(refused("line 1 is no key"));
	snprintf(text, sizeof(text), "%.106s==\n", key_line('a'));
	write_keys(text);
	CU_ASSERT(refused("line 1 is no key"));
	snprintf(text, sizeof(text), "%.50s!%.57s\n", key_line('a'), key_line('a') + 51);
	write_keys(text);
	CU_ASSERT(refused("line 1 is no key"));
	snprintf(text, sizeof(text), "%s\n%s\n", key_line('a'), key_line('a'));
	write_keys(text);
	CU_ASSERT(refused("line 2 begins as another key does"));
	write_keys(key_line('a'));
	chmod(keys_file, 0644);
	CU_ASSERT(refused("all users of this machine can read it"));
	settings.allow_readable_key = true;
	serve(NULL, NULL);
	done();
	unlink(keys_file);
}

/* ---- its life ---- */

static void resuming_does_not_make_it_younger(void)
{
	EACH_VERSION
	{
		prepare();
		version = versions[v];
		serve(NULL, NULL);
		CU_ASSERT_FALSE(visit());
		CU_ASSERT_EQUAL(seen.hint, 24 * HOUR);
		now_s += 20 * HOUR;
		CU_ASSERT(visit());
		if (version == TLS1_3_VERSION)
			CU_ASSERT_EQUAL(seen.hint, 4 * HOUR);
		now_s += 4 * HOUR - 1;
		CU_ASSERT(visit());
		now_s += 1;
		CU_ASSERT_FALSE(visit());
		CU_ASSERT(seen.entered);
		CU_ASSERT(visit());
		done();
	}
}

static void its_life_is_what_is_set(void)
{
	EACH_VERSION
	{
		prepare();
		version = versions[v];
		settings.session_timeout_ms = 2 * HOUR * 1000;
		serve(NULL, NULL);
		CU_ASSERT_FALSE(visit());
		CU_ASSERT_EQUAL(seen.hint, 2 * HOUR);
		now_s += 2 * HOUR - 1;
		CU_ASSERT(visit());
		now_s += 1;
		CU_ASSERT_FALSE(visit());
		done();
	}
}

/* ---- the cache ---- */

static void those_without_tickets_are_remembered(void)
{
	prepare();
	version = TLS1_2_VERSION;
	no_tickets = true;
	serve(NULL, NULL);
	CU_ASSERT_FALSE(visit());
	CU_ASSERT_FALSE(seen.ticket);
	CU_ASSERT(visit());
	renew();
	CU_ASSERT(visit());
	now_s += 23 * HOUR; /* OpenSSL's clock says when it began */
	CU_ASSERT(visit());
	now_s += 2 * HOUR;
	now_s -= 25 * HOUR;
	CU_ASSERT(visit());
	now_ms += 24ull * HOUR * 1000;
	CU_ASSERT_FALSE(visit());
	done();
	settings.session_cache = 0;
	serve(NULL, NULL);
	CU_ASSERT_FALSE(visit());
	CU_ASSERT_FALSE(visit());
	done();
}

static void all_are_when_there_are_no_tickets(void)
{
	EACH_VERSION
	{
		prepare();
		version = versions[v];
		settings.tickets = false;
		serve(NULL, NULL);
		CU_ASSERT_FALSE(visit());
		CU_ASSERT(visit());
		CU_ASSERT(visit());
		renew();
		CU_ASSERT(visit());
		now_s += 25 * HOUR;
		CU_ASSERT_FALSE(visit());
		CU_ASSERT(seen.entered);
		done();
	}
}

static void the_cache_is_bounded(void)
{
	struct tls_client *clients[3];
	prepare();
	version = TLS1_2_VERSION;
	no_tickets = true;
	settings.session_cache = 2;
	serve(NULL, NULL);
	for (int i = 0; i < 3; i++) {
		clients[i] = tls_pair_client(&(struct tls_client_settings){ .resume = true });
		CU_ASSERT_FALSE(visit_at(&server, clients[i]));
	}
	CU_ASSERT(visit_at(&server, clients[1]));
	CU_ASSERT(visit_at(&server, clients[2]));
	CU_ASSERT_FALSE(
		visit_at(&server, clients[0])); /* the oldest has gone; it comes in at another's cost */
	CU_ASSERT_FALSE(visit_at(&server, clients[1]));
	CU_ASSERT(visit_at(&server, clients[0]));
	for (int i = 0; i < 3; i++)
		tls_client_free(&clients[i]);
	done();
}

/* ---- with certificates ---- */

static char pem[TLS_PAIR_PATH], pem_key[TLS_PAIR_PATH];

static void ask(const char *ca_file, const char *who)
{
	char name[100];
	tls_pair_file(ca_file, ca);
	settings.client.verify = TLS_VERIFY_REQUIRE;
	settings.client.ca = ca;
	snprintf(name, sizeof(name), "%s.pem", who);
	tls_pair_file(name, pem);
	snprintf(name, sizeof(name), "%s.key", who);
	tls_pair_file(name, pem_key);
}

static void who_comes_back_is_known(void)
{
	for (int cached = 0; cached < 2; cached++) {
		EACH_VERSION
		{
			prepare();
			version = versions[v];
			settings.tickets = !cached;
			ask("ca.pem", "client");
			serve(pem, pem_key);
			for (int i = 0; i < 3; i++) {
				CU_ASSERT_EQUAL(visit(), i > 0);
				CU_ASSERT_STRING_EQUAL(seen.subject, "CN=client,O=plait development");
				CU_ASSERT(seen.verified);
			}
			renew(); /* the same files: the same trust */
			CU_ASSERT(visit());
			CU_ASSERT(seen.verified);
			done();
		}
	}
}

static void copy(const char *name, const char *to)
{
	char path[TLS_PAIR_PATH], bytes[16384];
	tls_pair_file(name, path);
	FILE *in = fopen(path, "re"), *out = fopen(to, "we");
	CU_ASSERT_FATAL(in && out);
	fwrite(bytes, 1, fread(bytes, 1, sizeof(bytes), in), out);
	fclose(in);
	fclose(out);
}

static void who_was_revoked_meanwhile_does_not_come_back(void)
{
	for (int cached = 0; cached < 2; cached++) {
		EACH_VERSION
		{
			prepare();
			version = versions[v];
			settings.tickets = !cached;
			ask("ca.pem", "client-revoked");
			begin_keys();
			settings.ticket_keys = NULL;
			settings.client.crl = keys_file;
			copy("crl-empty.pem", keys_file);
			serve(pem, pem_key);
			CU_ASSERT_FALSE(visit());
			CU_ASSERT(visit());
			copy("crl.pem", keys_file);
			renew();
			CU_ASSERT_FALSE(visit());
			CU_ASSERT_FALSE(seen.entered);
			done();
			unlink(keys_file);
		}
	}
}

/* Whoever was judged by other rules is judged anew: they are part of what a session belongs to. */
static void other_rules_make_a_full_handshake(void)
{
	prepare();
	begin_keys();
	write_keys(key_line('a'));
	ask("ca.pem", "client");
	serve(pem, pem_key);
	CU_ASSERT_FALSE(visit());
	CU_ASSERT(visit());
	struct tls_settings before = settings;
	for (int i = 0; i < 4; i++) {
		char other[TLS_PAIR_PATH];
		settings = before;
		if (i == 0) {
			tls_pair_file("crl-empty.pem", other);
			settings.client.crl = other;
		} else if (i == 1) {
			settings.client.verify = TLS_VERIFY_OPTIONAL;
		} else if (i == 2) {
			settings.client.depth = 3;
		} else {
			settings.client.verify = TLS_VERIFY_NONE;
			settings.client.ca = NULL;
		}
		struct tls_pair_server changed = make_server("tls.test");
		CU_ASSERT_FALSE(visit_at(&changed, client));
		CU_ASSERT(seen.entered);
		CU_ASSERT_FALSE(visit());
		tls_pair_server_free(&changed);
	}
	settings = before;
	done();
	unlink(keys_file);
}

/* A CA that signed nobody here takes another one's place. */
static void who_was_let_in_by_another_ca_does_not_come_back(void)
{
	char file[TLS_PAIR_PATH];
	prepare();
	ask("ca.pem", "client");
	begin_keys();
	settings.ticket_keys = NULL;
	settings.client.ca = keys_file;
	copy("ca.pem", keys_file);
	serve(pem, pem_key);
	CU_ASSERT_FALSE(visit());
	CU_ASSERT(visit());
	tls_pair_file("other-ca.pem", file);
	copy("other-ca.pem", keys_file);
	renew();
	CU_ASSERT_FALSE(visit());
	CU_ASSERT_FALSE(seen.entered);
	done();
	unlink(keys_file);
}

/* OpenSSL does not look at the dates of a certificate that a session brings. */
static void whose_certificate_expired_meanwhile_shows_it_again(void)
{
	struct tls_authority root;
	char roots[TLS_AUTHORITY_PATH], leaf[TLS_AUTHORITY_PATH];
	for (int cached = 0; cached < 2; cached++) {
		prepare();
		tls_authority_init(&root, "the root", NULL);
		tls_authority_file(&root, "roots.pem", roots);
		tls_authority_add_certificate(&root, roots);
		tls_authority_sign(&root, &(struct tls_leaf){ .name = "short" }, NULL, leaf);
		settings.client.verify = TLS_VERIFY_REQUIRE;
		settings.client.ca = roots;
		settings.tickets = !cached;
		settings.session_timeout_ms = 7 * 24 * HOUR * 1000ull;
		serve(leaf, leaf);
		CU_ASSERT_FALSE(visit());
		now_s += 23 * HOUR;
		CU_ASSERT(visit());
		now_s += 2 * HOUR;
		CU_ASSERT_FALSE(visit());
		CU_ASSERT(seen.entered); /* for OpenSSL's clock has not moved */
		done();
		tls_authority_fini(&root);
	}
}

/* ---- with contexts by name ---- */

/* A server whose own context has neither tickets nor a cache, nor asks for certificates, and lives short; b.example's
 * context is all the other way. */
static void a_name_s_context_decides(void)
{
	struct plait_error error;
	EACH_VERSION
	{
		prepare();
		version = versions[v];
		settings.tickets = false;
		settings.session_cache = 0;
		settings.session_timeout_ms = 60000;
		struct tls_pair_server plain = make_server("tls.plain");
		prepare();
		version = versions[v];
		ask("ca.pem", "client");
		serve(pem, pem_key); /* the context of b.example, as a server's own */
		const char *name = "b.example";
		struct tls_pair_server both = { .context = plain.context };
		both.server = tls_server_new(&(struct tls_server_settings){ .context = plain.context,
									    .names = &name,
									    .contexts = &server.context,
									    .name_count = 1 },
					     &error);
		CU_ASSERT_PTR_NOT_NULL_FATAL(both.server);
		host = "b.example";
		CU_ASSERT_FALSE(visit_at(&both, client));
		CU_ASSERT_STRING_EQUAL(seen.subject, "CN=client,O=plait development");
		CU_ASSERT_EQUAL(seen.hint, 24 * HOUR);
		CU_ASSERT(visit_at(&both, client));
		CU_ASSERT_STRING_EQUAL(seen.subject, "CN=client,O=plait development");
		CU_ASSERT(visit()); /* the same context elsewhere */
		CU_ASSERT(seen.verified);
		host = NULL; /* another name is another session's, also in one context */
		CU_ASSERT_FALSE(visit());
		CU_ASSERT_FALSE(visit_at(&both, client));
		CU_ASSERT(seen.entered);
		CU_ASSERT_STRING_EQUAL(seen.subject, "");
		host = "b.example";
		struct tls_client *nobody = tls_pair_client(&(struct tls_client_settings){ .verify = false });
		CU_ASSERT_FALSE(visit_at(&both, nobody));
		CU_ASSERT_FALSE(seen.entered);
		tls_client_free(&nobody);
		tls_server_free(&both.server);
		done();
		tls_pair_server_free(&plain);
	}
}

SUITE_MAIN("tls_sessions", SUITE_TEST(tickets_are_there_by_themselves), SUITE_TEST(they_outlive_a_renewal),
	   SUITE_TEST(none_are_given_when_told_so), SUITE_TEST(keys_rotate),
	   SUITE_TEST(keys_are_kept_as_long_as_a_ticket_may_live), SUITE_TEST(a_file_s_keys_join_servers),
	   SUITE_TEST(bad_files_are_named), SUITE_TEST(resuming_does_not_make_it_younger),
	   SUITE_TEST(its_life_is_what_is_set), SUITE_TEST(those_without_tickets_are_remembered),
	   SUITE_TEST(all_are_when_there_are_no_tickets), SUITE_TEST(the_cache_is_bounded),
	   SUITE_TEST(who_comes_back_is_known), SUITE_TEST(who_was_revoked_meanwhile_does_not_come_back),
	   SUITE_TEST(other_rules_make_a_full_handshake),
	   SUITE_TEST(who_was_let_in_by_another_ca_does_not_come_back),
	   SUITE_TEST(whose_certificate_expired_meanwhile_shows_it_again),
	   SUITE_TEST(a_name_s_context_decides))
