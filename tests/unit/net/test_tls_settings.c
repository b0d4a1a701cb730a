/* The settings of TLS contexts and their files: what is said of bad ones, word by word. */
#include <CUnit/CUnit.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/net/tls/key_file.h"
#include "tests/unit/net/tls_trial.h"
#include "tests/unit/suite.h"

#define DAY 86400l

static struct tls_settings good(void)
{
	return tls_trial_settings("server.pem", "server.key");
}

/* What is said of them is exactly this. */
static void expect(const struct tls_settings *settings, const char *expected)
{
	bool made;
	char *text = tls_trial_problems(settings, &made);
	CU_ASSERT_STRING_EQUAL(text, expected);
	if (strcmp(text, expected) != 0)
		printf("# found    %s\n# expected %s\n", text, expected);
	free(text);
}

/* The same, but for a date, which is cut out: "on DATE", and the end of the text. */
static void expect_begin(const struct tls_settings *settings, const char *begin)
{
	bool made;
	char *text = tls_trial_problems(settings, &made);
	CU_ASSERT(strncmp(text, begin, strlen(begin)) == 0);
	CU_ASSERT(made);
	size_t len = strlen(text);
	CU_ASSERT_FATAL(len == strlen(begin) + strlen("2026-11-22 03:21:46 UTC\n"));
	CU_ASSERT_STRING_EQUAL(text + len - 5, " UTC\n");
	if (strncmp(text, begin, strlen(begin)) != 0)
		printf("# found    %s# expected %s\n", text, begin);
	free(text);
}

/* ---- lists of words ---- */

#define AT "error: tls.test."

static const struct {
	const char *ciphers, *ciphersuites, *groups, *sigalgs;
	const char *expected;
} words[] = {
	{ .ciphers = "HIGH:!aNULL:!RC4:!MD5:!3DES:!SEED:-CAMELLIA:+AES256:ECDHE+AESGCM:@STRENGTH",
	  .expected = "" },
	{ .ciphers = "ECDHE+CHACHA20,ECDHE+AESGCM; DHE+AES:@SECLEVEL=1", .expected = "" },
	{ .ciphers = "DEFAULT@SECLEVEL=2:!kRSA", .expected = "" },
	{ .ciphers = "ECDHE-RSA-AES128-GCM-SHA265:ECDHE-RSA-AES256-GCM-SHA384",
	  .expected = AT "ciphers: OpenSSL knows no cipher \"ECDHE-RSA-AES128-GCM-SHA265\"; did you mean "
			 "\"ECDHE-RSA-AES128-GCM-SHA256\"?\n" },
	{ .ciphers = "ECDHE+AESGMC:HIHG:HIGH",
	  .expected = AT "ciphers: OpenSSL knows no cipher \"AESGMC\"; did you mean \"AESGCM\"?\n" AT
			 "ciphers: OpenSSL knows no cipher \"HIHG\"; did you mean \"HIGH\"?\n" },
	{ .ciphers = "HIGH:!aNUL:!ADH",
	  .expected =
		  "warning: tls.test.ciphers: there is no cipher \"aNUL\" to take out of the list; did you mean "
		  "\"aNULL\"?\n" },
	{ .ciphers = "TLS_AES_128_GCM_SHA256:HIGH",
	  .expected = AT "ciphers: OpenSSL knows no cipher \"TLS_AES_128_GCM_SHA256\"; it belongs in "
			 "\"ciphersuites\"\n" },
	{ .ciphers = "HIGH:DEFAULT",
	  .expected = AT
	  "ciphers: \"DEFAULT\" counts at the beginning of the list only; move it there, or take it "
	  "out\n" },
	{ .ciphers = "RC4", .expected = AT "ciphers: OpenSSL refuses it: no cipher match\n" },
	{ .ciphers = "HIGH:@STRENGHT", .expected = AT "ciphers: OpenSSL refuses it: invalid command\n" },
	{ .ciphers = "HIGH:@SECLEVEL=9", .expected = AT "ciphers: OpenSSL refuses it: invalid command\n" },
	{ .ciphers = "HIGH:\"x\\", .expected = AT "ciphers: OpenSSL knows no cipher \"\"x\\\\\"\n" },
	{ .ciphersuites = "TLS_AES_256_GCM_SHA384: TLS_AES_128_GCM_SHA256 ", .expected = "" },
	{ .ciphersuites = "TLS_AES_256_GCM_SHA348:TLS_AES_128_GCM_SHA256",
	  .expected = AT
	  "ciphersuites: OpenSSL knows no ciphersuite of TLS 1.3 \"TLS_AES_256_GCM_SHA348\"; did you "
	  "mean \"TLS_AES_256_GCM_SHA384\"?\n" },
	{ .ciphersuites = "TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES128-GCM-SHA256",
	  .expected = AT
	  "ciphersuites: OpenSSL knows no ciphersuite of TLS 1.3 \"ECDHE-RSA-AES128-GCM-SHA256\"; it "
	  "belongs in \"ciphers\"\n" },
	{ .groups = "X448:secp384r1", .expected = "" },
	{ .groups = "X25519:P-265",
	  .expected = AT "groups: OpenSSL knows no group \"P-265\"; did you mean \"P-256\"?\n" },
	{ .groups = "X25519::P-256",
	  .expected = AT
	  "groups: a name is missing beside a colon; expected names with one colon between them\n" },
	{ .groups = "P-256:X25519:prime256v1",
	  .expected = AT
	  "groups: the group \"prime256v1\" is there twice, maybe by another name; take one out\n" },
	{ .sigalgs = "ecdsa_secp256r1_sha256:RSA-PSS+SHA256:ed25519", .expected = "" },
	{ .sigalgs = "ecdsa_secp256r1_sha256:rsa_pss_rsea_sha256",
	  .expected = AT
	  "sigalgs: OpenSSL knows no signature algorithm \"rsa_pss_rsea_sha256\"; did you mean "
	  "\"rsa_pss_rsae_sha256\"?\n" },
	{ .sigalgs = "ed25519:ed25519",
	  .expected = AT
	  "sigalgs: the signature algorithm \"ed25519\" is there twice, maybe by another name; take one "
	  "out\n" },
};

