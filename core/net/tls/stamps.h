/* The files of a context, and what they looked like when they were read: so that a change of one shows. */
#ifndef NET_TLS_STAMPS_H
#define NET_TLS_STAMPS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/net/tls/settings.h"

/* How many looks it waits for a file that is missing, and for files that change all the time, before they are read as
 * they are. */
#define TLS_STAMPS_MISSING_LOOKS 10
#define TLS_STAMPS_RESTLESS_LOOKS 30

/* How many looks go by before files are read again that the system could not read. */
#define TLS_STAMPS_WAIT_LOOKS 10

struct tls_stamp;

/* One thread at a time. */
struct tls_stamps {
	size_t count;
	const char **paths;      /* what the settings point to */
	struct tls_stamp *known; /* what the last reading found */
	struct tls_stamp *begun; /* before the reading that is under way */
	struct tls_stamp *last;  /* at the last look */
	unsigned differ;         /* at so many looks in a row, from known */
	unsigned rest;           /* and so many of these found nothing that the one before had not found */
	unsigned wait;           /* so many looks are for nothing yet */
};

/* Every path among the settings, which are borrowed. 0, or -1 when there is no memory. */
int tls_stamps_init(struct tls_stamps *stamps, const struct tls_settings *settings);
void tls_stamps_fini(struct tls_stamps *stamps);

/* Before the files are read, so that whatever is changed meanwhile shows afterwards. */
void tls_stamps_begin(struct tls_stamps *stamps);

/* That reading counts: from here on it is what later ones differ from. */
void tls_stamps_done(struct tls_stamps *stamps);

/* It failed, and not because of the files: a change stays one, and is read after TLS_STAMPS_WAIT_LOOKS. */
void tls_stamps_wait(struct tls_stamps *stamps);

/* Looks at them, once an interval. True: something has changed since the reading that counts, and nothing since the last
 * look; a certificate and its key are not replaced in one moment, and what is being replaced may be missing for one. */
bool tls_stamps_look(struct tls_stamps *stamps);

#endif
