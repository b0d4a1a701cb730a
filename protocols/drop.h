/* Skipping a message whose size is known: scratch[0] says how much of it is left, 0 before that is known. */
#ifndef PROTOCOLS_DROP_H
#define PROTOCOLS_DROP_H

#include <plait/frame.h>

/* Drops as much of it as is there, len bytes; it is done, and skipping ends, when nothing is left. */
static inline enum plait_frame_verdict drop(struct plait_frame *frame, size_t len)
{
	uint64_t left = frame->scratch[0];
	frame->consumed = left < len ? (size_t)left : len;
	frame->scratch[0] = left - frame->consumed;
	frame->skipping = frame->scratch[0] > 0;
	return PLAIT_FRAME_SKIP;
}

#endif
