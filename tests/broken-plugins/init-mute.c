/* Its init fails without a word. */
#include "sound.h"

static int broken_init(struct plait_error *error)
{
	(void)error;
	return 1;
}

PLAIT_PROTOCOL(broken, .init = broken_init, .data = sound_data);
