/* A protocol that could answer nothing. */
#include <plait/plait.h>

PLAIT_PROTOCOL(broken, .summary = "does nothing");
