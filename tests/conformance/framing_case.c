/* A case of one of Twisted's receivers, read. */
#include "tests/conformance/framing_case.h"

#include <stdlib.h>
#include <string.h>

#include "tests/conformance/handlers.h"
#include "tests/conformance/hex.h"

static const char *read_input(struct framing_case *read)
{
	json_t *chunk;
	size_t index;

	read->input = calloc(1, 1);
	if (!json_is_array(read->chunks))
		return "has no input_chunks_hex";
	json_array_foreach((json_t *)read->chunks, index, chunk)
	{
		size_t len;
		uint8_t *bytes = hex_decode(json_string_value(chunk), &len);

		if (!bytes)
			return "has an input chunk that is not hexadecimal";
		read->input = realloc(read->input, read->len + len + 1);
		if (!read->input)
			abort();
		memcpy(read->input + read->len, bytes, len);
		read->len += len;
		free(bytes);
	}
	return NULL;
}

static const char *read_line(struct framing_case *read)
{
	size_t len;
	uint8_t *delimiter = hex_decode(json_string_value(json_object_get(read->params, "delimiter_hex")),
					&len);

	if (delimiter && len >= 1 && len < sizeof(read->delimiter))
		memcpy(read->delimiter, delimiter, len);
	bool good = delimiter && strlen(read->delimiter) == len;

	free(delimiter);
	read->settings.line = (struct plait_line){ read->delimiter, read->max_length };
	return good ? NULL : "has no delimiter_hex of 1 to 16 bytes without zero";
}

static const char *read_netstring(struct framing_case *read)
{
	read->settings.netstring = (struct plait_netstring){ read->max_length };
	return NULL;
}

/* As its defaults are, but for max_length. */
static const char *read_int(struct framing_case *read)
{
	read->settings.field = *(const struct plait_length_field *)read->kind->framing->defaults;
	read->settings.field.max_length = read->max_length;
	return NULL;
}

const struct framing_kind framing_kind_line = { &plait_line_framing, read_line };
const struct framing_kind framing_kind_netstring = { &plait_netstring_framing, read_netstring };
const struct framing_kind framing_kind_int8 = { &plait_int8_framing, read_int };
const struct framing_kind framing_kind_int16 = { &plait_int16_framing, read_int };
const struct framing_kind framing_kind_int32 = { &plait_int32_framing, read_int };

static const char *read_params(struct framing_case *read)
{
	json_int_t max_length = json_integer_value(json_object_get(read->params, "max_length"));

	if (max_length < 1)
		return "has no max_length";
	read->max_length = (uint64_t)max_length;
	read->protocol = handler_find(json_string_value(json_object_get(read->params, "handler")));
	return read->protocol ? read->kind->read(read) : "names an unknown handler";
}

const char *framing_case_read(const json_t *test, const struct framing_kind *kind, struct framing_case *read)
{
	*read = (struct framing_case){
		.params = json_object_get(test, "params"),
		.chunks = json_object_get(test, "input_chunks_hex"),
		.expect = json_object_get(test, "expect"),
		.kind = kind,
	};
	const char *fault = read_input(read);

	return fault ? fault : read_params(read);
}

void framing_case_fini(struct framing_case *read)
{
	free(read->input);
	read->input = NULL;
}
