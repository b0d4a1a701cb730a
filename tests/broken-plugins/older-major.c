/* Built with the headers of the major ABI before. */
#include "sound.h"

const struct plait_protocol plait_plugin = {
	.head = {
		.magic = PLAIT_MAGIC,
		.abi_major = PLAIT_ABI_MAJOR - 1,
		.abi_minor = 9,
		.size = sizeof(struct plait_protocol),
		.kind = PLAIT_KIND_PROTOCOL,
		.name = "broken",
	},
	.data = sound_data,
};
