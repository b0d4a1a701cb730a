/* Fuzz target: the framings by length, with settings and cuts as the input says, against the plain model. */
#include "tests/fuzz/cuts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/protocols/framing_models.h"

/* Input: max_length, offset, size, coding and with_head, body_offset, adjustment, a byte each; the packets; the
 * stream. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 8 || size > 8192)
		return 0;
	struct plait_length_field field = {
		.max_length = data[0],
		.offset = data[1] % 8,
		.coding = data[3] % 3,
		.with_head = data[3] & 128,
		.adjustment = (int8_t)data[5],
	};
	field.size = 1 + data[2] % (field.coding == PLAIT_LENGTH_VARINT ? 10u : 8u);
	if (data[4] % 2)
		field.body_offset = field.offset + field.size + data[4] / 32;
	cuts_try(&plait_length_field_framing, length_field_model, &field, data + 6, size - 6);
	return 0;
}
