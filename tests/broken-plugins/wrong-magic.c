/* A descriptor that begins with another magic number. */
#include "sound.h"

const struct plait_protocol plait_plugin = {
	.head = {
		.magic = 0xfeedbeef,
		.abi_major = PLAIT_ABI_MAJOR,
		.abi_minor = PLAIT_ABI_MINOR,
		.size = sizeof(struct plait_protocol),
		.kind = PLAIT_KIND_PROTOCOL,
		.name = "broken",
	},
	.data = sound_data,
};
