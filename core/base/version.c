/* The version of this library. */
#include <plait/abi.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.0.0" /* compiled by hand, without configure */
#endif

const char *plait_version(void)
{
	return PACKAGE_VERSION;
}
