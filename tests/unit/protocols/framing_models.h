/* What framings should make of a stream, worked out without any cleverness. */
#ifndef TESTS_UNIT_PROTOCOLS_FRAMING_MODELS_H
#define TESTS_UNIT_PROTOCOLS_FRAMING_MODELS_H

#include <plait/length_field.h>
#include <plait/line.h>
#include <plait/netstring.h>

#include "tests/unit/protocols/framing_driver.h"

/* Their settings are a struct plait_line, plait_netstring and plait_length_field. */
framing_model_fn line_model, netstring_model, length_field_model;

#endif
