/* A symbol of the right name that is shorter than the fixed head. */
#include <plait/plait.h>

PLAIT_EXPORT extern const uint32_t plait_plugin[3];
const uint32_t plait_plugin[3] = { PLAIT_MAGIC, PLAIT_ABI_MAJOR, sizeof(struct plait_protocol) };
