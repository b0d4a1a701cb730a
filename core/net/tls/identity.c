/* Certificates and their keys. */
#include "core/net/tls/identity.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <stdbool.h>

#include "core/net/tls/ssl.h"

/* Keys are read without a prompt: a server has nobody to answer it. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	bool *asked = context;
	(void)buffer;
	(void)size;
	(void)writing;
	*asked = true;
	return -1;
}

static int load_key(SSL_CTX *ssl, const char *certificate, const char *key, struct plait_error *error)
{
	bool asked = false;
	SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(ssl, &asked);
	bool read = SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
	if (asked) {
		ERR_clear_error();
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, key,
			"it has a passphrase, and nobody is there to enter it; take it off with: "
			"openssl pkey -in OLD -out NEW");
	}
	/* A key of the certificate's kind is held against it at once, one of another kind only now. */
	if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH ||
	    (read && SSL_CTX_check_private_key(ssl) != 1)) {
		ERR_clear_error();
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, key,
			"it is not the key of %s; expected the one that the certificate was made for",
			certificate);
	}
	if (!read)
		return plait_error_set(error, PLAIT_ERROR_INVALID, key,
				       "cannot use it as the private key of %s: %s; expected PEM",
				       certificate, tls_take_reason());
	return 0;
}

int tls_identity_load(SSL_CTX *ssl, const char *certificate, const char *key, struct plait_error *error)
{
	if (SSL_CTX_use_certificate_chain_file(ssl, certificate) != 1)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, certificate,
			"cannot use it as a certificate chain: %s; expected PEM, the certificate itself "
			"first, then its issuers",
			tls_take_reason());
	return load_key(ssl, certificate, key, error);
}
