/* Options, but not the size of what they fill. */
#include "sound.h"

struct broken_options {
	uint64_t limit;
};

static const struct plait_option options[] = {
	PLAIT_OPTION_SIZE("limit", struct broken_options, limit, .doc = "a limit"),
	PLAIT_OPTION_END,
};

PLAIT_PROTOCOL(broken, .options = options, .data = sound_data);
