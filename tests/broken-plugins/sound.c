/* A good plugin: what the tests of files break, and proof that it is not all plugins that are refused. */
#include "sound.h"

PLAIT_PROTOCOL(sound, .data = sound_data);
