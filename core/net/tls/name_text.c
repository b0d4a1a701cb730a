/* Names in certificates as text. */
#include "core/net/tls/name_text.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

bool tls_name_text(const X509_NAME *name, char *out, size_t size)
{
	char *text;
	BIO *bio = BIO_new(BIO_s_mem());
	bool whole = bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0;
	long len = whole ? BIO_get_mem_data(bio, &text) : 0;
	whole = whole && (size_t)len < size;
	size_t some = (size_t)len < size ? (size_t)len : size - 1;
	if (some > 0)
		memcpy(out, text, some);
	out[some] = '\0';
	BIO_free(bio);
	ERR_clear_error();
	return whole;
}
