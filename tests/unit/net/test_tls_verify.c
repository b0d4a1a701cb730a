/* Who comes in: clients' certificates, their issuers, and lists of revoked ones. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/net/tls/context.h"
#include "core/net/tls/verify.h"
#include "tests/unit/net/tls_authority.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

static struct tls_pair_server server;
static struct tls_client *client;
static struct tls_pair pair;
static struct tls_settings settings;
static struct problems problems;
static char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH], ca[TLS_PAIR_PATH], crl[TLS_PAIR_PATH];
static const char *refusal;           /* the server's words */
static enum plait_reason refused_for; /* NONE: it was not */
static char alert[200];               /* the client's */

/* What verify needs, with files of certs/make; NULL: none. */
static void prepare(int verify, const char *ca_file, const char *crl_file)
{
	tls_pair_file("server.pem", certificate);
	tls_pair_file("server.key", key);
	settings = tls_pair_settings(certificate, key);
	settings.client.verify = verify;
	if (ca_file)
		tls_pair_file(ca_file, ca);
	if (crl_file)
		tls_pair_file(crl_file, crl);
	settings.client.ca = ca_file ? ca : NULL;
	settings.client.crl = crl_file ? crl : NULL;
}

static bool serve(void)
{
	problems_init(&problems);
	server = tls_pair_server_with(&settings, &problems);
	problems_print(&problems, stdout);
	return server.server != NULL;
}

static void done(void)
{
	problems_fini(&problems);
	tls_pair_server_free(&server);
}

/* Both ends until one has failed or both are done, and the client has read what the server says last. */
static bool meet(void)
{
	char byte;
	const char *text;
	ssize_t ours = TRANSPORT_WANT_READ, theirs = TRANSPORT_WANT_READ;
	refused_for = PLAIT_REASON_NONE;
	for (int turn = 0; turn < 20 && theirs != TRANSPORT_FAILED; turn++) {
		if (ours < 0 && ours != TRANSPORT_FAILED)
			ours = pair.client.ops->handshake(&pair.client);
		if (theirs < 0)
			theirs = pair.server.ops->handshake(&pair.server);
	}
	if (theirs != TRANSPORT_FAILED)
		return true;
	refused_for = transport_failure(&text);
	refusal = strdup(text);
	if (ours < 0)
		ours = pair.client.ops->handshake(&pair.client);
	if (ours == TRANSPORT_END)
		pair.client.ops->read(&pair.client, &byte, 1);
	transport_failure(&text);
	snprintf(alert, sizeof(alert), "%s", text);
	printf("# %s | %s\n", refusal, alert);
	return false;
}

/* Whether a client with that certificate (NULL: with none) comes in. */
static bool enters_with(const char *pem, const char *pem_key, bool newer)
{
	struct tls_client_settings ours = { .certificate = pem, .key = pem_key };
	SSL_CTX_set_max_proto_version(server.context->current->ssl, newer ? TLS1_3_VERSION : TLS1_2_VERSION);
	client = tls_pair_client(&ours);
	tls_pair_open(&pair, &server, client);
	bool came = meet();
	tls_pair_close(&pair);
	tls_client_free(&client);
	return came;
}

static bool enters(const char *name, bool newer)
{
	char pem[TLS_PAIR_PATH], pem_key[TLS_PAIR_PATH], file[100];
	if (!name)
		return enters_with(NULL, NULL, newer);
	snprintf(file, sizeof(file), "%s.pem", name);
	tls_pair_file(file, pem);
	snprintf(file, sizeof(file), "%s.key", name);
	tls_pair_file(file, pem_key);
	return enters_with(pem, pem_key, newer);
}

static bool refused(const char *words, const char *alert_words)
{
	bool right = refused_for == PLAIT_REASON_TLS_CERTIFICATE && strstr(refusal, words) &&
		     strstr(alert, alert_words);
	if (refused_for != PLAIT_REASON_NONE)
		free((char *)refusal);
	refused_for = PLAIT_REASON_NONE;
	return right;
}

static void nobody_is_asked(void)
{
	prepare(TLS_VERIFY_NONE, NULL, NULL);
	CU_ASSERT_FATAL(serve());
	CU_ASSERT(enters(NULL, true));
	CU_ASSERT(enters("other-client", true)); /* it is not shown */
	CU_ASSERT_EQUAL(problems.count, 0);
	done();
}

static void a_good_one_is_required(void)
{
	prepare(TLS_VERIFY_REQUIRE, "ca.pem", NULL);
	CU_ASSERT_FATAL(serve());
	for (int newer = 0; newer < 2; newer++) {
		CU_ASSERT(enters("client", newer));
		CU_ASSERT_FALSE(enters(NULL, newer));
		CU_ASSERT(refused("the client has shown none, and one is required",
				  newer ? "certificate required" : "handshake failure"));
		CU_ASSERT_FALSE(enters("other-client", newer));
		CU_ASSERT(refused("certificate", "unknown CA"));
	}
	done();
}

