/* A case of one of Twisted's receivers, read. */
#ifndef TESTS_CONFORMANCE_FRAMING_CASE_H
#define TESTS_CONFORMANCE_FRAMING_CASE_H

#include <jansson.h>
#include <plait/length_field.h>
#include <plait/line.h>
#include <plait/netstring.h>
#include <plait/protocol.h>

struct framing_kind;

/* A case, read. */
struct framing_case {
	const json_t *params, *chunks, *expect;
	const struct plait_protocol *protocol;
	const struct framing_kind *kind;
	union {
		struct plait_line line;
		struct plait_netstring netstring;
		struct plait_length_field field;
	} settings;
	char delimiter[17];
	uint64_t max_length;
	uint8_t *input; /* all chunks in one */
	size_t len;
};

/* A receiver of Twisted's as a framing of ours. */
struct framing_kind {
	const struct plait_framing *framing;
	const char *(*read)(struct framing_case *read); /* its settings; returns what the case has not */
};

extern const struct framing_kind framing_kind_line;
extern const struct framing_kind framing_kind_netstring;
extern const struct framing_kind framing_kind_int8, framing_kind_int16, framing_kind_int32;

/* NULL, or what is wrong with the test. */
const char *framing_case_read(const json_t *test, const struct framing_kind *kind, struct framing_case *read);
void framing_case_fini(struct framing_case *read);

#endif
