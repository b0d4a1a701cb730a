/* Words to the compiler. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

/* Kept out of the common path, so that this one needs neither its registers nor its stack. */
#define ASIDE __attribute__((noinline))

/* Part of the common path, wherever it is called. */
#define ALONG inline __attribute__((always_inline))

#endif
