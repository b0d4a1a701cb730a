/* A loop's heartbeat: what somebody else, who shares the memory, can tell about it. */
#ifndef LOOP_BEAT_H
#define LOOP_BEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/compiler.h"

/* Written by the loop's thread. Plain members: one writer, and whoever reads looks again. */
struct beat {
	_Alignas(CACHE_LINE) uint32_t turns; /* odd: it waits for events; even: it runs, or has not begun */
	int32_t thread;                      /* the system's number; 0: no thread runs it */
	uint32_t regular;                    /* it wakes by itself, so that standing still is always wrong */
	uint32_t
		patience_s; /* so long it may stand still all the same, for what takes time; 0: no longer than others */
};

#endif
