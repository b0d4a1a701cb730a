/* What reading PEM files has in common. */
#include "core/net/tls/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

BIO *tls_pem_open(const struct tls_file *file)
{
	return BIO_new_mem_buf(file->data, (int)file->len);
}

int tls_pem_no_passphrase(char *buffer, int size, int writing, void *context)
{
	bool *asked = context;
	(void)buffer;
	(void)size;
	(void)writing;
	if (asked)
		*asked = true;
	return -1;
}

bool tls_pem_at_end(void)
{
	unsigned long code = ERR_peek_last_error();
	return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}