static void words_are_read(void)
{
	tls_trial_begin();
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct tls_settings settings = good();
		settings.ciphers = words[i].ciphers ? words[i].ciphers : settings.ciphers;
		settings.ciphersuites = words[i].ciphersuites ? words[i].ciphersuites : settings.ciphersuites;
		settings.groups = words[i].groups ? words[i].groups : settings.groups;
		settings.sigalgs = words[i].sigalgs ? words[i].sigalgs : settings.sigalgs;
		expect(&settings, words[i].expected);
	}
	tls_trial_end();
}

static void versions_have_an_order(void)
{
	tls_trial_begin();
	struct tls_settings settings = good();
	settings.min_version = TLS_VERSION_1_3;
	settings.max_version = TLS_VERSION_1_2;
	expect(&settings, AT
	       "min_version: found \"1.3\", and a max_version of \"1.2\"; expected no more than that, or no "
	       "version is left\n");
	tls_trial_end();
}

static void all_errors_are_told_at_once(void)
{
	tls_trial_begin();
	struct tls_settings settings = tls_trial_settings("/nonexistent/a.pem", "/nonexistent/a.key");
	settings.ciphers = "HIHG";
	settings.min_version = TLS_VERSION_1_3;
	settings.max_version = TLS_VERSION_1_2;
	expect(&settings, AT
	       "min_version: found \"1.3\", and a max_version of \"1.2\"; expected no more than that, or no version is "
	       "left\n" AT "ciphers: OpenSSL knows no cipher \"HIHG\"; did you mean \"HIGH\"?\n" AT
	       "certificate: /nonexistent/a.pem: cannot read it: No such file or directory\n" AT
	       "key: /nonexistent/a.key: cannot read it: No such file or directory\n");
	tls_trial_end();
}

/* ---- files ---- */

