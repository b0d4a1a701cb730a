/* The peer's certificate in plain words: read once, into one block of memory. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/net/tls/conn.h"
#include "core/net/tls/date.h"
#include "core/net/tls/name_text.h"

#define SERIAL_MAX 64 /* bytes; 20 are allowed (RFC 5280) */
#define NAME_SIZE (PLAIT_CERTIFICATE_NAME_MAX + 1)

/* Texts are told by where they begin among the others until all are known; 0: there is none. */
struct draft {
	BIO *texts;
	size_t len; /* of all so far, and one */
	size_t subject, issuer, serial, fingerprint;
	size_t names[PLAIT_CERTIFICATE_NAMES_MAX];
	int kinds[PLAIT_CERTIFICATE_NAMES_MAX];
	size_t name_count, omitted;
};

static size_t add(struct draft *draft, const char *text)
{
	size_t at = draft->len, size = strlen(text) + 1;
	if (BIO_write(draft->texts, text, (int)size) != (int)size)
		return 0;
	draft->len += size;
	return at;
}

static size_t add_hex(struct draft *draft, const unsigned char *bytes, size_t len, const char *digits)
{
	char text[2 * SERIAL_MAX + 1];
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * len] = '\0';
	return add(draft, text);
}

static size_t add_name(struct draft *draft, const X509_NAME *name)
{
	char text[NAME_SIZE];
	return tls_name_text(name, text, sizeof(text)) ? add(draft, text) : 0;
}

static size_t add_serial(struct draft *draft, const ASN1_INTEGER *serial)
{
	size_t len = (size_t)ASN1_STRING_length(serial);
	return len > 0 && len <= SERIAL_MAX && ASN1_STRING_type(serial) == V_ASN1_INTEGER
		       ? add_hex(draft, ASN1_STRING_get0_data(serial), len, "0123456789ABCDEF")
		       : 0;
}

static size_t add_fingerprint(struct draft *draft, const X509 *certificate)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;
	return X509_digest(certificate, EVP_sha256(), digest, &len) == 1
		       ? add_hex(draft, digest, len, "0123456789abcdef")
		       : 0;
}

/* ---- names ---- */

/* False when there is no room. */
static bool escape(const unsigned char *bytes, size_t len, char text[NAME_SIZE])
{
	size_t at = 0;
	for (size_t i = 0; i < len; i++) {
		bool plain = bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '\\';
		if (at + (plain ? 1 : 3) >= NAME_SIZE)
			return false;
		if (plain)
			text[at++] = (char)bytes[i];
		else
			at += (size_t)snprintf(text + at, NAME_SIZE - at, "\\%02X", bytes[i]);
	}
	text[at] = '\0';
	return true;
}

static bool escape_string(const ASN1_STRING *string, char text[NAME_SIZE])
{
	return escape(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string), text);
}

static bool write_address(const ASN1_STRING *address, char text[NAME_SIZE])
{
	int len = ASN1_STRING_length(address);
	int family = len == 4 ? AF_INET : AF_INET6;
	return (len == 4 || len == 16) && inet_ntop(family, ASN1_STRING_get0_data(address), text, NAME_SIZE);
}

/* The kind of name and its text; 0: it is left out. */
static int read_name(const GENERAL_NAME *name, char text[NAME_SIZE])
{
	static const struct {
		int kind;
		bool (*write)(const ASN1_STRING *string, char text[NAME_SIZE]);
	} kinds[] = {
		[GEN_DNS] = { PLAIT_CERTIFICATE_DNS, escape_string },
		[GEN_EMAIL] = { PLAIT_CERTIFICATE_EMAIL, escape_string },
		[GEN_URI] = { PLAIT_CERTIFICATE_URI, escape_string },
		[GEN_IPADD] = { PLAIT_CERTIFICATE_ADDRESS, write_address },
	};
	int type;
	const void *value = GENERAL_NAME_get0_value(name, &type);
	if (type < 0 || (size_t)type >= sizeof(kinds) / sizeof(*kinds) || !kinds[type].write)
		return 0;
	return kinds[type].write(value, text) ? kinds[type].kind : 0;
}

static void add_alt_name(struct draft *draft, const GENERAL_NAME *name)
{
	char text[NAME_SIZE];
	int kind = draft->name_count < PLAIT_CERTIFICATE_NAMES_MAX ? read_name(name, text) : 0;
	size_t at = kind ? add(draft, text) : 0;
	if (at == 0) {
		draft->omitted++;
		return;
	}
	draft->names[draft->name_count] = at;
	draft->kinds[draft->name_count++] = kind;
}

static void add_alt_names(struct draft *draft, const X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		add_alt_name(draft, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
}

/* ---- all of it ---- */

static void read_all(struct draft *draft, const X509 *certificate)
{
	draft->subject = add_name(draft, X509_get_subject_name(certificate));
	draft->issuer = add_name(draft, X509_get_issuer_name(certificate));
	draft->serial = add_serial(draft, X509_get0_serialNumber(certificate));
	draft->fingerprint = add_fingerprint(draft, certificate);
	add_alt_names(draft, certificate);
}

static int64_t seconds_of(const ASN1_TIME *date)
{
	time_t time;
	return tls_date_read(date, &time) == 0 ? (int64_t)time : 0;
}

static const char *text_at(const char *texts, size_t at)
{
	return at > 0 ? texts + at - 1 : NULL;
}

/* A certificate, its names, their texts. */
static struct plait_certificate *assemble(const struct draft *draft, const X509 *certificate)
{
	char *from;
	long len = BIO_get_mem_data(draft->texts, &from);
	size_t names_size = draft->name_count * sizeof(struct plait_certificate_name);
	struct plait_certificate *made = malloc(sizeof(*made) + names_size + (size_t)len);
	if (!made)
		return NULL;
	struct plait_certificate_name *names = (struct plait_certificate_name *)(made + 1);
	char *texts = (char *)names + names_size;
	memcpy(texts, from, (size_t)len);
	for (size_t i = 0; i < draft->name_count; i++)
		names[i] = (struct plait_certificate_name){ draft->kinds[i],
							    text_at(texts, draft->names[i]) };
	*made = (struct plait_certificate){
		.subject = text_at(texts, draft->subject),
		.issuer = text_at(texts, draft->issuer),
		.serial = text_at(texts, draft->serial),
		.fingerprint = text_at(texts, draft->fingerprint),
		.not_before = seconds_of(X509_get0_notBefore(certificate)),
		.not_after = seconds_of(X509_get0_notAfter(certificate)),
		.names = names,
		.name_count = draft->name_count,
		.names_omitted = draft->omitted,
	};
	return made;
}

struct plait_certificate *tls_peer_certificate(const struct transport *transport)
{
	const struct tls_conn *conn = transport->handle;
	const X509 *certificate = SSL_get0_peer_certificate(conn->ssl);
	struct plait_certificate *made = NULL;
	struct draft draft = { .len = 1 };
	if (!certificate)
		return NULL;
	draft.texts = BIO_new(BIO_s_mem());
	if (draft.texts) {
		read_all(&draft, certificate);
		made = assemble(&draft, certificate);
	}
	if (made)
		made->verified = (SSL_get_verify_mode(conn->ssl) & SSL_VERIFY_PEER) &&
				 SSL_get_verify_result(conn->ssl) == X509_V_OK;
	BIO_free(draft.texts);
	ERR_clear_error();
	return made;
}
