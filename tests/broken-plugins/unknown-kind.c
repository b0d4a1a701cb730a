/* A plugin of a kind that is not known. */
#include "sound.h"

const struct plait_protocol plait_plugin = {
	.head = {
		.magic = PLAIT_MAGIC,
		.abi_major = PLAIT_ABI_MAJOR,
		.abi_minor = PLAIT_ABI_MINOR,
		.size = sizeof(struct plait_protocol),
		.kind = 42,
		.name = "broken",
	},
	.data = sound_data,
};