static const struct {
	const char *certificate, *key, *expected;
} pairs[] = {
	{ "server.pem", "server-rsa.key",
	  AT
	  "key: server-rsa.key: it is not the key of server.pem; expected the one that the certificate was made "
	  "for\n" },
	{ "server.pem", "server-2.key",
	  AT
	  "key: server-2.key: it is not the key of server.pem; expected the one that the certificate was made for\n" },
	{ "server.key", "server.pem",
	  AT
	  "certificate: server.key: cannot use it as a certificate chain: no start line; expected PEM, the certificate "
	  "itself first, then its issuers; this is a private key\n" AT
	  "key: server.pem: cannot use it as a private key: unsupported; expected PEM; this is a certificate\n" },
	{ "./text", "./text",
	  AT
	  "certificate: text: cannot use it as a certificate chain: no start line; expected PEM, the certificate "
	  "itself first, then its issuers\n" AT
	  "key: text: cannot use it as a private key: unsupported; expected PEM\n" },
	{ "./cut.pem", "server.key",
	  AT
	  "certificate: cut.pem: cannot use certificate 2 of its chain: bad base64 decode; expected PEM\n" },
	{ "./asking.pem", "server.key",
	  AT
	  "certificate: asking.pem: cannot use it as a certificate chain: bad password read; expected PEM, the "
	  "certificate itself first, then its issuers\n" },
	{ "./reversed.pem", "server.key",
	  AT
	  "key: server.key: it is the key of certificate 2 of reversed.pem; move that one to the beginning of the "
	  "file\n" },
	{ "server.pem", "./locked.key",
	  AT
	  "key: locked.key: it has a passphrase, and nobody is there to enter it; take it off with: openssl pkey -in "
	  "OLD -out NEW\n" },
	{ "./short.pem", "./short.key",
	  AT
	  "certificate: short.pem: OpenSSL refuses it: its key is too short to be safe; expected 2048 bits of RSA or "
	  "more, or 224 of an elliptic curve\n" },
	{ "/", "/dev/null",
	  AT "certificate: /: cannot read it: this is not a file\n" AT
	     "key: /dev/null: cannot read it: this is not a file\n" },
	{ "./large", "server.key", AT "certificate: large: it is larger than 1m, the most that is read\n" },
	{ "./alone.pem", "server.key",
	  "warning: tls.test.certificate: alone.pem: it has no certificate of its issuer, \"intermediate\", which is no root "
	  "that this system knows; unless it is a root of your own, append it, and the issuers above it\n" },
	{ "./disorder.pem", "server.key",
	  "warning: tls.test.certificate: disorder.pem: the chain is in the wrong order: certificate 1 (localhost) was "
	  "signed by certificate 3; expected each to be followed by the one that signed it\n" },
	{ "./gap.pem", "server.key",
	  "warning: tls.test.certificate: gap.pem: certificate 1 (localhost) was not signed by the one that follows; "
	  "expected \"intermediate\" there\n" },
	{ "./long.pem", "./itself.key",
	  "warning: tls.test.certificate: long.pem: certificate 1 (itself) ends the chain, for it signed itself; take what "
	  "follows out\n" },
	{ "client.pem", "client.key",
	  "warning: tls.test.certificate: client.pem: certificate 1 (client) says that it is not for servers; clients "
	  "refuse it\n" },
	{ "./whole.pem", "server.key", "" },
	{ "./one.pem", "./one.pem", "" },
};

static void lock(const char *name)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *file = fopen(tls_trial_file(name), "we");
	PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
	fchmod(fileno(file), 0600);
	fclose(file);
	EVP_PKEY_free(key);
}

/* The second certificate is none. */
static void cut(const char *name)
{
	tls_trial_join(name, (const char *const[]){ "server.pem 1", NULL });
	FILE *file = fopen(tls_trial_file(name), "ae");
	fputs("-----BEGIN CERTIFICATE-----\n****\n-----END CERTIFICATE-----\n", file);
	fclose(file);
}

/* A certificate that has a passphrase, as PEM would allow. Nobody may be asked for it. */
static void encrypt(const char *name)
{
	tls_trial_write(name, "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
			      "DEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F\n\nAAAA\n"
			      "-----END CERTIFICATE-----\n");
}

