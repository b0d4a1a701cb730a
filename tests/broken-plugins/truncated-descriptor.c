/* A good head, and the descriptor ends with it. */
#include "sound.h"

const struct plait_protocol plait_plugin = {
	.head = {
		.magic = PLAIT_MAGIC,
		.abi_major = PLAIT_ABI_MAJOR,
		.abi_minor = PLAIT_ABI_MINOR,
		.size = sizeof(struct plait_head),
		.kind = PLAIT_KIND_PROTOCOL,
		.name = "broken",
	},
	.data = sound_data,
};
