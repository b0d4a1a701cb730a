/* What is sent and expected back: an endless stream of messages that repeats after a while. Every connection begins at
 * another place of it, so what one must hear differs from what its neighbours must, and each message from the next. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include <plait/error.h>

#include "core/loop/loop.h"

/* From any place of the period, so many bytes can be sent or compared in one piece. */
#define PATTERN_REACH LOOP_INPUT_SIZE

struct pattern {
	uint8_t *bytes; /* period + PATTERN_REACH */
	size_t period;
	size_t unit;  /* of a message, its delimiter included */
	size_t align; /* where a connection may begin */
};

/* Messages of unit random bytes. 0, or a negative code and error filled. */
int pattern_init_bytes(struct pattern *pattern, size_t unit, struct plait_error *error);

/* Messages of text random letters, each with a CRLF. The period is a power of two of messages. */
int pattern_init_lines(struct pattern *pattern, size_t text, struct plait_error *error);

void pattern_fini(struct pattern *pattern);

/* Where the messages of a connection begin. */
size_t pattern_start(const struct pattern *pattern, uint32_t index);

static inline size_t pattern_next(const struct pattern *pattern, size_t at, size_t len)
{
	at += len;
	return at < pattern->period ? at
				    : at - pattern->period; /* at + len is at most period + PATTERN_REACH */
}

#endif
