/* Rows of PEM blocks, read out of files in memory. */
#ifndef NET_TLS_PEM_H
#define NET_TLS_PEM_H

#include <openssl/types.h>
#include <stdbool.h>

#include "core/net/tls/file.h"

/* NULL: no memory. file must last as long as it. */
BIO *tls_pem_open(const struct tls_file *file);

/* The callback for whatever is read out of it: OpenSSL's own would ask on the terminal, and a server has nobody to answer.
 * context: NULL, or a bool that is set when somebody would have been asked. */
int tls_pem_no_passphrase(char *buffer, int size, int writing, void *context);

/* Whether what ended a row was the end of the file; before the queue of errors is cleared. */
bool tls_pem_at_end(void);

#endif
