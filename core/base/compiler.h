/* Words to the compiler, and what it does not tell. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

/* What different threads write lies this far apart. */
#define CACHE_LINE 64

/* Kept out of the common path, so that this one needs neither its registers nor its stack. */
#define ASIDE __attribute__((noinline))

/* Part of the common path, wherever it is called. */
#define ALONG inline __attribute__((always_inline))

#endif
