/* Netstring framing: digits, a colon, the message, a comma. */
#include <plait/error.h>
#include <plait/netstring.h>

#include <stdio.h>

#include "protocols/drop.h"

/* What stands before the message, as far as it is there; zeroed before it is read. */
struct prefix {
	uint64_t length;
	size_t size; /* of the digits and the colon */
};

/* MESSAGE: the prefix is whole; MORE, INVALID, or TOO_LONG as soon as the digits come to more than `most`. */
static enum plait_frame_verdict read_prefix(const uint8_t *data, size_t len, uint64_t most,
					    struct prefix *prefix)
{
	for (size_t i = 0; i < len; i++) {
		unsigned digit = data[i] - (unsigned)'0';
		if (data[i] == ':' && i > 0) {
			prefix->size = i + 1;
			return PLAIT_FRAME_MESSAGE;
		}
		if (digit > 9 || (i > 0 && prefix->length == 0) || prefix->length > (UINT64_MAX - digit) / 10)
			return PLAIT_FRAME_INVALID;
		prefix->length = prefix->length * 10 + digit;
		if (prefix->length > most)
			return PLAIT_FRAME_TOO_LONG;
	}
	return PLAIT_FRAME_MORE;
}

/* Its comma is among what is dropped, and must be there all the same. */
static enum plait_frame_verdict skip(const uint8_t *data, size_t len, struct plait_frame *frame)
{
	struct prefix prefix = { 0 };
	if (frame->scratch[0] == 0) {
		enum plait_frame_verdict verdict = read_prefix(data, len, UINT64_MAX, &prefix);
		if (verdict != PLAIT_FRAME_MESSAGE)
			return verdict;
		if (prefix.length > UINT64_MAX - prefix.size - 1)
			return PLAIT_FRAME_INVALID;
		frame->scratch[0] = prefix.size + prefix.length + 1;
	}
	enum plait_frame_verdict verdict = drop(frame, len);
	return frame->skipping || data[frame->consumed - 1] == ',' ? verdict : PLAIT_FRAME_INVALID;
}

/* Until a message is whole it is not looked at again, whatever its size. */
static enum plait_frame_verdict netstring_next(const void *settings, const uint8_t *data, size_t len,
					       struct plait_frame *frame)
{
	const struct plait_netstring *netstring = settings;
	struct prefix prefix = { 0 };
	if (frame->skipping)
		return skip(data, len, frame);
	enum plait_frame_verdict verdict = read_prefix(data, len, netstring->max_length, &prefix);
	frame->length = prefix.length < SIZE_MAX ? (size_t)prefix.length : SIZE_MAX;
	if (verdict != PLAIT_FRAME_MESSAGE)
		return verdict;
	if (prefix.length > SIZE_MAX - prefix.size - 1)
		return PLAIT_FRAME_TOO_LONG;
	size_t total = prefix.size + (size_t)prefix.length + 1;
	if (len < total) {
		frame->need = total;
		return PLAIT_FRAME_MORE;
	}
	if (data[total - 1] != ',')
		return PLAIT_FRAME_INVALID;
	frame->offset = prefix.size;
	frame->consumed = total;
	return PLAIT_FRAME_MESSAGE;
}

static int netstring_wrap(const void *settings, const void *message, size_t len, struct plait_wrap *wrap)
{
	(void)settings;
	(void)message;
	wrap->head_len = (size_t)snprintf((char *)wrap->head, sizeof(wrap->head), "%zu:", len);
	wrap->tail = ",";
	wrap->tail_len = 1;
	return 0;
}

static const struct plait_netstring defaults = { .max_length = 99999 };

const struct plait_framing plait_netstring_framing = {
	.name = "netstring",
	.defaults = &defaults,
	.next = netstring_next,
	.wrap = netstring_wrap,
};
