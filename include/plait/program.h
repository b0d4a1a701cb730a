/* The program `plait` as a call: the whole of it lives in the library, so that plugins and program share one core. */
#ifndef PLAIT_PROGRAM_H
#define PLAIT_PROGRAM_H

#include <plait/abi.h>

/* Runs the command line and returns the exit status: 0 done, 1 it failed or the configuration is wrong, 2 wrong
 * usage. Call it once, on the main thread. */
PLAIT_EXPORT int plait_main(int argc, char **argv);

#endif
