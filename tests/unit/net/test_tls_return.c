/* Whom a session is good for: clients known by a certificate, and contexts that a name chose. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/net/tls_authority.h"
#include "tests/unit/net/tls_visits.h"
#include "tests/unit/suite.h"

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

/* Another server and client, with tickets or else with the server's cache. */
static void prepare_for(const char *who, size_t v, bool cached)
{
	prepare();
	version = versions[v];
	settings.tickets = !cached;
	ask("ca.pem", who);
}

static void who_comes_back_is_known(void)
{
	for (int cached = 0; cached < 2; cached++) {
		EACH_VERSION
		{
			prepare_for("client", v, cached);
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
	size_t len = fread(bytes, 1, sizeof(bytes), in);
	CU_ASSERT_EQUAL(fwrite(bytes, 1, len, out), len);
	fclose(in);
	fclose(out);
}

static void who_was_revoked_meanwhile_does_not_come_back(void)
{
	for (int cached = 0; cached < 2; cached++) {
		EACH_VERSION
		{
			prepare_for("client-revoked", v, cached);
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
	prepare();
	ask("ca.pem", "client");
	begin_keys();
	settings.ticket_keys = NULL;
	settings.client.ca = keys_file;
	copy("ca.pem", keys_file);
	serve(pem, pem_key);
	CU_ASSERT_FALSE(visit());
	CU_ASSERT(visit());
	copy("other-ca.pem", keys_file);
	renew();
	CU_ASSERT_FALSE(visit());
	CU_ASSERT_FALSE(seen.entered);
	done();
	unlink(keys_file);
}

/* Something about a client is good for a day, and its session for longer; listed: with a list that is good for a day. */
static void comes_back_for_a_day(const struct tls_leaf *leaf, bool listed)
{
	struct tls_authority root;
	char roots[TLS_AUTHORITY_PATH], lists[TLS_AUTHORITY_PATH], file[TLS_AUTHORITY_PATH];
	for (int cached = 0; cached < 2; cached++) {
		prepare();
		tls_authority_init(&root, "the root", NULL);
		tls_authority_file(&root, "roots.pem", roots);
		tls_authority_add_certificate(&root, roots);
		tls_authority_sign(&root, leaf, NULL, file);
		tls_authority_file(&root, "lists.pem", lists);
		tls_authority_add_list(&root, 0, 2, lists);
		tls_authority_add_list(&root, 0, 1, lists);
		settings.client.verify = TLS_VERIFY_REQUIRE;
		settings.client.ca = roots;
		settings.client.crl = listed ? lists : NULL;
		settings.tickets = !cached;
		settings.session_timeout_ms = 7 * 24 * HOUR * 1000ull;
		serve(file, file);
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

/* OpenSSL does not look at the dates of a certificate that a session brings. */
static void whose_certificate_expired_meanwhile_shows_it_again(void)
{
	comes_back_for_a_day(&(struct tls_leaf){ .name = "short" }, false);
}

/* A newer one might say that a client has been revoked. */
static void when_a_list_has_expired_nobody_comes_back(void)
{
	comes_back_for_a_day(&(struct tls_leaf){ .name = "long", .from_days = -1, .to_days = 5 }, true);
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

SUITE_MAIN("tls_return", SUITE_TEST(who_comes_back_is_known),
	   SUITE_TEST(who_was_revoked_meanwhile_does_not_come_back),
	   SUITE_TEST(other_rules_make_a_full_handshake),
	   SUITE_TEST(who_was_let_in_by_another_ca_does_not_come_back),
	   SUITE_TEST(whose_certificate_expired_meanwhile_shows_it_again),
	   SUITE_TEST(when_a_list_has_expired_nobody_comes_back), SUITE_TEST(a_name_s_context_decides))
