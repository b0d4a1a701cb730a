/* The log's memory of peers: one line about each in a minute, and then how many more there were. */
#ifndef BASE_LOG_PEER_H
#define BASE_LOG_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/log.h"

#define LOG_PEER_WINDOW_MS 60000

/* What was left out about one peer in one window. */
struct log_left_out {
	enum plait_log_level level;
	struct plait_addr peer; /* the last one */
	uint64_t lines;
	uint64_t seconds;  /* since the window began, rounded up */
	char listener[65]; /* may be empty */
	char text[160];    /* the last such line, perhaps cut */
};

typedef void log_left_out_fn(const struct log_left_out *left_out);

/* Whether a line about subject's peer, which has an address, may be written; if not, it is counted. A peer is a host, of
 * IPv6 a network of 64 bits, at one listener. As many peers as there may be, so many are remembered: who drives another
 * out is told first what that one left out. Any thread; report is called with the memory's lock held. */
bool log_peer_admit(enum plait_log_level level, const struct log_subject *subject, const char *text,
		    uint64_t now_ms, log_left_out_fn *report);

/* Reports what windows that are over have left out; or all windows. Any thread. */
void log_peer_sweep(uint64_t now_ms, bool all, log_left_out_fn *report);

#endif