static void none_will_do(void)
{
	prepare(TLS_VERIFY_OPTIONAL, "ca.pem", NULL);
	CU_ASSERT_FATAL(serve());
	CU_ASSERT(enters("client", true));
	CU_ASSERT(enters(NULL, true));
	CU_ASSERT_FALSE(enters("other-client", true));
	CU_ASSERT(refused("certificate", "unknown CA"));
	done();
}

/* One that is for servers only. */
static void its_purpose_counts(void)
{
	prepare(TLS_VERIFY_REQUIRE, "ca.pem", NULL);
	CU_ASSERT_FATAL(serve());
	CU_ASSERT_FALSE(enters("server", true));
	CU_ASSERT(refused("purpose: CN=localhost", "unsupported certificate"));
	done();
}

static void a_revoked_one_is_refused(void)
{
	prepare(TLS_VERIFY_REQUIRE, "ca.pem", "crl.pem");
	CU_ASSERT_FATAL(serve());
	CU_ASSERT_EQUAL(problems.count, 0);
	for (int newer = 0; newer < 2; newer++) {
		CU_ASSERT(enters("client", newer));
		CU_ASSERT_FALSE(enters("client-revoked", newer));
		CU_ASSERT(refused("certificate revoked: CN=revoked client", "certificate revoked"));
	}
	done();
	prepare(TLS_VERIFY_REQUIRE, "ca.pem", "crl-empty.pem");
	CU_ASSERT_FATAL(serve());
	CU_ASSERT(enters("client-revoked", true));
	done();
}

static bool has_warning(const char *path, const char *text)
{
	for (size_t i = 0; i < problems.count; i++)
		if (problems.items[i].warning && strcmp(problems.items[i].path, path) == 0 &&
		    strstr(problems.items[i].text, text))
			return true;
	return false;
}

static void an_expired_list_lets_nobody_in(void)
{
	prepare(TLS_VERIFY_REQUIRE, "ca.pem", "crl-expired.pem");
	CU_ASSERT_FATAL(serve());
	CU_ASSERT(has_warning("tls.test.client.crl", "the list of CN=root,O=plait development expired on "));
	CU_ASSERT(has_warning("tls.test.client.crl", "UTC"));
	CU_ASSERT_FALSE(enters("client", true));
	CU_ASSERT(refused("CRL has expired", "certificate expired"));
	done();
}

/* ---- with issuers of the test's own ---- */

static struct tls_authority root, middle, stranger;
static char roots[TLS_AUTHORITY_PATH], lists[TLS_AUTHORITY_PATH], leaf[TLS_AUTHORITY_PATH];

static void begin_authorities(void)
{
	tls_authority_init(&root, "the root", NULL);
	tls_authority_init(&middle, "the middle", &root);
	tls_authority_init(&stranger, "the root", NULL); /* another key, the same name */
	tls_authority_file(&root, "roots.pem", roots);
	tls_authority_file(&root, "lists.pem", lists);
	prepare(TLS_VERIFY_REQUIRE, NULL, NULL);
	settings.client.ca = roots;
}

static void end_authorities(void)
{
	tls_authority_fini(&stranger);
	tls_authority_fini(&middle);
	tls_authority_fini(&root);
}

static void an_expired_one_is_refused(void)
{
	begin_authorities();
	tls_authority_add_certificate(&root, roots);
	CU_ASSERT_FATAL(serve());
	tls_authority_sign(&root, &(struct tls_leaf){ .name = "late", .from_days = -9, .to_days = -2 }, NULL,
			   leaf);
	CU_ASSERT_FALSE(enters_with(leaf, leaf, true));
	CU_ASSERT(refused("certificate has expired: CN=late", "certificate expired"));
	tls_authority_sign(&root, &(struct tls_leaf){ .name = "early", .from_days = 2, .to_days = 9 }, NULL,
			   leaf);
	CU_ASSERT_FALSE(enters_with(leaf, leaf, true));
	CU_ASSERT(refused("certificate is not yet valid: CN=early", "bad certificate"));
	done();
	end_authorities();
}

