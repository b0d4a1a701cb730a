/* TLS for other layers: contexts, which certificates and settings make; servers, which are what listeners have of them; and
 * clients. A server and a client each have a role, the context of transport_tls. */
#ifndef NET_TLS_TLS_H
#define NET_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include <plait/error.h>

#include "core/base/problem.h"
#include "core/net/tls/served.h"
#include "core/net/tls/settings.h"

struct tls_client;
struct tls_context;
struct tls_generation;
struct tls_role;
struct tls_server;

/* Reads the files and checks all that can be checked. settings are borrowed; path is where they stand in the
 * configuration, "tls.default". NULL with an error added to problems, which may have warnings in any case. */
struct tls_context *tls_context_new(const struct tls_settings *settings, const char *path,
				    struct problems *problems);

/* Servers of it go first. */
void tls_context_free(struct tls_context **context);

/* "tls.default". Any thread. */
const char *tls_context_path(const struct tls_context *context);

/* Reads everything anew, and changes nothing yet: so that several contexts change together or not at all. NULL with an
 * error added to problems. Any thread, but one at a time, until it is adopted or unreferenced. */
struct tls_generation *tls_context_renew(struct tls_context *context, struct problems *problems);

/* New handshakes use it from here on; takes the reference. Any thread, under tls_context_renew's condition. */
void tls_context_adopt(struct tls_context *context, struct tls_generation **fresh);

/* The one for a handshake that begins now; to be unreferenced. Any thread. */
struct tls_generation *tls_context_current(struct tls_context *context);

/* Any thread; NULL is allowed. */
void tls_generation_unref(struct tls_generation **generation);

/* Its certificates. As long as the generation is referenced. */
const struct tls_served *tls_generation_served(const struct tls_generation *generation, unsigned *count);

/* Whether its files are to be watched. Any thread. */
bool tls_context_watched(const struct tls_context *context);

/* Looks at its files, once a second. True: they have changed since they were last read (for better or worse;
 * what was not adopted was never read, and what the system could not read is read again some looks later), and have come to
 * rest. Under tls_context_renew's condition. */
bool tls_context_look(struct tls_context *context);

/* For status and metrics. */
struct tls_status {
	unsigned long long renewals, failed_renewals; /* adopted; could not be read */
	time_t made;                                  /* when what is current was */
	struct tls_served served[TLS_SERVED_MAX];     /* its certificates */
	unsigned served_count;
};

/* Any thread. */
void tls_context_status(struct tls_context *context, struct tls_status *status);

/* What a listener's handshakes follow. */
struct tls_server_settings {
	struct tls_context *context; /* borrowed, as the others */

	/* Clients who ask for names[i] get contexts[i]; who asks for another name, or for none, gets the one above, or is
	 * refused when it is strict. Names as in names.h, copied. */
	const char *const *names;
	struct tls_context *const *contexts;
	size_t name_count;
	bool strict;

	/* Protocols for ALPN, the most wanted one first; copied. A client must offer one of them, or none at all. */
	const char *const *alpn;
	size_t alpn_count;
};

/* NULL with error filled. */
struct tls_server *tls_server_new(const struct tls_server_settings *settings, struct plait_error *error);

/* Its connections go first. NULL is allowed. */
void tls_server_free(struct tls_server **server);
struct tls_role *tls_server_role(struct tls_server *server);

/* How connections that we open behave. Strings are copied. */
struct tls_client_settings {
	bool verify;    /* the server's certificate must be good */
	const char *ca; /* PEM file of who may have signed it; NULL: whom the system trusts */
	const char *
		server_name; /* a host name or address it must be for; a name is sent as SNI; NULL: neither */
	const char *alpn;    /* "h2,http/1.1"; NULL: nothing is offered */
	const char *certificate, *key; /* PEM files of our own; NULL: none */
	bool resume;                   /* keep the newest session that a server gave, and offer it */
};

/* For connections that we open, on one loop at a time. NULL with error filled. */
struct tls_client *tls_client_new(const struct tls_client_settings *settings, struct plait_error *error);

/* Its connections go first. NULL is allowed. */
void tls_client_free(struct tls_client **client);
struct tls_role *tls_client_role(struct tls_client *client); /* NULL of NULL */

/* "OpenSSL 3.0.19 27 Jan 2026" */
const char *tls_library_version(void);

#endif
