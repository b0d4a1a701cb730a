/* Calls a function of plait that this plait does not have, though its ABI version is right. */
#include "sound.h"

extern void plait_call_of_the_future(void);

static void broken_made(struct plait_conn *conn)
{
	(void)conn;
	plait_call_of_the_future();
}

PLAIT_PROTOCOL(broken, .made = broken_made, .data = sound_data);
