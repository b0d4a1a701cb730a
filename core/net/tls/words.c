/* Reading lists of OpenSSL's names word by word. */
#include "core/net/tls/words.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/base/suggest.h"
#include "core/net/tls/ssl.h"

bool tls_words_taken(const struct tls_reading *reading, const struct tls_words *words, const char *list)
{
	bool good = words->set(reading->trial, list) == 1;
	ERR_clear_error();
	return good;
}

static const char *nearest(struct tls_reading *reading, const char *word)
{
	struct suggest best = { 0 };
	for (const char *const *name = reading->words->names; *name; name++)
		suggest_offer(&best, word, *name);
	if (reading->words != &tls_ciphers)
		return best.word;
	tls_words_taken(reading, reading->words, "ALL:COMPLEMENTOFALL");
	const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(reading->trial);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
		suggest_offer(&best, word, SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
	return best.word;
}

void tls_words_unknown(struct tls_reading *reading, const char *word, bool banned)
{
	const struct tls_words *words = reading->words;
	char found[2 * TLS_WORD_SIZE], hint[TLS_WORD_SIZE + 64] = "";
	const char *near = nearest(reading, word);
	escape_text(found, sizeof(found), word, strlen(word));
	if (strpbrk(word, ",; "))
		snprintf(hint, sizeof(hint), "; expected names with colons between them");
	else if (words->other && tls_words_taken(reading, words->other, word))
		snprintf(hint, sizeof(hint), "; it belongs in \"%s\"", words->other->key);
	else if (near)
		snprintf(hint, sizeof(hint), "; did you mean \"%s\"?", near);
	if (banned) {
		problems_warn(reading->problems, reading->path,
			      "there is no %s \"%s\" to take out of the list%s", words->what, found, hint);
		return;
	}
	problems_add(reading->problems, reading->path, "OpenSSL knows no %s \"%s\"%s", words->what, found,
		     hint);
	reading->result = PLAIT_ERROR_INVALID;
}

static void check_word(struct tls_reading *reading, const char *word)
{
	if (!*word) {
		problems_add(reading->problems, reading->path,
			     "a name is missing beside a colon; expected names with one colon between them");
		reading->result = PLAIT_ERROR_INVALID;
	} else if (!tls_words_taken(reading, reading->words, word)) {
		tls_words_unknown(reading, word, false);
	}
}

void tls_words_read(struct tls_reading *reading)
{
	const char *at = reading->text;
	for (;;) {
		char word[TLS_WORD_SIZE];
		size_t len = strcspn(at, ":");
		const char *end = at + len;
		const char *first = at + strspn(at, " ");
		len = first < end ? (size_t)(end - first) : 0;
		while (len > 0 && first[len - 1] == ' ')
			len--;
		snprintf(word, sizeof(word), "%.*s", (int)len, first);
		check_word(reading, word);
		if (!*end)
			return;
		at = end + 1;
	}
}

/* The word at which OpenSSL has enough of a list whose words are good. */
static bool report_twin(struct tls_reading *reading)
{
	const char *at = reading->text;
	char *list = strdup(at), found[2 * TLS_WORD_SIZE];
	bool twin = false;
	for (size_t end = 0; list && !twin && at[end]; end += at[end] != '\0') {
		size_t begin = end;
		end += strcspn(at + end, ":");
		list[end] = '\0';
		twin = !tls_words_taken(reading, reading->words, list);
		list[end] = at[end];
		if (!twin)
			continue;
		escape_text(found, sizeof(found), at + begin, end - begin);
		problems_add(reading->problems, reading->path,
			     "the %s \"%s\" is there twice, maybe by another name; take one out",
			     reading->words->what, found);
	}
	free(list);
	return twin;
}

static void give(struct tls_reading *reading, SSL_CTX *ssl)
{
	if (reading->words->set(ssl, reading->text) == 1)
		return;
	const char *reason = tls_take_reason();
	reading->result = PLAIT_ERROR_INVALID;
	if (!reading->words->unique || !report_twin(reading))
		problems_add(reading->problems, reading->path, "OpenSSL refuses it: %s", reason);
}

int tls_words_apply(const struct tls_words *words, const char *text, SSL_CTX *ssl, const char *path,
		    struct problems *problems)
{
	struct tls_reading reading = { .words = words, .text = text, .problems = problems };
	json_path_key(reading.path, sizeof(reading.path), path, words->key, strlen(words->key));
	reading.trial = SSL_CTX_new(TLS_server_method());
	if (!reading.trial) {
		problems_add(problems, reading.path, "no memory to check it");
		return PLAIT_ERROR_MEMORY;
	}
	words->read(&reading);
	if (reading.result == 0)
		give(&reading, ssl);
	SSL_CTX_free(reading.trial);
	ERR_clear_error();
	return reading.result;
}

static int set_groups(SSL_CTX *ssl, const char *list)
{
	return (int)SSL_CTX_set1_groups_list(ssl, list);
}

static int set_sigalgs(SSL_CTX *ssl, const char *list)
{
	return (int)SSL_CTX_set1_sigalgs_list(ssl, list);
}

/* Versions of OpenSSL differ in what they make of a name that they do not know: look at what is left. */
static int set_ciphersuites(SSL_CTX *ssl, const char *list)
{
	if (SSL_CTX_set_ciphersuites(ssl, list) != 1)
		return 0;
	const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ssl);
	return sk_SSL_CIPHER_num(ciphers) > 0 &&
	       strcmp(SSL_CIPHER_get_version(sk_SSL_CIPHER_value(ciphers, 0)), "TLSv1.3") == 0;
}

