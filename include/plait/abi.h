/* The binary contract between plait and a plugin: what the loader reads before it trusts anything else. */
#ifndef PLAIT_ABI_H
#define PLAIT_ABI_H

#include <stdint.h>

/* A plugin fits a host of the same major and of the same or a higher minor. */
#define PLAIT_ABI_MAJOR 1
#define PLAIT_ABI_MINOR 0

#define PLAIT_MAGIC 0x74616c70u /* "plat" in memory on a little-endian machine */

#define PLAIT_EXPORT __attribute__((__visibility__("default")))
#define PLAIT_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

enum plait_kind {
	PLAIT_KIND_PROTOCOL = 1,
};

/* The fixed head of every plugin's descriptor. Its members are never reordered, whatever the major. */
struct plait_head {
	uint32_t magic;     /* PLAIT_MAGIC */
	uint16_t abi_major; /* PLAIT_ABI_MAJOR of the headers the plugin was compiled with */
	uint16_t abi_minor;
	uint32_t size; /* of the whole descriptor, head included */
	uint32_t kind; /* enum plait_kind */
	const char *name;
};

/* The version of the running library, "1.2.3". Any thread; static storage. */
PLAIT_EXPORT const char *plait_version(void);

#endif
