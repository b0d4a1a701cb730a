/* Line framing: messages that end in a delimiter, after Twisted's LineReceiver. */
#ifndef PLAIT_LINE_H
#define PLAIT_LINE_H

#include <plait/frame.h>

/* Settings of plait_line_framing. Usually a member of the plugin's options. */
struct plait_line {
	const char *delimiter; /* 1 to 16 bytes, NUL-terminated; NULL takes CRLF and bare LF alike */
	uint64_t max_length;   /* of a line without its delimiter, in bytes */
};

/* Delivers each line without its delimiter. Defaults: CRLF, 16384 bytes. */
PLAIT_EXPORT extern const struct plait_framing plait_line_framing;

#endif
