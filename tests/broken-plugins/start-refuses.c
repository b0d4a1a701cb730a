/* Its factory does not start, tells it by a positive code, and would colour the terminal. */
#include "sound.h"

static int refuse(struct plait_factory *factory, struct plait_error *error)
{
	(void)factory;
	plait_error_set(error, PLAIT_ERROR_REFUSED, NULL, "there is no \033[31mroom\nleft");
	return 1;
}

PLAIT_PROTOCOL(sound, .factory_start = refuse, .data = sound_data);
