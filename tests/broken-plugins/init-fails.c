/* Its init says why it cannot work. */
#include "sound.h"

static int broken_init(struct plait_error *error)
{
	return plait_error_set(error, PLAIT_ERROR_MISSING, "/etc/broken.key",
			       "is not there; make it with keygen");
}

PLAIT_PROTOCOL(broken, .init = broken_init, .data = sound_data);
