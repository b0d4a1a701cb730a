/* Contexts that are read anew: what a change of files is, and who sees which certificate. */
#include <fcntl.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/net/tls/conn.h"
#include "core/net/tls/stamps.h"
#include "tests/unit/net/tls_folder.h"
#include "tests/unit/suite.h"

static struct tls_settings settings;
static struct tls_pair_server server;
static struct problems problems;

static void begin(void)
{
	static char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH];
	tls_folder_open();
	strcpy(certificate, tls_folder_path("tls.pem"));
	strcpy(key, tls_folder_path("tls.key"));
	tls_folder_put("server.pem", "tls.pem");
	tls_folder_put("server.key", "tls.key");
	settings = tls_pair_settings(certificate, key);
	problems_init(&problems);
	server = tls_pair_server_with(&settings, &problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server.server);
}

static void end(void)
{
	tls_pair_server_free(&server);
	problems_fini(&problems);
	tls_folder_close();
}

static void put_second(void)
{
	tls_folder_put("server-2.pem", "tls.pem");
	tls_folder_put("server-2.key", "tls.key");
}

/* Whether it could be read; when it could, it is in use. */
static bool renew(void)
{
	struct tls_generation *fresh = tls_context_renew(server.context, &problems);
	if (!fresh)
		return false;
	tls_context_adopt(server.context, &fresh);
	CU_ASSERT_PTR_NULL(fresh);
	return true;
}

/* Whether a client's peer showed the certificate of that file. */
static bool saw(const struct tls_pair *pair, const char *name)
{
	const struct tls_conn *conn = pair->client.handle;
	char path[TLS_PAIR_PATH];
	tls_pair_file(name, path);
	BIO *file = BIO_new_file(path, "r");
	X509 *expected = PEM_read_bio_X509(file, NULL, NULL, NULL);
	X509 *found = SSL_get1_peer_certificate(conn->ssl);
	bool same = X509_cmp(expected, found) == 0;
	X509_free(found);
	X509_free(expected);
	BIO_free(file);
	return same;
}

static bool newcomer_sees(const char *name)
{
	struct tls_client *client = tls_pair_client(&(struct tls_client_settings){ .verify = false });
	struct tls_pair pair;
	tls_pair_open(&pair, &server, client);
	bool good = tls_pair_handshake(&pair) && saw(&pair, name);
	tls_pair_close(&pair);
	tls_client_free(&client);
	return good;
}

static void newcomers_see_what_was_adopted(void)
{
	begin();
	CU_ASSERT(newcomer_sees("server.pem"));
	put_second();
	CU_ASSERT(newcomer_sees("server.pem"));
	struct tls_generation *fresh = tls_context_renew(server.context, &problems);
	CU_ASSERT(newcomer_sees("server.pem"));
	tls_context_adopt(server.context, &fresh);
	CU_ASSERT(newcomer_sees("server-2.pem"));
	end();
}

static void who_began_before_ends_with_what_he_began_with(void)
{
	struct tls_pair pair;
	begin();
	struct tls_client *client = tls_pair_client(&(struct tls_client_settings){ .verify = false });
	tls_pair_open(&pair, &server, client);
	pair.client.ops->handshake(&pair.client); /* the ClientHello is on its way */
	put_second();
	CU_ASSERT(renew());
	CU_ASSERT(tls_pair_handshake(&pair));
	CU_ASSERT(saw(&pair, "server.pem"));
	CU_ASSERT(renew());
	CU_ASSERT(tls_pair_carry(&pair.client, &pair.server, "hello", 5));
	CU_ASSERT(tls_pair_carry(&pair.server, &pair.client, "welcome", 7));
	tls_pair_close(&pair);
	tls_client_free(&client);
	end();
}

/* Each way to be broken leaves what is in use alone, and is told with its file. */
static void check_broken(const char *named)
{
	size_t errors = problems.errors;
	CU_ASSERT_FALSE(renew());
	CU_ASSERT(problems.errors > errors);
	CU_ASSERT_PTR_NOT_NULL(strstr(problems.items[errors].path, "tls.test"));
	CU_ASSERT_PTR_NOT_NULL(strstr(problems.items[errors].text, named));
	CU_ASSERT(newcomer_sees("server.pem"));
}

static void what_is_broken_changes_nothing(void)
{
	struct tls_status status;
	begin();
	tls_folder_put("server-2.pem", "tls.pem");
	check_broken("tls.key");
	tls_folder_put_part("server.pem", "tls.pem", 300);
	check_broken("tls.pem");
	tls_folder_remove("tls.pem");
	check_broken("tls.pem");
	tls_folder_put("server.pem", "tls.pem");
	tls_folder_put_part("server.key", "tls.key", 60);
	check_broken("tls.key");
	tls_context_status(server.context, &status);
	CU_ASSERT_EQUAL(status.renewals, 0);
	CU_ASSERT_EQUAL(status.failed_renewals, 4);
	put_second();
	CU_ASSERT(renew());
	CU_ASSERT(newcomer_sees("server-2.pem"));
	end();
}

