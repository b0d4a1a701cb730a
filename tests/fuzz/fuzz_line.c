/* Fuzz target: the line framing, cut as the input says, against the plain model of lines. */
#include <string.h>

#include "tests/fuzz/cuts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/protocols/framing_models.h"

#define DELIMITER_MAX 16

/* Input: the size of the delimiter, with 0 for "any"; its bytes; max_length; the packets; the stream. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char delimiter[DELIMITER_MAX + 1] = { 0 };

	if (size < 3 || size > 8192)
		return 0;
	size_t delimiter_size = data[0] % (DELIMITER_MAX + 1);

	if (size < 1 + delimiter_size + 2)
		return 0;
	memcpy(delimiter, data + 1, delimiter_size);
	if (strlen(delimiter) != delimiter_size)
		return 0;
	data += 1 + delimiter_size;
	size -= 1 + delimiter_size;

	struct plait_line line = { delimiter_size ? delimiter : NULL, data[0] };
	cuts_try(&plait_line_framing, line_model, &line, data + 1, size - 1);
	return 0;
}
