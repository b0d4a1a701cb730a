/* PROXY headers made by hand, good and bad, and what is to be read in each. */
#ifndef TESTS_UNIT_PROXY_HEADERS_H
#define TESTS_UNIT_PROXY_HEADERS_H

#include "core/net/proxy/header.h"

struct proxy_sample {
	const char *name;
	const char *bytes;
	size_t len;
	enum proxy_verdict verdict;

	/* DONE: "192.0.2.1:1 192.0.2.2:2", or "own" where the addresses stay as they are. BROKEN: words of the fault. */
	const char *says;

	size_t seen_at; /* BROKEN, NONE: so many bytes are enough to tell; 0: nobody minds */
};

extern const struct proxy_sample proxy_samples[];
extern const size_t proxy_sample_count;

#endif