static void make_files(void)
{
	char *large = calloc(1, (1 << 20) + 2);
	memset(large, 'x', (1 << 20) + 1);
	tls_trial_write("./large", large);
	free(large);
	tls_trial_write("./text", "no certificate\n");
	tls_trial_join("./reversed.pem", (const char *const[]){ "server.pem 2", "server.pem 1", NULL });
	tls_trial_join("./alone.pem", (const char *const[]){ "server.pem 1", NULL });
	tls_trial_join("./disorder.pem",
		       (const char *const[]){ "server.pem 1", "ca.pem 1", "server.pem 2", NULL });
	tls_trial_join("./gap.pem", (const char *const[]){ "server.pem 1", "ca.pem 1", NULL });
	tls_trial_join("./whole.pem",
		       (const char *const[]){ "server.pem 1", "server.pem 2", "ca.pem 1", NULL });
	tls_trial_join("./one.pem",
		       (const char *const[]){ "server.key 1", "server.pem 1", "server.pem 2", NULL });
	tls_trial_make("short", EVP_RSA_gen(1024), 0, 90 * DAY, NULL);
	lock("./locked.key");
	cut("./cut.pem");
	encrypt("./asking.pem");
	tls_trial_make("itself", EVP_EC_gen("P-256"), 0, 90 * DAY, NULL);
	tls_trial_join("./long.pem", (const char *const[]){ "./itself.pem 1", "server.pem 2", NULL });
}

static void files_are_checked(void)
{
	tls_trial_begin();
	make_files();
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct tls_settings settings = tls_trial_settings(pairs[i].certificate, pairs[i].key);
		expect(&settings, pairs[i].expected);
	}
	/* Who insists can have it. */
	struct tls_settings settings = tls_trial_settings("./short.pem", "./short.key");
	settings.ciphers = "HIGH:@SECLEVEL=1";
	expect(&settings, "");
	tls_trial_end();
}

static void dates_are_told(void)
{
	tls_trial_begin();
	tls_trial_make("week", EVP_EC_gen("P-256"), -2 * DAY, 6 * DAY, NULL);
	tls_trial_make("two-thirds", EVP_EC_gen("P-256"), -11 * DAY / 2, 5 * DAY / 2, NULL);
	tls_trial_make("last-quarter", EVP_EC_gen("P-256"), -13 * DAY / 2, 3 * DAY / 2, NULL);
	tls_trial_make("ending", EVP_EC_gen("P-256"), -84 * DAY, 6 * DAY, NULL);
	struct tls_settings settings = tls_trial_settings("expired.pem", "expired.key");
	expect_begin(&settings,
		     "warning: tls.test.certificate: expired.pem: certificate 1 (localhost) expired on ");
	settings = tls_trial_settings("future.pem", "future.key");
	expect_begin(
		&settings,
		"warning: tls.test.certificate: future.pem: certificate 1 (localhost) is not valid before ");
	settings = tls_trial_settings("./ending.pem", "./ending.key");
	expect_begin(&settings,
		     "warning: tls.test.certificate: ending.pem: certificate 1 (ending) expires soon, on ");
	settings = tls_trial_settings("./week.pem", "./week.key");
	expect(&settings, "");
	settings = tls_trial_settings("./two-thirds.pem", "./two-thirds.key");
	expect(&settings, "");
	settings = tls_trial_settings("./last-quarter.pem", "./last-quarter.key");
	expect_begin(
		&settings,
		"warning: tls.test.certificate: last-quarter.pem: certificate 1 (last-quarter) expires soon, on ");
	tls_trial_end();
}

static struct tls_settings with_more(const struct tls_pair_settings *more, size_t count)
{
	struct tls_settings settings = good();
	settings.pairs = (struct plait_list){ .items = (void *)(uintptr_t)more, .count = count };
	return settings;
}

