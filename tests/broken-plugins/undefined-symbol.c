/* Calls a function that no library has. */
#include "sound.h"

extern void nobody_has_this(void);

static void broken_made(struct plait_conn *conn)
{
	(void)conn;
	nobody_has_this();
}

PLAIT_PROTOCOL(broken, .made = broken_made, .data = sound_data);
