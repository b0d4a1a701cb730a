/* A good plugin, but its protocol has the name of another's. */
#include "sound.h"

PLAIT_PROTOCOL(sound, .data = sound_data);
