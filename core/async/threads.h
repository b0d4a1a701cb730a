/* What plait_defer_to_thread and plait_call_in_thread stand on: something that runs work beside the loops. */
#ifndef ASYNC_THREADS_H
#define ASYNC_THREADS_H

#include <plait/error.h>
#include <plait/threads.h>

#include "core/base/code_range.h"

struct work;
typedef void work_fn(struct work *work);

/* Embedded in what it carries; belongs to the threads from submit until done or drop is called, or cancel gave it back. */
struct work {
	work_fn *run;     /* on a thread */
	work_fn *done;    /* after it, there; tells who waits */
	work_fn *drop;    /* instead of both, when it is never run; on the thread that stops them */
	const void *what; /* the address of the function behind it, for the log */
	struct work *next, *previous;
	bool queued; /* for whoever has it */
};

struct threads;

/* Any thread may call submit, cancel and configure. */
struct threads_kind {
	/* 0; or a negative code with error filled, and the work stays the caller's. */
	int (*submit)(struct threads *threads, struct work *work, struct plait_error *error);

	/* True: it has not begun and is the caller's. False: it has been begun, or dropped. */
	bool (*cancel)(struct threads *threads, struct work *work);

	/* Values are complete and make sense. */
	void (*configure)(struct threads *threads, const struct plait_thread_settings *settings);

	/* As threads_need. */
	bool (*needs)(struct threads *threads, struct code_range code);

	bool (*stop)(struct threads *threads);
	void (*free)(struct threads *threads);
};

/* What a loop's threads member points to. */
struct threads {
	const struct threads_kind *kind;
};

/* What plait_threads_configure does not say. */
extern const struct plait_thread_settings threads_defaults;

/* Whether work that waits or runs leads into that code. Any thread. */
bool threads_need(struct threads *threads, struct code_range code);

/* Submissions are refused from here on; work that has not begun is dropped; work that runs is waited for until the
 * deadline. True when no thread is left. False when one is still at work, which was logged: nothing it may use can be
 * freed. May be called again. The loops may have stopped: what work results in is posted to them. */
bool threads_stop(struct threads *threads);

/* After threads_stop was true, and after the loops that have it were freed; NULL is allowed. */
void threads_free(struct threads **threads);

#endif