/* What a certificate holds cannot forge a line of the log, nor fill it. */
static void hostile_names_are_escaped(void)
{
	char name[65] = "evil\nlisteners: ";
	begin_authorities();
	tls_authority_add_certificate(&root, roots);
	CU_ASSERT_FATAL(serve());
	memset(name + strlen(name), 'x', sizeof(name) - 1 - strlen(name));
	tls_authority_sign(&stranger, &(struct tls_leaf){ .name = name, .name_len = 64 }, NULL, leaf);
	CU_ASSERT_FALSE(enters_with(leaf, leaf, true));
	CU_ASSERT_PTR_NOT_NULL(strstr(refusal, "CN=evil\\0Alisteners: xxx"));
	CU_ASSERT(refused("", ""));
	done();
	end_authorities();
}

static void depth_counts_issuers_between(void)
{
	begin_authorities();
	tls_authority_add_certificate(&root, roots);
	tls_authority_sign(&middle, &(struct tls_leaf){ .name = "deep" }, &middle, leaf);
	settings.client.depth = 1;
	CU_ASSERT_FATAL(serve());
	CU_ASSERT(enters_with(leaf, leaf, true));
	done();
	settings.client.depth = 0;
	CU_ASSERT_FATAL(serve());
	CU_ASSERT_FALSE(enters_with(leaf, leaf, true));
	CU_ASSERT(refused("chain too long", "unknown CA"));
	done();
	end_authorities();
}

/* Each issuer of a chain needs a list; one that only clients show, too. */
static void a_missing_list_lets_nobody_in(void)
{
	begin_authorities();
	tls_authority_add_certificate(&root, roots);
	tls_authority_add_list(&middle, 0, 1, lists);
	settings.client.crl = lists;
	tls_authority_sign(&middle, &(struct tls_leaf){ .name = "deep" }, &middle, leaf);
	CU_ASSERT_FATAL(serve());
	CU_ASSERT(has_warning("tls.test.client.crl", "has no list of CN=the root;"));
	CU_ASSERT_FALSE(enters_with(leaf, leaf, true));
	CU_ASSERT(refused("unable to get certificate CRL: CN=the middle", "unknown CA"));
	done();
	tls_authority_add_list(&root, 0, 1, lists);
	CU_ASSERT_FATAL(serve());
	CU_ASSERT_EQUAL(problems.count, 0);
	CU_ASSERT(enters_with(leaf, leaf, true));
	done();
	/* An issuer is revoked, and with it all that it signed. */
	tls_authority_file(&root, "lists.pem", lists);
	tls_authority_add_list(&middle, 0, 1, lists);
	tls_authority_add_list(&root, X509_get0_serialNumber(middle.certificate)->data[0], 1, lists);
	CU_ASSERT_FATAL(serve());
	CU_ASSERT_FALSE(enters_with(leaf, leaf, true));
	CU_ASSERT(refused("certificate revoked: CN=the middle", "certificate revoked"));
	done();
	end_authorities();
}

/* An issuer without its own issuer: it is trusted, its siblings are not, and its own list counts. */
static void an_issuer_below_a_root_can_be_named(void)
{
	struct tls_authority sibling;
	begin_authorities();
	tls_authority_init(&sibling, "the sibling", &root);
	tls_authority_add_certificate(&middle, roots);
	CU_ASSERT_FATAL(serve());
	CU_ASSERT_EQUAL(problems.count, 0);
	tls_authority_sign(&sibling, &(struct tls_leaf){ .name = "other" }, &sibling, leaf);
	CU_ASSERT_FALSE(enters_with(leaf, leaf, true));
	CU_ASSERT(refused("issuer", "unknown CA"));
	tls_authority_sign(&middle, &(struct tls_leaf){ .name = "ours" }, NULL, leaf);
	CU_ASSERT(enters_with(leaf, leaf, true));
	done();
	tls_authority_add_list(&middle, 0, 1, lists);
	tls_authority_add_list(&root, 0, 1, lists); /* which nobody can check */
	settings.client.crl = lists;
	CU_ASSERT_FATAL(serve());
	CU_ASSERT(enters_with(leaf, leaf, true));
	done();
	tls_authority_file(&root, "lists.pem", lists);
	tls_authority_add_list(&middle, middle.serial, 1, lists);
	CU_ASSERT_FATAL(serve());
	CU_ASSERT_FALSE(enters_with(leaf, leaf, true));
	CU_ASSERT(refused("certificate revoked: CN=ours", "certificate revoked"));
	done();
	tls_authority_fini(&sibling);
	end_authorities();
}

