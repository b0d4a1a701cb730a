/* A sound head and a sound callback, for plugins that are broken in another place. */
#ifndef TESTS_BROKEN_PLUGINS_SOUND_H
#define TESTS_BROKEN_PLUGINS_SOUND_H

#include <plait/plait.h>

#define SOUND_HEAD(name_)                                                                                    \
	{                                                                                                    \
		.magic = PLAIT_MAGIC, .abi_major = PLAIT_ABI_MAJOR, .abi_minor = PLAIT_ABI_MINOR,            \
		.size = sizeof(struct plait_protocol), .kind = PLAIT_KIND_PROTOCOL, .name = (name_)          \
	}

PLAIT_EXPORT extern const struct plait_protocol plait_plugin;

static inline size_t sound_data(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

#endif
