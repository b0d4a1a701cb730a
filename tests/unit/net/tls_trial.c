/* TLS contexts on trial. */
#include "tests/unit/net/tls_trial.h"

#include <CUnit/CUnit.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/net/tls/conn.h"

static char folder[64];
static char *paths[1024];
static size_t path_count;

void tls_trial_begin(void)
{
	strcpy(folder, "/tmp/plait-tls-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

void tls_trial_end(void)
{
	for (size_t i = 0; i < path_count; i++) {
		if (strncmp(paths[i], folder, strlen(folder)) == 0)
			unlink(paths[i]);
		free(paths[i]);
	}
	path_count = 0;
	rmdir(folder);
}

const char *tls_trial_file(const char *name)
{
	char path[TLS_PAIR_PATH];
	if (strncmp(name, "./", 2) == 0)
		snprintf(path, sizeof(path), "%s/%s", folder, name + 2);
	else if (*name == '/')
		snprintf(path, sizeof(path), "%s", name);
	else
		tls_pair_file(name, path);
	CU_ASSERT_FATAL(path_count < sizeof(paths) / sizeof(*paths));
	return paths[path_count++] = strdup(path);
}

static FILE *create(const char *name)
{
	const char *path = tls_trial_file(name);
	FILE *file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fchmod(fileno(file), 0600);
	return file;
}

void tls_trial_write(const char *name, const char *text)
{
	FILE *file = create(name);
	fputs(text, file);
	fclose(file);
}

/* The block of that number, from 1, of a file. */
static void copy_block(const char *name, int number, FILE *out)
{
	FILE *in = fopen(tls_trial_file(name), "re");
	char line[256];
	int at = 0;
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	while (fgets(line, sizeof(line), in)) {
		at += strncmp(line, "-----BEGIN", 10) == 0;
		if (at == number)
			fputs(line, out);
	}
	fclose(in);
}

void tls_trial_join(const char *name, const char *const *blocks)
{
	FILE *out = create(name);
	for (; *blocks; blocks++) {
		char from[64];
		int number;
		CU_ASSERT_EQUAL_FATAL(sscanf(*blocks, "%63s %d", from, &number), 2);
		copy_block(from, number, out);
	}
	fclose(out);
}

void tls_trial_make(const char *name, EVP_PKEY *key, long begin_s, long end_s, const char *usage)
{
	char path[64];
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), begin_s);
	X509_gmtime_adj(X509_getm_notAfter(certificate), end_s);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_set_pubkey(certificate, key);
	X509_EXTENSION *extension = usage ? X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, usage) : NULL;
	if (extension)
		X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	X509_sign(certificate, key, EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256());
	snprintf(path, sizeof(path), "./%s.pem", name);
	FILE *file = create(path);
	PEM_write_X509(file, certificate);
	fclose(file);
	snprintf(path, sizeof(path), "./%s.key", name);
	file = create(path);
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

struct tls_settings tls_trial_settings(const char *certificate, const char *key)
{
	return tls_pair_settings(tls_trial_file(certificate), tls_trial_file(key));
}

static void cut(char *text, const char *word)
{
	size_t len = strlen(word);
	for (char *at; len > 0 && (at = strstr(text, word)) != NULL;)
		memmove(at, at + len, strlen(at + len) + 1);
}

static char *print(const struct problems *problems)
{
	char *text = NULL, certs[TLS_PAIR_PATH], ours[sizeof(folder) + 1];
	size_t len;
	FILE *out = open_memstream(&text, &len);
	problems_print(problems, out);
	fclose(out);
	tls_pair_file("", certs);
	snprintf(ours, sizeof(ours), "%s/", folder);
	cut(text, certs);
	cut(text, ours);
	return text;
}

char *tls_trial_problems(const struct tls_settings *settings, bool *made)
{
	struct problems problems;
	problems_init(&problems);
	struct tls_pair_server server = tls_pair_server_with(settings, &problems);
	*made = server.context != NULL;
	CU_ASSERT_EQUAL(*made, problems.errors == 0);
	char *text = print(&problems);
	tls_pair_server_free(&server);
	problems_fini(&problems);
	return text;
}

static SSL *ssl_of(const struct transport *transport)
{
	const struct tls_conn *conn = transport->handle;
	return conn->ssl;
}

bool tls_trial_shake(const struct tls_settings *settings, void (*prepare)(SSL *client),
		     void (*look)(SSL *client, SSL *server))
{
	struct problems problems;
	struct tls_pair pair;
	problems_init(&problems);
	struct tls_pair_server server = tls_pair_server_with(settings, &problems);
	problems_print(&problems, stdout);
	problems_fini(&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server.server);
	struct tls_client *client = tls_pair_client(&(struct tls_client_settings){ .verify = false });
	tls_pair_open(&pair, &server, client);
	SSL_set_security_level(ssl_of(&pair.client), 0);
	if (prepare)
		prepare(ssl_of(&pair.client));
	bool done = tls_pair_handshake(&pair);
	if (done && look)
		look(ssl_of(&pair.client), ssl_of(&pair.server));
	tls_pair_close(&pair);
	tls_client_free(&client);
	tls_pair_server_free(&server);
	return done;
}
