/* Built with the headers of the next minor ABI. */
#include "sound.h"

const struct plait_protocol plait_plugin = {
	.head = {
		.magic = PLAIT_MAGIC,
		.abi_major = PLAIT_ABI_MAJOR,
		.abi_minor = PLAIT_ABI_MINOR + 1,
		.size = sizeof(struct plait_protocol),
		.kind = PLAIT_KIND_PROTOCOL,
		.name = "broken",
	},
	.data = sound_data,
};
