/* The symbol is code, not data. */
#include <plait/abi.h>

PLAIT_EXPORT int plait_plugin(void);

int plait_plugin(void)
{
	return 0;
}
