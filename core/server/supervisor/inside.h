/* The supervisor from the inside; for the files of this folder. */
#ifndef SERVER_SUPERVISOR_INSIDE_H
#define SERVER_SUPERVISOR_INSIDE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/config/config.h"
#include "core/net/client/backoff.h"
#include "core/server/privilege/identity.h"
#include "core/server/supervisor/lend.h"
#include "core/server/supervisor/page.h"
#include "core/server/supervisor/store.h"
#include "core/server/supervisor/supervisor.h"

/* One serves, one may be on its way to take its place, and others drain. */
#define WORKERS_MAX 16 /* supervisor_bit */

/* What was seen of a loop. */
struct loop_watch {
	uint32_t turns;
	uint64_t since_ms; /* it stands there */
};

enum worker_state {
	WORKER_NONE,
	WORKER_STARTING,
	WORKER_SERVING,
	WORKER_RETIRED, /* another one has taken its place, or it stops */
};

struct worker_process {
	enum worker_state state;
	uint32_t number; /* from 1 */
	pid_t pid;
	int channel;
	int text; /* what it serves, a file in memory; -1: it has not said */
	int read; /* what it was given last; only that it may serve; -1: nothing, or it serves it */
	struct config *given; /* of that; NULL: it was not looked at yet, or is none */
	bool kept_all;
	bool stopping, hung;
	bool hangup;       /* it was told to reload, and has not read the file since */
	bool refused;      /* it was not to take over, and is killed */
	bool upgrade;      /* it is of the program on the disk, whose supervisor is to follow */
	uint32_t asked_by; /* the number of the worker that asked for it; 0: none did */
	int page_fd;
	struct page *page;
	struct loop_watch watches[PLAIT_LOOPS_MAX + 1];
	uint64_t born_ms, ready_ms;
	uint64_t kill_ms; /* then it is killed; 0: never */
};

struct supervisor {
	const char *file;
	char *program;         /* to be executed for an upgrade; NULL: unknown */
	int text;              /* what was served last, or is to be served first; a file in memory */
	struct config *config; /* of that */
	struct lender lender;
	struct identity identity; /* who workers become; where owns says that there is one */
	bool owns;
	struct store store;
	struct worker_process workers[WORKERS_MAX];
	uint32_t started; /* so many workers */
	int signals;      /* a signalfd */
	sigset_t mask;    /* of the signals before */
	bool was_ready;   /* some worker */
	bool stopping, over;
	bool wanted, wanted_upgrade; /* a worker is to take the place of the one that serves */
	uint32_t wanted_by;
	bool reloaded;  /* the one that serves, while another one starts, which has not heard of it */
	bool hangup;    /* likewise, it was told to reload; or there was none that served */
	bool replace;   /* this program is to be replaced as soon as nothing else is under way */
	unsigned stops; /* so many signals to stop */
	int status;     /* of the last worker that served, to be the supervisor's */

	struct backoff backoff;
	unsigned failures;   /* in a row */
	uint64_t restart_ms; /* 0: none is due */
	unsigned crashes;
	uint64_t watched_ms; /* the loops, the last time */
	char last_crash[256];
};

/* Its bit in the store. */
static inline uint16_t supervisor_bit(const struct supervisor *supervisor,
				      const struct worker_process *worker)
{
	return (uint16_t)(1u << (worker - supervisor->workers));
}

/* The one in that state; NULL: none is. */
struct worker_process *supervisor_worker(struct supervisor *supervisor, enum worker_state state);

/* Who is to end with its last connection, and is told so at this moment, is killed then. */
uint64_t supervisor_drained_ms(const struct supervisor *supervisor);

/* It serves from here on. */
void supervisor_promote(struct supervisor *supervisor, struct worker_process *worker);

/* CLOCK_MONOTONIC. */
uint64_t supervisor_now_ms(void);

/* Whether it can hear of it. */
bool supervisor_tell(struct worker_process *worker, enum channel_kind kind, int number);

/* The worker of that number hears what came of what it asked for; error: NULL when all went well. */
void supervisor_tell_outcome(struct supervisor *supervisor, uint32_t number, const char *error);

/* What there is to know for the status of workers. */
void supervisor_tell_news(const struct supervisor *supervisor);

/* What it was given last is served, or never will be. */
void supervisor_forget_read(struct worker_process *worker);

/* Forgets a worker, and all that belongs to it. */
void supervisor_let_go(struct worker_process *worker);

/* Hears of workers that have ended. */
void supervisor_reap(struct supervisor *supervisor);

/* Starts a worker that is to take the place of the one that serves; asked_by: that one's number, 0: nobody waits for what
 * comes of it. */
void supervisor_replace(struct supervisor *supervisor, bool upgrade, uint32_t asked_by);

/* A worker that was to take the place of another one, and cannot: that one goes on. */
void supervisor_refuse(struct supervisor *supervisor, struct worker_process *worker, const char *why);

/* What it serves, as it has said, is what is served. */
void supervisor_take_served(struct supervisor *supervisor, struct worker_process *worker);

/* Answers what came over a worker's channel. */
void supervisor_hear(struct supervisor *supervisor, struct worker_process *worker);

/* Ends workers that stand still, when it is time to look. Returns when that is next. */
uint64_t watch_workers(struct supervisor *supervisor, uint64_t now);

/* Logs what a worker that has died wrote down; summary: in a few words, empty when there is nothing. */
void report_crash(const struct worker_process *worker, char *summary, size_t size);

/* The configuration of what is served, or of what the worker was given last, names that address. */
bool permit_bind(const struct config *config, const struct channel_bind *bind);

#endif
