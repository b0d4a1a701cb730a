/* The receivers that Twisted's tests use, as protocols of plait. */
#ifndef TESTS_CONFORMANCE_HANDLERS_H
#define TESTS_CONFORMANCE_HANDLERS_H

#include <jansson.h>
#include <plait/frame.h>
#include <plait/protocol.h>

/* What the receiver of the play that is on has done; there is one at a time. */
struct stage {
	const struct plait_framing *framing;
	const void *settings;
	uint64_t max_length;
	const char *replacement;               /* hexadecimal; replace_buffer_once: NULL when it has */
	json_t *received, *cleared, *exceeded; /* arrays of hexadecimal strings */
	json_t *lengths;                       /* of messages that were too long: array of integers */
	json_t *writes;                        /* array of the lengths of what was written */
	size_t quota;                          /* line_tester: raw bytes to come */
	bool paused;
};

extern struct stage stage;

/* The protocol of a handler; NULL (no handler in the case) means one that only records messages. NULL when there
 * is no such handler. */
const struct plait_protocol *handler_find(const char *name);

#endif
