/* Fuzz target: the line framing, cut as the input says, against the plain model of lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/protocols/framing_driver.h"

#define DELIMITER_MAX 16
#define PACKETS_MAX 255

/* Input: the size of the delimiter, with 0 for "any"; its bytes; max_length; the number of packets, and of
 * each its size; the rest is the stream. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char delimiter[DELIMITER_MAX + 1] = { 0 };
	size_t ends[PACKETS_MAX + 1], count = 0, at = 0;

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
	size_t packets = data[1] < size - 2 ? data[1] : size - 2;
	const uint8_t *sizes = data + 2, *stream = sizes + packets;
	size_t len = size - 2 - packets;

	if (!len)
		return 0;
	for (size_t i = 0; i < packets && at + sizes[i] < len; i++) {
		if (sizes[i])
			ends[count++] = at += sizes[i];
	}
	ends[count++] = len;

	struct record expected = { 0 }, got = { 0 };

	line_model(&line, stream, len, &expected);
	const char *fault = framing_drive(&plait_line_framing, &line, stream, len, ends, count, &got);

	if (fault || !record_equal(&expected, &got)) {
		fprintf(stderr, "line framing: %s\n", fault ? fault : "other messages than the model's");
		abort();
	}
	record_fini(&expected);
	record_fini(&got);
	return 0;
}
