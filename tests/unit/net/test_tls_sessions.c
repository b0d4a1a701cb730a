/* Clients that come back: tickets and their keys, the cache, and how long a session lives. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/net/tls_visits.h"
#include "tests/unit/suite.h"

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

/* Whether what is the one word about the file of keys: an error, or a warning when they are good to serve. */
static bool told(const char *what, bool good)
{
	struct problems problems;
	problems_init(&problems);
	struct tls_pair_server made = tls_pair_server_with(&settings, &problems);
	bool right = (made.server != NULL) == good && problems.count == 1 &&
		     strcmp(problems.items[0].path, "tls.test.ticket_keys") == 0 &&
		     strstr(problems.items[0].text, what);
	if (!right)
		problems_print(&problems, stdout);
	problems_fini(&problems);
	tls_pair_server_free(&made);
	return right;
}

static bool refused(const char *what)
{
	return told(what, false);
}

static void keys_without_tickets_are_told(void)
{
	prepare();
	settings.tickets = false;
	settings.ticket_keys = "/nonexistent/keys";
	CU_ASSERT(told("it is not used: \"tickets\" is false", true));
	done();
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

SUITE_MAIN("tls_sessions", SUITE_TEST(tickets_are_there_by_themselves), SUITE_TEST(they_outlive_a_renewal),
	   SUITE_TEST(none_are_given_when_told_so), SUITE_TEST(keys_rotate),
	   SUITE_TEST(keys_are_kept_as_long_as_a_ticket_may_live), SUITE_TEST(a_file_s_keys_join_servers),
	   SUITE_TEST(bad_files_are_named), SUITE_TEST(keys_without_tickets_are_told),
	   SUITE_TEST(resuming_does_not_make_it_younger), SUITE_TEST(its_life_is_what_is_set),
	   SUITE_TEST(those_without_tickets_are_remembered), SUITE_TEST(all_are_when_there_are_no_tickets),
	   SUITE_TEST(the_cache_is_bounded))
