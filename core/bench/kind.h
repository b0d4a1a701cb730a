/* A kind of load: what its connections say and what they expect. */
#ifndef BENCH_KIND_H
#define BENCH_KIND_H

#include "core/bench/bench.h"
#include "core/bench/worker.h"

struct kind {
	const char *name, *summary;
	unsigned schemes;    /* a set of 1 << enum endpoint_scheme */
	unsigned refused;    /* a set of enum kind_option */
	uint64_t size_usual; /* 0: as others' */
	uint64_t size_min, size_max;
	unsigned connections_min;
	bool churns;  /* each operation has a connection of its own */
	bool fragile; /* one connection lost spoils the run */

	/* Makes the pattern and what else the run needs; once, before threads run. */
	int (*prepare)(struct run *run, struct plait_error *error);
	void (*finish)(struct run *run); /* NULL: nothing but the pattern */

	/* How many of the operations that the settings count are one message. NULL: one. */
	uint64_t (*operations)(const struct bench_settings *settings);

	/* All connections are there, on all threads; once, before start. NULL: nothing to do. */
	int (*assemble)(struct run *run, struct plait_error *error);

	void (*open)(struct client *client);                  /* connected, the TLS handshake done */
	void (*start)(struct client *client);                 /* measuring begins; NULL: nothing to do */
	void (*ready)(struct client *client, unsigned ready); /* the socket is, while open */
	void (*data)(struct client *client, const uint8_t *bytes, size_t len); /* len <= PATTERN_REACH */
	void (*ended)(struct client *client); /* by the server, in order; NULL: that is trouble */
	bool any_end;                         /* it may end it in any way */
	void (*tick)(struct worker *worker);  /* some times a second; NULL: nothing to do */
};

enum kind_option { KIND_DEPTH = 1, KIND_SENDERS = 2, KIND_RESUME = 4, KIND_IDLE = 8, KIND_SIZE = 16 };

extern const struct kind kind_echo, kind_line, kind_broadcast, kind_connect, kind_handshake, kind_udp;

/* NULL: there is none of that name. */
const struct kind *kind_find(const char *name);

/* Of connections that only are there. */
extern const struct kind kind_idle;

#endif
