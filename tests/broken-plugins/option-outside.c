/* An option that would be written beyond the struct it belongs to. */
#include "sound.h"

struct broken_options {
	uint64_t limit, beyond;
};

static const struct plait_option options[] = {
	PLAIT_OPTION_SIZE("limit", struct broken_options, limit, .doc = "a limit"),
	PLAIT_OPTION_SIZE("beyond", struct broken_options, beyond, .doc = "another limit"),
	PLAIT_OPTION_END,
};

PLAIT_PROTOCOL(broken, .options = options, .options_size = sizeof(uint64_t), .data = sound_data);
