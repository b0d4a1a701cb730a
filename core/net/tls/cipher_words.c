/* OpenSSL's language of cipher lists: names of ciphers and of kinds of them, joined with "+", taken out with "!" and "-",
 * moved to the end with "+", and commands that begin with "@". */
#include <openssl/ssl.h>
#include <string.h>

#include "core/net/tls/words.h"

/* Kinds that have a name even where a library has no cipher of theirs. */
static const char *const kinds[] = {
	"ALL",
	"COMPLEMENTOFALL",
	"COMPLEMENTOFDEFAULT",
	"DEFAULT",
	"HIGH",
	"MEDIUM",
	"LOW",
	"FIPS",
	"EXPORT",
	"EXP",
	"EXPORT40",
	"EXPORT56",
	"SSLv2",
	"SSLv3",
	"TLSv1",
	"TLSv1.0",
	"TLSv1.2",
	"eNULL",
	"NULL",
	"aNULL",
	"kRSA",
	"aRSA",
	"RSA",
	"kDHr",
	"kDHd",
	"kDH",
	"kDHE",
	"kEDH",
	"DHE",
	"EDH",
	"DH",
	"ADH",
	"kECDHE",
	"kEECDH",
	"ECDHE",
	"EECDH",
	"ECDH",
	"AECDH",
	"kECDHr",
	"kECDHe",
	"kECDH",
	"aECDH",
	"aECDSA",
	"ECDSA",
	"aDSS",
	"DSS",
	"aDH",
	"kPSK",
	"aPSK",
	"PSK",
	"kRSAPSK",
	"kECDHEPSK",
	"kDHEPSK",
	"kSRP",
	"aSRP",
	"SRP",
	"KRB5",
	"kGOST",
	"kGOST18",
	"aGOST",
	"aGOST01",
	"aGOST12",
	"GOST89",
	"GOST94",
	"GOST89MAC",
	"GOST12",
	"AES",
	"AES128",
	"AES256",
	"AESGCM",
	"AESCCM",
	"AESCCM8",
	"CHACHA20",
	"ARIA",
	"ARIA128",
	"ARIA256",
	"ARIAGCM",
	"CAMELLIA",
	"CAMELLIA128",
	"CAMELLIA256",
	"CBC",
	"SEED",
	"IDEA",
	"DES",
	"3DES",
	"RC2",
	"RC4",
	"MD5",
	"SHA1",
	"SHA",
	"SHA256",
	"SHA384",
	"SUITEB128",
	"SUITEB128ONLY",
	"SUITEB128C2",
	"SUITEB192",
	NULL,
};

/* Those that count at the beginning only; later OpenSSL passes over them. */
static const char *const openings[] = {
	"DEFAULT", "SUITEB128", "SUITEB128ONLY", "SUITEB128C2", "SUITEB192", NULL,
};

static bool is_one_of(const char *const *names, const char *word)
{
	for (; *names; names++)
		if (strcmp(*names, word) == 0)
			return true;
	return false;
}

static bool is_known(const struct tls_reading *reading, const char *word)
{
	return is_one_of(kinds, word) || tls_words_taken(reading, reading->words, word);
}

/* One name; those that are joined with "+" are read one after another. */
static void check_name(struct tls_reading *reading, const char *word, bool opening, bool banned)
{
	if (!is_known(reading, word)) {
		tls_words_unknown(reading, word, banned);
	} else if (!opening && is_one_of(openings, word)) {
		problems_add(reading->problems, reading->path,
			     "\"%s\" counts at the beginning of the list only; move it there, or take it out",
			     word);
		reading->result = PLAIT_ERROR_INVALID;
	}
}

static void check_rule(struct tls_reading *reading, const char *rule, size_t len, bool opening)
{
	bool banned = *rule == '!' || *rule == '-';
	size_t begin = strchr("!-+", *rule) ? 1 : 0;
	opening = opening && begin == 0;
	while (begin < len) {
		char word[TLS_WORD_SIZE];
		size_t end = begin + strcspn(rule + begin, "+");
		end = end < len ? end : len;
		snprintf(word, sizeof(word), "%.*s", (int)(end - begin), rule + begin);
		if (*word)
			check_name(reading, word, opening && end == len, banned);
		begin = end + 1;
		opening = false;
	}
}

static void read(struct tls_reading *reading)
{
	static const char between[] = ": ,;";
	const char *at = reading->text;
	while (*at) {
		size_t len = strcspn(at, ": ,;@");
		if (len > 0)
			check_rule(reading, at, len, at == reading->text);
		at += len;
		if (*at == '@')
			at += strcspn(at, between); /* OpenSSL says what it thinks of it */
		at += strspn(at, between);
	}
}

const struct tls_words tls_ciphers = {
	.key = "ciphers",
	.what = "cipher",
	.set = SSL_CTX_set_cipher_list,
	.read = read,
	.names = kinds,
	.other = &tls_ciphersuites,
};