static void status_tells_of_the_certificate(void)
{
	struct tls_status before, after;
	begin();
	tls_context_status(server.context, &before);
	CU_ASSERT_EQUAL(before.served_count, 1);
	CU_ASSERT_STRING_EQUAL(before.served[0].names, "localhost, 127.0.0.1, ::1");
	CU_ASSERT_EQUAL(strspn(before.served[0].serial, "0123456789ABCDEF"), strlen(before.served[0].serial));
	CU_ASSERT(before.served[0].not_before <= time(NULL) && before.served[0].not_after > time(NULL));
	CU_ASSERT(before.made <= time(NULL) && before.made > time(NULL) - 600);
	put_second();
	CU_ASSERT(renew());
	tls_context_status(server.context, &after);
	CU_ASSERT_STRING_NOT_EQUAL(after.served[0].serial, before.served[0].serial);
	CU_ASSERT_EQUAL(after.renewals, 1);
	CU_ASSERT(after.made >= before.made);
	end();
}

/* A key of 80 bytes, all the same, in base64 as a line; two lines of it are two keys when the letters differ. */
static const char *key_line(char letter)
{
	static char lines[2][128];
	static unsigned next;
	unsigned char bytes[80];
	char *line = lines[next++ % 2];
	memset(bytes, letter, sizeof(bytes));
	int len = EVP_EncodeBlock((unsigned char *)line, bytes, sizeof(bytes));
	strcpy(line + len, "\n");
	return line;
}

/* Whether the client was let in with the session of its last visit. */
static bool comes_back(struct tls_client *client)
{
	struct tls_pair pair;
	struct plait_tls tls = { 0 };
	tls_pair_open(&pair, &server, client);
	CU_ASSERT(tls_pair_handshake(&pair));
	CU_ASSERT(tls_pair_carry(&pair.server, &pair.client, "x", 1)); /* the ticket lies before it */
	pair.server.ops->describe(&pair.server, &tls);
	tls_pair_close(&pair);
	return tls.resumed;
}

static void ticket_keys_are_read_anew(void)
{
	static char file[TLS_PAIR_PATH], keys[256];
	begin();
	tls_folder_write(key_line('a'), "tickets");
	strcpy(file, tls_folder_path("tickets"));
	settings.ticket_keys = file;
	CU_ASSERT(renew());
	struct tls_client *client = tls_pair_client(&(struct tls_client_settings){ .resume = true });
	CU_ASSERT_FALSE(comes_back(client));
	CU_ASSERT(comes_back(client));
	snprintf(keys, sizeof(keys), "%s%s", key_line('b'), key_line('a'));
	tls_folder_write(keys, "tickets");
	CU_ASSERT(renew());
	CU_ASSERT(comes_back(client)); /* the older key is still there */
	tls_folder_write(key_line('c'), "tickets");
	CU_ASSERT(comes_back(client)); /* not read yet */
	CU_ASSERT(renew());
	CU_ASSERT_FALSE(comes_back(client));
	tls_folder_write("no key", "tickets");
	CU_ASSERT_FALSE(renew());
	CU_ASSERT(comes_back(client));
	tls_client_free(&client);
	end();
}

/* Who has been here keeps coming back when certificates are renewed. */
static void keys_of_our_own_outlive_renewals(void)
{
	begin();
	struct tls_client *client = tls_pair_client(&(struct tls_client_settings){ .resume = true });
	CU_ASSERT_FALSE(comes_back(client));
	put_second();
	CU_ASSERT(renew());
	CU_ASSERT(comes_back(client));
	tls_client_free(&client);
	end();
}

/* ---- when to read ---- */

static bool look(void)
{
	return tls_context_look(server.context);
}

static void a_change_waits_for_a_quiet_look(void)
{
	begin();
	CU_ASSERT_FALSE(look());
	tls_folder_put("server-2.pem", "tls.pem");
	CU_ASSERT_FALSE(look());
	tls_folder_put("server-2.key", "tls.key");
	CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	CU_ASSERT(look()); /* nobody has read it */
	CU_ASSERT(renew());
	CU_ASSERT_FALSE(look());
	CU_ASSERT_FALSE(look());
	end();
}

static void what_failed_is_read_again_when_it_changes(void)
{
	begin();
	tls_folder_put("server-2.pem", "tls.pem");
	CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	CU_ASSERT_FALSE(renew());
	for (int i = 0; i < 2 * TLS_STAMPS_RESTLESS_LOOKS; i++)
		CU_ASSERT_FALSE(look());
	tls_folder_put("server-2.key", "tls.key");
	CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	CU_ASSERT(renew());
	CU_ASSERT_FALSE(look());
	end();
}

/* No descriptor can be had from here on. */
static struct rlimit take_descriptors(void)
{
	struct rlimit before;
	int next = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &before), 0);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ (rlim_t)next, before.rlim_max });
	close(next);
	return before;
}

