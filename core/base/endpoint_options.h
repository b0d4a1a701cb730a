/* What follows the "?" of an endpoint string: "tls://example.org:443?timeout=5s&alpn=h2,http/1.1". */
#ifndef BASE_ENDPOINT_OPTIONS_H
#define BASE_ENDPOINT_OPTIONS_H

#include <stdbool.h>

#include <plait/addr.h>

#include "core/base/endpoint.h"

/* Set them to what holds when nothing is written, then parse. */
struct endpoint_options {
	uint64_t timeout_ms;
	uint64_t stagger_ms;
	uint64_t attempts;
	uint64_t handshake_ms;
	uint64_t idle_ms;
	uint64_t close_ms;
	bool nodelay;
	bool keepalive;
	struct plait_addr bind4, bind6; /* family NONE: not written */

	const char *ca;
	const char *name;
	const char *alpn;
	const char *certificate;
	const char *key;
	bool verify;
	bool resume;

	char *text; /* what the strings that were written point into */
};

/* Takes text apart into both. A value may hold any byte but 0 as %XX; an endpoint whose path holds a "?" cannot be written
 * here. 0, or a negative code with error's text saying what was found and what is allowed. In any case
 * endpoint_options_fini is to follow. */
int endpoint_parse_options(const char *text, struct endpoint *endpoint, struct endpoint_options *options,
			   struct plait_error *error);

void endpoint_options_fini(struct endpoint_options *options);

/* The keys that a scheme takes, one a call from 0 on, with what it is for; NULL: there is no more. */
const char *endpoint_option_at(enum endpoint_scheme scheme, unsigned at, const char **doc);

#endif