/* With the root beside it an issuer is one of a chain like any other, and must not have been revoked. */
static void beside_its_root_an_issuer_is_judged(void)
{
	begin_authorities();
	tls_authority_add_certificate(&root, roots);
	tls_authority_add_certificate(&middle, roots);
	tls_authority_sign(&middle, &(struct tls_leaf){ .name = "deep" }, NULL, leaf);
	tls_authority_add_list(&middle, 0, 1, lists);
	settings.client.crl = lists;
	CU_ASSERT_FATAL(serve());
	CU_ASSERT_FALSE(enters_with(leaf, leaf, true));
	CU_ASSERT(refused("unable to get certificate CRL: CN=the middle", "unknown CA"));
	done();
	tls_authority_add_list(&root, 0, 1, lists);
	CU_ASSERT_FATAL(serve());
	CU_ASSERT(enters_with(leaf, leaf, true));
	done();
	end_authorities();
}

/* Clients choose among their certificates by it. */
static void clients_are_told_whose_are_good(void)
{
	struct tls_client_settings ours = { .verify = false };
	begin_authorities();
	tls_authority_add_certificate(&root, roots);
	tls_authority_add_certificate(&middle, roots);
	settings.client.verify = TLS_VERIFY_OPTIONAL;
	CU_ASSERT_FATAL(serve());
	const STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(server.context->current->ssl);
	CU_ASSERT_EQUAL(sk_X509_NAME_num(names), 2);
	CU_ASSERT_EQUAL(X509_NAME_cmp(sk_X509_NAME_value(names, 0), X509_get_subject_name(root.certificate)),
			0);
	client = tls_pair_client(&ours);
	tls_pair_open(&pair, &server, client);
	CU_ASSERT(meet());
	tls_pair_close(&pair);
	tls_client_free(&client);
	done();
	end_authorities();
}

/* ---- what is refused before anybody comes ---- */

static bool has_error(const char *path, const char *text)
{
	for (size_t i = 0; i < problems.count; i++)
		if (!problems.items[i].warning && strcmp(problems.items[i].path, path) == 0 &&
		    strstr(problems.items[i].text, text))
			return true;
	return false;
}

static void bad_files_are_named(void)
{
	static const struct {
		const char *ca, *crl, *path, *text;
	} cases[] = {
		{ NULL, NULL, "tls.test.client.ca", "nobody may sign them" },
		{ "none.pem", NULL, "tls.test.client.ca", "No such file" },
		{ "server.key", NULL, "tls.test.client.ca", "there is none in it" },
		{ "ca.pem", "none.pem", "tls.test.client.crl", "No such file" },
		{ "ca.pem", "ca.pem", "tls.test.client.crl", "there is none in it" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		prepare(TLS_VERIFY_OPTIONAL, cases[i].ca, cases[i].crl);
		CU_ASSERT_FALSE(serve());
		CU_ASSERT(has_error(cases[i].path, cases[i].text));
		done();
	}
}

static void broken_files_are_refused_in_whole(void)
{
	begin_authorities();
	tls_authority_add_certificate(&root, roots);
	FILE *file = fopen(roots, "ae");
	fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file);
	fclose(file);
	CU_ASSERT_FALSE(serve());
	CU_ASSERT(has_error("tls.test.client.ca", "cannot use"));
	done();
	end_authorities();
}

static void a_forged_list_is_refused(void)
{
	begin_authorities();
	tls_authority_add_certificate(&root, roots);
	tls_authority_add_list(&stranger, 0, 1, lists);
	settings.client.crl = lists;
	CU_ASSERT_FALSE(serve());
	CU_ASSERT(has_error("tls.test.client.crl", "the list of CN=the root was not signed with the key"));
	done();
	end_authorities();
}

static void what_is_not_used_is_told(void)
{
	prepare(TLS_VERIFY_NONE, "ca.pem", "crl.pem");
	CU_ASSERT_FATAL(serve());
	CU_ASSERT(has_warning("tls.test.client.ca", "it is not used"));
	CU_ASSERT(has_warning("tls.test.client.crl", "it is not used"));
	done();
}

SUITE_MAIN("tls_verify", SUITE_TEST(nobody_is_asked), SUITE_TEST(a_good_one_is_required),
	   SUITE_TEST(none_will_do), SUITE_TEST(its_purpose_counts), SUITE_TEST(a_revoked_one_is_refused),
	   SUITE_TEST(an_expired_list_lets_nobody_in), SUITE_TEST(an_expired_one_is_refused),
	   SUITE_TEST(hostile_names_are_escaped), SUITE_TEST(depth_counts_issuers_between),
	   SUITE_TEST(a_missing_list_lets_nobody_in), SUITE_TEST(an_issuer_below_a_root_can_be_named),
	   SUITE_TEST(beside_its_root_an_issuer_is_judged), SUITE_TEST(clients_are_told_whose_are_good),
	   SUITE_TEST(bad_files_are_named), SUITE_TEST(broken_files_are_refused_in_whole),
	   SUITE_TEST(a_forged_list_is_refused), SUITE_TEST(what_is_not_used_is_told))
