/* The memory that the supervisor shares with a worker, each its own: what the worker is doing, its last words, and what the
 * supervisor has to tell for the status. */
#ifndef SERVER_SUPERVISOR_PAGE_H
#define SERVER_SUPERVISOR_PAGE_H

#include <stdatomic.h>

#include <plait/reactor.h>

#include "core/loop/beat.h"
#include "core/loop/crash.h"
#include "core/plugin/roll.h"

/* A change of what is in it makes it 2. */
#define PAGE_VERSION 1

/* The supervisor's, for all workers to read. */
struct page_news {
	atomic_int pid;
	atomic_uint started, crashes; /* workers */
	char last_crash[256];         /* what a reader sees may be cut; it ends */
};

struct page {
	uint32_t version;
	uint32_t number;      /* of the worker */
	uint32_t watchdog_ms; /* 0: off */
	uint32_t loops;       /* so many have a beat, the boss's being the last; 0: none has yet */
	struct page_news news;
	struct beat beats[PLAIT_LOOPS_MAX + 1];
	struct roll roll;
	struct crash_record crash;
};

/* A file in memory, sealed to its size, and the page in it. The descriptor, or -1 with errno. */
int page_new(struct page **page);

/* The page in such a file: NULL with errno when it is none of this version. */
struct page *page_open(int fd);

void page_close(struct page **page);

#endif
