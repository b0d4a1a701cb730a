/* Line framing: finds the delimiter in what is new, so that its cost is linear however a line is cut. */
#include <plait/error.h>
#include <plait/line.h>

#include <assert.h>
#include <string.h>

#define DELIMITER_MAX 16

static size_t measure(const char *delimiter)
{
	size_t size = strnlen(delimiter, DELIMITER_MAX + 1);
	assert(size >= 1 && size <= DELIMITER_MAX);
	return size;
}

/* Whether the delimiter's last byte, at `last`, has the others before it. */
static bool is_whole(const uint8_t *last, const char *delimiter, size_t before)
{
	for (size_t i = 0; i < before; i++) {
		if (last[-1 - (ptrdiff_t)i] != (uint8_t)delimiter[before - 1 - i])
			return false;
	}
	return true;
}

/* Where the first delimiter of data begins, or NULL; what lies below `scanned` is known to hold no whole one, but its
 * last bytes may begin one. Looks for its last byte, which libc does sixteen bytes at a time and more. */
static inline const uint8_t *find(const uint8_t *data, size_t len, size_t scanned, const char *delimiter,
				  size_t size)
{
	size_t before = size - 1;
	const uint8_t *at = data + (scanned < before ? before : scanned), *end = data + len;

	for (; at < end; at++) {
		at = memchr(at, (unsigned char)delimiter[before], (size_t)(end - at));
		if (!at || is_whole(at, delimiter, before))
			return at ? at - before : NULL;
	}
	return NULL;
}

/* Drops everything up to the end of the next delimiter; what may begin one stays until it is whole. */
static enum plait_frame_verdict skip(struct plait_frame *frame, size_t len, size_t end, size_t size)
{
	if (end) {
		frame->skipping = false;
		frame->scanned = 0;
		frame->consumed = end;
		return PLAIT_FRAME_SKIP;
	}
	if (len < size) {
		frame->scanned = len;
		return PLAIT_FRAME_MORE;
	}
	frame->scanned = size - 1;
	frame->consumed = len - frame->scanned;
	return PLAIT_FRAME_SKIP;
}

static enum plait_frame_verdict line_next(const void *settings, const uint8_t *data, size_t len,
					  struct plait_frame *frame)
{
	const struct plait_line *line = settings;
	bool any = !line->delimiter;
	const char *delimiter = any ? "\n" : line->delimiter;
	size_t size = frame->scratch[0]; /* measured once */

	if (size == 0)
		frame->scratch[0] = size = measure(delimiter);

	const uint8_t *found = find(data, len, frame->scanned, delimiter, size);
	size_t end = found ? (size_t)(found - data) + size : 0;

	frame->offset = 0;
	frame->length = 0;
	frame->consumed = 0;
	if (frame->skipping)
		return skip(frame, len, end, size);
	if (!found) {
		/* Fewer bytes than this may still be a line of max_length and a part of its delimiter. */
		size_t enclosing = any ? 2 : size;
		bool too_long = len >= enclosing && len - enclosing >= line->max_length;

		frame->scanned = len;
		return too_long ? PLAIT_FRAME_TOO_LONG : PLAIT_FRAME_MORE;
	}
	size_t length = end - size;
	if (any && length && data[length - 1] == '\r')
		length--;
	if (length > line->max_length)
		return PLAIT_FRAME_TOO_LONG;
	frame->length = length;
	frame->consumed = end;
	return PLAIT_FRAME_MESSAGE;
}

/* Whether the peer would find an end before the message's own: within it, or one that begins in its last bytes. */
static bool ends_early(const uint8_t *message, size_t len, const char *delimiter, size_t size)
{
	uint8_t seam[2 * DELIMITER_MAX];
	size_t last = len < size - 1 ? len : size - 1;
	if (find(message, len, 0, delimiter, size))
		return true;
	if (last > 0)
		memcpy(seam, message + len - last, last);
	memcpy(seam + last, delimiter, size);
	return find(seam, last + size, 0, delimiter, size) != seam + last;
}

static int line_wrap(const void *settings, const void *message, size_t len, struct plait_wrap *wrap)
{
	const struct plait_line *line = settings;
	const char *ends = line->delimiter ? line->delimiter : "\n";
	size_t size = measure(ends);
	if (ends_early(message, len, ends, size))
		return PLAIT_ERROR_INVALID;
	wrap->tail = line->delimiter ? line->delimiter : "\r\n";
	wrap->tail_len = line->delimiter ? size : 2;
	return 0;
}

static const struct plait_line defaults = { .delimiter = "\r\n", .max_length = 16384 };

const struct plait_framing plait_line_framing = {
	.name = "line", .defaults = &defaults, .next = line_next, .wrap = line_wrap
};
