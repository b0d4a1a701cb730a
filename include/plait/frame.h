/* The framing interface: how a stream of bytes becomes messages. plait drives it; protocols/ implements it. */
#ifndef PLAIT_FRAME_H
#define PLAIT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plait/abi.h>

struct plait_conn;

enum plait_frame_verdict {
	PLAIT_FRAME_MORE,    /* no whole message yet; scanned says how far it looked */
	PLAIT_FRAME_MESSAGE, /* a message at offset of length bytes; consumed covers it and what encloses it */
	PLAIT_FRAME_SKIP,    /* the first consumed bytes belong to no message: drop them */
	PLAIT_FRAME_TOO_LONG, /* what stands at the head is or will be longer than allowed */
	PLAIT_FRAME_INVALID,  /* no sense can be made of it: the connection ends with protocol-error */
};

/* The little a framing keeps for a connection between two calls, and its answer. Zeroed when the framing starts. */
struct plait_frame {
	size_t scanned;  /* in and out: bytes at the head already searched; zeroed after each message */
	size_t offset;   /* out */
	size_t length;   /* out */
	size_t consumed; /* out: at most the len given */
	size_t need; /* out, with MORE: not asked again before so many are there; 0, as it comes in: with any more */
	uint64_t scratch[2]; /* the framing's own */
	bool skipping; /* in: plait_frame_skip was called; drop bytes up to the next message, then clear it */
};

/* What encloses a message on its way out; zeroed before wrap fills it. */
struct plait_wrap {
	uint8_t head[32];
	size_t head_len;
	const void *tail; /* the settings' or static */
	size_t tail_len;
};

struct plait_framing {
	const char *name;
	const void *defaults; /* the settings used when plait_set_framing is given none */
	/* Looks at the head of data[0..len), len > 0. Must be linear in the sum of the bytes it is shown anew:
	 * what scanned covers is not searched again. Must return the same messages however the stream is cut. */
	enum plait_frame_verdict (*next)(const void *settings, const uint8_t *data, size_t len,
					 struct plait_frame *frame);
	/* What goes before and behind a message. Returns 0, or PLAIT_ERROR_INVALID for one that the peer would not get as
	 * it is. NULL: plait_write_message refuses all. */
	int (*wrap)(const void *settings, const void *message, size_t len, struct plait_wrap *wrap);
	void *reserved[4]; /* NULL: members to come */
};

/* From now on bytes that are not yet delivered, and all later ones, go through framing to `message`; settings
 * (NULL: the framing's defaults) are borrowed and must outlive the connection or the next call of this. A NULL
 * framing is raw mode: bytes go to `data`. Callable from any callback of the connection, in mid-packet too. On
 * the connection's loop. */
PLAIT_EXPORT void plait_set_framing(struct plait_conn *conn, const struct plait_framing *framing,
				    const void *settings);

/* Writes a message as the connection's framing has it. Returns as plait_write does, and PLAIT_ERROR_INVALID, with nothing
 * written, when it cannot be framed (longer than its prefix can say, with a delimiter in it) or the connection is in raw
 * mode. On the connection's loop. */
PLAIT_EXPORT int plait_write_message(struct plait_conn *conn, const void *message, size_t len);

/* For message_too_long: how long the message says it is, SIZE_MAX for that and more; 0 when it does not say. On the
 * connection's loop. */
PLAIT_EXPORT size_t plait_message_length(struct plait_conn *conn);

/* For message_too_long: drop the message in whole, wherever it ends, and go on with the next. On the
 * connection's loop. */
PLAIT_EXPORT void plait_frame_skip(struct plait_conn *conn);

#endif
