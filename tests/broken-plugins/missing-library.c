/* Linked with a library that is not installed; see the flags in the test. */
#include "sound.h"

PLAIT_PROTOCOL(broken, .data = sound_data);
