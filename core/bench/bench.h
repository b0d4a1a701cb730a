/* The load generator: many connections that talk to a server as fast as it answers, and check every byte it says. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <plait/error.h>

#define BENCH_CONNECTIONS_MAX 100000
#define BENCH_SIZE_MAX (16u << 20)
#define BENCH_DEPTH_MAX 4096
#define BENCH_THREADS_MAX 64

struct bench_settings {
	const char *kind;     /* one of bench_kinds */
	const char *endpoint; /* "tcp://127.0.0.1:7007" */
	uint64_t connections;
	uint64_t size;        /* of a message; 0: 64, or what the kind has */
	uint64_t depth;       /* messages in flight a connection; 0: 1 */
	uint64_t time_ms;     /* 0: no end but operations */
	uint64_t operations;  /* 0: no end but the time */
	uint64_t patience_ms; /* so long nothing may come */
	uint64_t threads;
	uint64_t senders;
	uint64_t idle;
	const char *ca;   /* NULL: the server's certificate is not checked */
	const char *pids; /* of the server, separated by commas; NULL: it is not watched */
	bool resume;
};

/* What can go wrong with a connection or a message. */
enum bench_trouble {
	BENCH_CONNECT,  /* a connection did not come about */
	BENCH_TLS,      /* its handshake failed */
	BENCH_RESET,    /* it broke */
	BENCH_CLOSED,   /* the server ended it */
	BENCH_MISMATCH, /* an answer differs from what was to come */
	BENCH_LOST,     /* no answer in time: datagrams, which are sent anew */
	BENCH_TROUBLES,
};

const char *bench_trouble_name(enum bench_trouble trouble); /* "connect", "tls", ... */

struct bench_usage {
	uint64_t user_ns, system_ns;
};

struct bench_report {
	struct bench_settings settings; /* with what was left open filled in */
	double seconds;
	uint64_t operations;
	uint64_t troubles[BENCH_TROUBLES];
	uint64_t resumed; /* of TLS handshakes, those that resumed a session */
	uint64_t p50_ns, p99_ns, p999_ns, max_ns;
	struct bench_usage load; /* our own */
	struct bench_usage server;
	uint64_t resident; /* bytes, of the server */
	bool interrupted;
	char failure[800]; /* one sentence; empty: all went well */
};

/* One of each kind of load there is, in the order of help. */
struct bench_word {
	const char *name, *summary;
};
const struct bench_word *bench_kinds(void); /* ends with a NULL name */

/* What can be said without touching the network: 0, or a negative code and error filled. Fills in what was left open. */
int bench_check(struct bench_settings *settings, struct plait_error *error);

/* Runs a load that bench_check approved. 0 and report filled, its failure perhaps, too; or a negative code and error
 * filled when it could not begin. progress: where a line a second goes; NULL: nowhere. Blocks; SIGINT and SIGTERM end
 * it early. */
int bench_run(const struct bench_settings *settings, FILE *progress, struct bench_report *report,
	      struct plait_error *error);

void bench_print(const struct bench_report *report, FILE *out);
void bench_print_json(const struct bench_report *report, FILE *out);

#endif
