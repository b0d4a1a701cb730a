/* ASN.1's dates as the rest of the world reckons time. */
#include "core/net/tls/date.h"

#include <openssl/asn1.h>
#include <stdio.h>

#define WEEK (7 * 24 * 60 * 60)

int tls_date_read(const ASN1_TIME *date, time_t *out)
{
	struct tm parts;
	if (!date || ASN1_TIME_to_tm(date, &parts) != 1)
		return -1;
	*out = timegm(&parts);
	return 0;
}

/* A week is late enough for who renews every three months; who lives for a week is renewed at two thirds of it. */
bool tls_date_ends_soon(time_t begin, time_t end, time_t now)
{
	time_t quarter = (end - begin) / 4;
	return end - now < (quarter < WEEK ? quarter : WEEK);
}

const char *tls_date_text(time_t date, char out[TLS_DATE_SIZE])
{
	struct tm parts;
	if (!gmtime_r(&date, &parts) || strftime(out, TLS_DATE_SIZE, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
		snprintf(out, TLS_DATE_SIZE, "a far time");
	return out;
}
