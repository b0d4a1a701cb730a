/* A protocol without a name. */
#include "sound.h"

const struct plait_protocol plait_plugin = {
	.head = {
		.magic = PLAIT_MAGIC,
		.abi_major = PLAIT_ABI_MAJOR,
		.abi_minor = PLAIT_ABI_MINOR,
		.size = sizeof(struct plait_protocol),
		.kind = PLAIT_KIND_PROTOCOL,
		.name = NULL,
	},
	.data = sound_data,
};
