/* A CA in a test's hands. */
#include "tests/unit/net/tls_authority.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY (24 * 60 * 60)

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	CU_ASSERT_PTR_NOT_NULL_FATAL(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *make(const char *name, int len, EVP_PKEY *key, struct tls_authority *signer)
{
	X509 *certificate = X509_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(certificate);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++signer->serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY);
	X509_gmtime_adj(X509_getm_notAfter(certificate), DAY);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
				   (const unsigned char *)name, len, -1, 0);
	X509_set_pubkey(certificate, key);
	X509 *issuer = signer->certificate ? signer->certificate : certificate;
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
	return certificate;
}

void tls_authority_init(struct tls_authority *authority, const char *name, struct tls_authority *above)
{
	struct tls_authority *signer = above ? above : authority;
	*authority = (struct tls_authority){ .folder = "/tmp/plait-test-XXXXXX" };
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(authority->folder));
	authority->key = EVP_EC_gen("P-256");
	X509 *certificate = make(name, -1, authority->key, signer);
	X509 *issuer = above ? above->certificate : certificate;
	extend(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
	extend(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
	CU_ASSERT_FATAL(X509_sign(certificate, signer->key, EVP_sha256()) > 0);
	authority->certificate = certificate;
}

void tls_authority_fini(struct tls_authority *authority)
{
	char path[TLS_AUTHORITY_PATH + 256];
	DIR *folder = opendir(authority->folder);
	const struct dirent *entry;
	while (folder && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), "%s/%s", authority->folder, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	closedir(folder);
	rmdir(authority->folder);
	X509_free(authority->certificate);
	EVP_PKEY_free(authority->key);
}

void tls_authority_file(const struct tls_authority *authority, const char *name,
			char path[TLS_AUTHORITY_PATH])
{
	snprintf(path, TLS_AUTHORITY_PATH, "%s/%s", authority->folder, name);
	unlink(path);
}

static FILE *append(const char *path)
{
	FILE *file = fopen(path, "ae");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fchmod(fileno(file), 0600);
	return file;
}

void tls_authority_sign(struct tls_authority *authority, const struct tls_leaf *leaf,
			const struct tls_authority *chain, char path[TLS_AUTHORITY_PATH])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = make(leaf->name, leaf->name_len ? leaf->name_len : -1, key, authority);
	if (leaf->from_days || leaf->to_days) {
		X509_gmtime_adj(X509_getm_notBefore(certificate), (long)leaf->from_days * DAY);
		X509_gmtime_adj(X509_getm_notAfter(certificate), (long)leaf->to_days * DAY);
	}
	if (leaf->serial) {
		ASN1_INTEGER *serial = s2i_ASN1_INTEGER(NULL, leaf->serial);
		X509_set_serialNumber(certificate, serial);
		ASN1_INTEGER_free(serial);
	}
	extend(certificate, authority->certificate, NID_ext_key_usage, "clientAuth,serverAuth");
	if (leaf->names)
		X509_add1_ext_i2d(certificate, NID_subject_alt_name, leaf->names, 0, X509V3_ADD_DEFAULT);
	CU_ASSERT_FATAL(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
	snprintf(path, TLS_AUTHORITY_PATH, "%s/leaf-%ld.pem", authority->folder, authority->serial);
	FILE *file = append(path);
	PEM_write_X509(file, certificate);
	if (chain)
		PEM_write_X509(file, chain->certificate);
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void tls_authority_add_certificate(const struct tls_authority *authority, const char *path)
{
	FILE *file = append(path);
	PEM_write_X509(file, authority->certificate);
	fclose(file);
}

static void add_revoked(X509_CRL *list, long serial)
{
	X509_REVOKED *revoked = X509_REVOKED_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_INTEGER_set(number, serial);
	X509_REVOKED_set_serialNumber(revoked, number);
	ASN1_TIME *date = X509_gmtime_adj(NULL, -DAY);
	X509_REVOKED_set_revocationDate(revoked, date);
	X509_CRL_add0_revoked(list, revoked);
	ASN1_TIME_free(date);
	ASN1_INTEGER_free(number);
}

void tls_authority_add_list(const struct tls_authority *authority, long revoked, int to_days,
			    const char *path)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -2 * DAY), *to = X509_gmtime_adj(NULL, (long)to_days * DAY);
	X509_CRL_set_version(list, 1);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(authority->certificate));
	X509_CRL_set1_lastUpdate(list, from);
	X509_CRL_set1_nextUpdate(list, to);
	if (revoked)
		add_revoked(list, revoked);
	X509_CRL_sort(list);
	CU_ASSERT_FATAL(X509_CRL_sign(list, authority->key, EVP_sha256()) > 0);
	FILE *file = append(path);
	PEM_write_X509_CRL(file, list);
	fclose(file);
	ASN1_TIME_free(from);
	ASN1_TIME_free(to);
	X509_CRL_free(list);
}
