/* Reading what our certificates say of themselves. */
#include "core/net/tls/served.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "core/net/tls/date.h"
#include "core/net/tls/generation.h"

static void read_serial(const X509 *certificate, char *serial, size_t size)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *text = number ? BN_bn2hex(number) : NULL;
	snprintf(serial, size, "%s", text ? text : "unknown");
	OPENSSL_free(text);
	BN_free(number);
}

/* False: it does not fit any more. */
static bool add_name(char *names, size_t size, const char *name, size_t len)
{
	static const char more[] = ", ...";
	size_t used = strlen(names);
	if (used + 2 + len + sizeof(more) > size) {
		snprintf(names + used, size - used, "%s", used > 0 ? more : more + 2);
		return false;
	}
	snprintf(names + used, size - used, "%s%.*s", used > 0 ? ", " : "", (int)len, name);
	return true;
}

static bool add_general_name(char *names, size_t size, const GENERAL_NAME *name)
{
	char address[INET6_ADDRSTRLEN];
	if (name->type == GEN_DNS)
		return add_name(names, size, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
				(size_t)ASN1_STRING_length(name->d.dNSName));
	if (name->type != GEN_IPADD)
		return true;
	int len = ASN1_STRING_length(name->d.iPAddress);
	if (len != 4 && len != 16)
		return true;
	inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), address,
		  sizeof(address));
	return add_name(names, size, address, strlen(address));
}

static void read_names(X509 *certificate, char *names, size_t size)
{
	GENERAL_NAMES *list = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	names[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(list); i++)
		if (!add_general_name(names, size, sk_GENERAL_NAME_value(list, i)))
			break;
	GENERAL_NAMES_free(list);
	if (!names[0])
		snprintf(names, size, "no name");
}

static void read_certificate(X509 *certificate, struct tls_served *served)
{
	served->kind = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate));
	tls_date_read(X509_get0_notBefore(certificate), &served->not_before);
	tls_date_read(X509_get0_notAfter(certificate), &served->not_after);
	read_serial(certificate, served->serial, sizeof(served->serial));
	read_names(certificate, served->names, sizeof(served->names));
	X509_digest(certificate, EVP_sha256(), served->digest, NULL);
}

int tls_served_apply(struct tls_generation *generation, const struct tls_settings *settings, const char *path,
		     struct problems *problems)
{
	(void)settings;
	(void)path;
	(void)problems;
	SSL_CTX *ssl = generation->ssl;
	generation->made = time(NULL);
	long there = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST);
	while (there == 1 && generation->served_count < TLS_SERVED_MAX) {
		read_certificate(SSL_CTX_get0_certificate(ssl),
				 &generation->served[generation->served_count++]);
		there = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT);
	}
	SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST);
	return 0;
}

bool tls_served_ends_soon(const struct tls_served *served, time_t now)
{
	return tls_date_ends_soon(served->not_before, served->not_after, now);
}

const char *tls_served_end(const struct tls_served *served, char text[TLS_SERVED_TEXT_SIZE])
{
	return tls_date_text(served->not_after, text);
}

const char *tls_served_text(const struct tls_served *served, char text[TLS_SERVED_TEXT_SIZE])
{
	char end[TLS_DATE_SIZE];
	snprintf(text, TLS_SERVED_TEXT_SIZE, "certificate %s of %s, good until %s", served->serial,
		 served->names, tls_date_text(served->not_after, end));
	return text;
}
