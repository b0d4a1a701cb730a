/* When to warn of a certificate that is about to expire, and how. */
#include "core/server/expiry.h"

#include "core/base/log.h"

#define HOUR 3600
#define DAY (24 * HOUR)

static void warn(const char *path, const struct tls_served *served, time_t now)
{
	char date[TLS_SERVED_TEXT_SIZE];
	time_t left = served->not_after - now;
	bool days = left >= 2 * DAY;
	tls_served_end(served, date);
	if (left < 0)
		log_write(PLAIT_LOG_ERROR, NULL,
			  "%s: certificate %s of %s expired on %s, and clients refuse it; renew it", path,
			  served->serial, served->names, date);
	else
		log_write(PLAIT_LOG_WARNING, NULL,
			  "%s: certificate %s of %s expires on %s, in %lld %s; renew it", path,
			  served->serial, served->names, date, (long long)(left / (days ? DAY : HOUR)),
			  days ? "days" : "hours");
}

unsigned expiry_look(struct expiry *expiry, struct tls_context *context, time_t now)
{
	struct tls_status status;
	/* A clock that was set back makes nobody wait. */
	if (now >= expiry->told && now - expiry->told < DAY)
		return 0;
	unsigned warnings = 0;
	bool first = expiry->told == 0;
	tls_context_status(context, &status);
	for (unsigned i = 0; i < status.served_count; i++) {
		if (!tls_served_ends_soon(&status.served[i], now))
			continue;
		expiry->told = now;
		if (first && status.served[i].not_after < now)
			continue;
		warn(tls_context_path(context), &status.served[i], now);
		warnings++;
	}
	return warnings;
}
