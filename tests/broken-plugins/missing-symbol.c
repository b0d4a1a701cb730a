/* A shared object that is no plugin; its constructor must not run. */
#include <plait/plait.h>

#include <stdio.h>

PLAIT_EXPORT extern int something_else;
int something_else = 1;

__attribute__((__constructor__)) static void intrude(void)
{
	fputs("the constructor of a refused file ran\n", stderr);
}
