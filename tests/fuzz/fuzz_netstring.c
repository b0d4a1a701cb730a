/* Fuzz target: the netstring framing, cut as the input says, against the plain model. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/cuts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/protocols/framing_models.h"

/* Input: max_length; the packets; the stream. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record expected = { 0 };
	struct cuts cuts;

	if (size < 3 || size > 8192)
		return 0;
	struct plait_netstring netstring = { data[0] };
	cuts_read(&cuts, data + 1, size - 1);
	if (!cuts.len)
		return 0;
	netstring_model(&netstring, cuts.stream, cuts.len, &expected);
	if (!framing_same(&plait_netstring_framing, &netstring, cuts.stream, cuts.len, cuts.ends, cuts.count,
			  &expected))
		abort();
	record_fini(&expected);
	return 0;
}
