/* The packets a fuzz target's stream comes in. */
#include "tests/fuzz/cuts.h"

#include <stdlib.h>

void cuts_read(struct cuts *cuts, const uint8_t *data, size_t size)
{
	size_t packets = size > 0 && data[0] < size - 1 ? data[0] : size > 0 ? size - 1 : 0, at = 0;
	const uint8_t *sizes = data + 1;

	*cuts = (struct cuts){ 0 };
	if (size < 2)
		return;
	cuts->stream = sizes + packets;
	cuts->len = size - 1 - packets;
	for (size_t i = 0; i < packets && at + sizes[i] < cuts->len; i++) {
		if (sizes[i])
			cuts->ends[cuts->count++] = at += sizes[i];
	}
	cuts->ends[cuts->count++] = cuts->len;
}

void cuts_try(const struct plait_framing *framing, framing_model_fn *model, const void *settings,
	      const uint8_t *data, size_t size)
{
	struct record expected = { 0 };
	struct cuts cuts;

	cuts_read(&cuts, data, size);
	if (!cuts.len)
		return;
	model(settings, cuts.stream, cuts.len, &expected);
	if (!framing_same(framing, settings, cuts.stream, cuts.len, cuts.ends, cuts.count, &expected))
		abort();
	record_fini(&expected);
}
