/* Names in certificates as text. Whatever a certificate holds, the text is printable ASCII. */
#ifndef NET_TLS_NAME_TEXT_H
#define NET_TLS_NAME_TEXT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

/* As RFC 2253 writes it: "CN=client,O=plait". False when there is no room for all of it: it is cut, for people. */
bool tls_name_text(const X509_NAME *name, char *out, size_t size);

#endif
