/* Fuzz target: the netstring framing, cut as the input says, against the plain model. */
#include "tests/fuzz/cuts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/protocols/framing_models.h"

/* Input: max_length; the packets; the stream. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3 || size > 8192)
		return 0;
	struct plait_netstring netstring = { data[0] };
	cuts_try(&plait_netstring_framing, netstring_model, &netstring, data + 1, size - 1);
	return 0;
}