static void each_kind_of_key_has_one_certificate(void)
{
	tls_trial_begin();
	struct tls_pair_settings more[] = {
		{ .certificate = tls_trial_file("server-rsa.pem"), .key = tls_trial_file("server-rsa.key") },
		{ .certificate = tls_trial_file("server-2.pem"), .key = tls_trial_file("server-2.key") },
	};
	struct tls_settings settings = with_more(more, 2);
	expect(&settings, AT
	       "certificates[1].certificate: server-2.pem: it is for an ECDSA key, as server.pem is; expected one "
	       "certificate of each kind. One for other names goes into a context of its own\n");
	more[0].key = more[1].key;
	more[1].certificate = tls_trial_file("/nonexistent");
	expect(&settings, AT
	       "certificates[0].key: server-2.key: it is not the key of server-rsa.pem; expected the one that the "
	       "certificate was made for\n" AT
	       "certificates[1].certificate: /nonexistent: cannot read it: No such file or directory\n");
	tls_trial_end();
}

static void a_key_is_for_its_owner(void)
{
	tls_trial_begin();
	tls_trial_make("open", EVP_EC_gen("P-256"), 0, 90 * DAY, NULL);
	struct tls_settings settings = tls_trial_settings("./open.pem", "./open.key");
	chmod(settings.pair.key, 0604);
	char expected[256];
	snprintf(
		expected, sizeof(expected),
		AT
		"key: open.key: all users of this machine can read it (mode 0604), and it is a private key; do: "
		"chmod %s open.key, or set \"allow_readable_key\" to true\n",
		geteuid() == 0 ? "640" : "600");
	expect(&settings, expected);
	settings.allow_readable_key = true;
	expect(&settings, "");
	tls_trial_end();
}

static const struct {
	bool of_root, ours, our_group;
	mode_t mode;
	const char *expected; /* NULL: fine */
} permissions[] = {
	{ .ours = true, .mode = 0600 },
	{ .ours = true, .mode = 0700 },
	{ .of_root = true, .mode = 0640 },
	{ .our_group = true, .mode = 0440 },
	{ .mode = 0640,
	  .expected = "its group can read it (mode 0640), and it is a private key; do: chmod 600 key" },
	{ .mode = 0604, .expected = "all users of this machine can read it (mode 0604)" },
	{ .of_root = true, .mode = 0644, .expected = "chmod 640 key" },
	{ .of_root = true, .mode = 0660, .expected = "its group can change it (mode 0660)" },
	{ .our_group = true,
	  .mode = 0666,
	  .expected = "all users of this machine can change it (mode 0666)" },
};

static void who_may_read_a_key(void)
{
	for (size_t i = 0; i < sizeof(permissions) / sizeof(*permissions); i++) {
		struct plait_error error = { 0 };
		struct stat status = {
			.st_mode = S_IFREG | permissions[i].mode,
			.st_uid = permissions[i].of_root ? 0
				  : permissions[i].ours  ? geteuid()
							 : 54321,
			.st_gid = permissions[i].our_group ? getegid() : 54321,
		};
		int result = tls_key_file_check("key", &status, &error);
		CU_ASSERT_EQUAL(result == 0, permissions[i].expected == NULL);
		if (!permissions[i].expected || strstr(error.text, permissions[i].expected))
			continue;
		printf("# %zu: %s\n", i, error.text);
		CU_FAIL("not the error expected");
	}
}

/* A server that owns its key has no use for a group that reads it. */
static void a_group_that_is_not_needed(void)
{
	struct plait_error error = { 0 };
	bool root = geteuid() == 0;
	if (root)
		CU_ASSERT_EQUAL_FATAL(seteuid(54322), 0);
	struct stat status = { .st_mode = S_IFREG | 0640, .st_uid = geteuid(), .st_gid = getegid() };
	CU_ASSERT(tls_key_file_check("key", &status, &error) < 0);
	status.st_uid++;
	CU_ASSERT_EQUAL(tls_key_file_check("key", &status, &error), 0);
	if (root)
		CU_ASSERT_EQUAL_FATAL(seteuid(0), 0);
}

SUITE_MAIN("tls_settings", SUITE_TEST(words_are_read), SUITE_TEST(versions_have_an_order),
	   SUITE_TEST(all_errors_are_told_at_once), SUITE_TEST(files_are_checked), SUITE_TEST(dates_are_told),
	   SUITE_TEST(each_kind_of_key_has_one_certificate), SUITE_TEST(a_key_is_for_its_owner),
	   SUITE_TEST(who_may_read_a_key), SUITE_TEST(a_group_that_is_not_needed))
