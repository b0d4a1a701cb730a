/* The default of an option lies outside its own range. */
#include "sound.h"

struct broken_options {
	uint64_t limit;
};

static const struct plait_option options[] = {
	PLAIT_OPTION_SIZE("limit", struct broken_options, limit, .fallback = "2k", .max = 1024,
			  .doc = "a limit"),
	PLAIT_OPTION_END,
};

PLAIT_PROTOCOL(broken, .options = options, .options_size = sizeof(struct broken_options), .data = sound_data);
