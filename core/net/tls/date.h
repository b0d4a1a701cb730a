/* Points in time, as certificates and OCSP responses say them. */
#ifndef NET_TLS_DATE_H
#define NET_TLS_DATE_H

#include <openssl/types.h>
#include <stddef.h>
#include <time.h>

#define TLS_DATE_SIZE 40

/* 0, or -1 when it is none. */
int tls_date_read(const ASN1_TIME *date, time_t *out);

/* "2026-11-22 03:21:46 UTC"; returns out. */
const char *tls_date_text(time_t date, char out[TLS_DATE_SIZE]);

#endif
