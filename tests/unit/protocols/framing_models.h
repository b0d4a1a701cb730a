/* What framings should make of a stream, worked out without any cleverness. */
#ifndef TESTS_UNIT_PROTOCOLS_FRAMING_MODELS_H
#define TESTS_UNIT_PROTOCOLS_FRAMING_MODELS_H

#include <plait/length_field.h>
#include <plait/line.h>
#include <plait/netstring.h>

#include "tests/unit/protocols/framing_driver.h"

/* What is too long is skipped. */
void line_model(const struct plait_line *line, const uint8_t *data, size_t len, struct record *record);
void netstring_model(const struct plait_netstring *netstring, const uint8_t *data, size_t len,
		     struct record *record);
void length_field_model(const struct plait_length_field *field, const uint8_t *data, size_t len,
			struct record *record);

#endif
