/* A protocol name that would break a log line. */
#include "sound.h"

const struct plait_protocol plait_plugin = {
	.head = {
		.magic = PLAIT_MAGIC,
		.abi_major = PLAIT_ABI_MAJOR,
		.abi_minor = PLAIT_ABI_MINOR,
		.size = sizeof(struct plait_protocol),
		.kind = PLAIT_KIND_PROTOCOL,
		.name = "bad\nname",
	},
	.data = sound_data,
};