static const char *const suites[] = {
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",   "TLS_CHACHA20_POLY1305_SHA256",
	"TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256", NULL,
};

static const char *const groups[] = {
	"X25519",    "X448",      "P-256",      "P-384",           "P-521",           "secp256r1",
	"secp384r1", "secp521r1", "prime256v1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1",
	"ffdhe2048", "ffdhe3072", "ffdhe4096",  "ffdhe6144",       "ffdhe8192",       NULL,
};

static const char *const sigalgs[] = {
	"ecdsa_secp256r1_sha256",
	"ecdsa_secp384r1_sha384",
	"ecdsa_secp521r1_sha512",
	"ed25519",
	"ed448",
	"rsa_pss_pss_sha256",
	"rsa_pss_pss_sha384",
	"rsa_pss_pss_sha512",
	"rsa_pss_rsae_sha256",
	"rsa_pss_rsae_sha384",
	"rsa_pss_rsae_sha512",
	"rsa_pkcs1_sha256",
	"rsa_pkcs1_sha384",
	"rsa_pkcs1_sha512",
	"rsa_pkcs1_sha1",
	"ecdsa_sha1",
	"RSA+SHA256",
	"RSA+SHA384",
	"RSA+SHA512",
	"RSA-PSS+SHA256",
	"RSA-PSS+SHA384",
	"RSA-PSS+SHA512",
	"ECDSA+SHA256",
	"ECDSA+SHA384",
	"ECDSA+SHA512",
	NULL,
};

const struct tls_words tls_ciphersuites = {
	.key = "ciphersuites",
	.what = "ciphersuite of TLS 1.3",
	.set = set_ciphersuites,
	.read = tls_words_read,
	.names = suites,
	.other = &tls_ciphers,
};

const struct tls_words tls_groups = {
	.key = "groups",
	.what = "group",
	.set = set_groups,
	.read = tls_words_read,
	.names = groups,
	.unique = true,
};

const struct tls_words tls_sigalgs = {
	.key = "sigalgs",
	.what = "signature algorithm",
	.set = set_sigalgs,
	.read = tls_words_read,
	.names = sigalgs,
	.unique = true,
};
