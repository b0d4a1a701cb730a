/* Messages are cut out of the stream, and nobody takes them. */
#include "sound.h"

PLAIT_PROTOCOL(broken, .framing = &plait_line_framing, .data = sound_data);
