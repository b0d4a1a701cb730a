/* As a plugin for a newer plait is: the version is told, not the call that is missing. */
#include "sound.h"

extern void plait_call_of_the_future(void);

static void broken_made(struct plait_conn *conn)
{
	(void)conn;
	plait_call_of_the_future();
}

const struct plait_protocol plait_plugin = {
	.head = { PLAIT_MAGIC, PLAIT_ABI_MAJOR, PLAIT_ABI_MINOR + 7, sizeof(struct plait_protocol),
		  PLAIT_KIND_PROTOCOL, "broken" },
	.made = broken_made,
	.data = sound_data,
};