/* A server that is full of connections must not miss its certificate's renewal. */
static void what_the_system_could_not_read_is_read_again(void)
{
	begin();
	put_second();
	CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	struct rlimit before = take_descriptors();
	CU_ASSERT_FALSE(renew());
	setrlimit(RLIMIT_NOFILE, &before);
	CU_ASSERT_PTR_NOT_NULL(strstr(problems.items[0].text, "too many open files"));
	for (int i = 0; i < TLS_STAMPS_WAIT_LOOKS; i++)
		CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	CU_ASSERT(renew());
	CU_ASSERT_FALSE(look());
	CU_ASSERT(newcomer_sees("server-2.pem"));
	end();
}

/* A signal for all contexts read this one, too, and another one was broken. */
static void what_was_not_adopted_is_still_a_change(void)
{
	begin();
	put_second();
	struct tls_generation *fresh = tls_context_renew(server.context, &problems);
	CU_ASSERT_PTR_NOT_NULL(fresh);
	tls_generation_unref(&fresh);
	CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	end();
}

static void a_change_while_it_is_read_is_a_change(void)
{
	begin();
	put_second();
	struct tls_generation *fresh = tls_context_renew(server.context, &problems);
	tls_folder_put("server.pem", "tls.pem");
	tls_context_adopt(server.context, &fresh);
	CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	end();
}

static void what_is_missing_is_waited_for(void)
{
	begin();
	tls_folder_remove("tls.key");
	for (int i = 0; i < TLS_STAMPS_MISSING_LOOKS; i++)
		CU_ASSERT_FALSE(look());
	tls_folder_put("server.key", "tls.key");
	CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	CU_ASSERT(renew());
	tls_folder_remove("tls.key");
	for (int i = 0; i < TLS_STAMPS_MISSING_LOOKS; i++)
		CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	CU_ASSERT_FALSE(renew());
	CU_ASSERT_FALSE(look());
	end();
}

static void what_never_rests_is_read_as_it_is(void)
{
	begin();
	for (int i = 1; i < TLS_STAMPS_RESTLESS_LOOKS; i++) {
		put_second();
		CU_ASSERT_FALSE(look());
	}
	put_second();
	CU_ASSERT(look());
	CU_ASSERT(renew());
	put_second();
	CU_ASSERT_FALSE(look());
	end();
}

static void what_is_written_in_its_place_is_a_change(void)
{
	begin();
	tls_folder_touch("tls.pem");
	CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	CU_ASSERT(renew());
	CU_ASSERT_FALSE(look());
	end();
}

static void a_link_that_is_turned_is_a_change(void)
{
	begin();
	tls_folder_put("server.pem", "first.pem");
	tls_folder_put("server-2.pem", "second.pem");
	tls_folder_link("first.pem", "tls.pem");
	CU_ASSERT(renew());
	CU_ASSERT_FALSE(look());
	tls_folder_link("second.pem", "tls.pem");
	CU_ASSERT_FALSE(look());
	CU_ASSERT(look());
	end();
}

/* Whoever adds a setting that names a file need not tell anybody. */
static void every_file_is_looked_at(void)
{
	struct tls_pair_settings pairs[] = {
		{ .certificate = "b.pem", .key = "b.key", .staple = "b.der" },
		{ .certificate = "c.pem", .key = "c.key" },
	};
	struct tls_settings all = tls_pair_settings("a.pem", "a.key");
	struct tls_stamps files;
	all.pair.staple = "a.der";
	all.pairs = (struct plait_list){ .count = 2, .items = pairs };
	all.client.ca = "ca.pem";
	all.client.crl = "crl.pem";
	all.ticket_keys = "tickets";
	static const char *const expected[] = { "a.pem", "a.key", "a.der",  "b.pem",   "b.key",  "b.der",
						"c.pem", "c.key", "ca.pem", "crl.pem", "tickets" };
	CU_ASSERT_EQUAL_FATAL(tls_stamps_init(&files, &all), 0);
	CU_ASSERT_EQUAL(files.count, 11);
	for (size_t i = 0; i < files.count; i++)
		CU_ASSERT_STRING_EQUAL(files.paths[i], expected[i]);
	tls_stamps_fini(&files);
}

SUITE_MAIN("tls_renewal", SUITE_TEST(newcomers_see_what_was_adopted),
	   SUITE_TEST(who_began_before_ends_with_what_he_began_with),
	   SUITE_TEST(what_is_broken_changes_nothing), SUITE_TEST(status_tells_of_the_certificate),
	   SUITE_TEST(ticket_keys_are_read_anew), SUITE_TEST(keys_of_our_own_outlive_renewals),
	   SUITE_TEST(a_change_waits_for_a_quiet_look), SUITE_TEST(what_failed_is_read_again_when_it_changes),
	   SUITE_TEST(what_the_system_could_not_read_is_read_again),
	   SUITE_TEST(what_was_not_adopted_is_still_a_change),
	   SUITE_TEST(a_change_while_it_is_read_is_a_change), SUITE_TEST(what_is_missing_is_waited_for),
	   SUITE_TEST(what_never_rests_is_read_as_it_is),
	   SUITE_TEST(what_is_written_in_its_place_is_a_change),
	   SUITE_TEST(a_link_that_is_turned_is_a_change), SUITE_TEST(every_file_is_looked_at))
