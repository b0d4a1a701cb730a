/* Points in time, as certificates and OCSP responses say them. */
#ifndef NET_TLS_DATE_H
#define NET_TLS_DATE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define TLS_DATE_SIZE 40

/* 0, or -1 when it is none. */
int tls_date_read(const ASN1_TIME *date, time_t *out);

/* "2026-11-22 03:21:46 UTC"; returns out. */
const char *tls_date_text(time_t date, char out[TLS_DATE_SIZE]);

/* Whether what is good from begin to end has not long to go, or is over: it is in its last week, or in the last quarter of
 * its life where that begins later. */
bool tls_date_ends_soon(time_t begin, time_t end, time_t now);

#endif
