/* Words to the compiler, and what it does not tell. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

/* What different threads write lies this far apart. */
#define CACHE_LINE 64

/* Kept out of the common path, so that this one needs neither its registers nor its stack. */
#define ASIDE __attribute__((noinline))

/* Part of the common path, wherever it is called. */
#define ALONG inline __attribute__((always_inline))

/* Around a library's counter of references: who frees comes after all who have let go. ThreadSanitizer has to be told, for it
 * does not see into libraries. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__
#endif
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define LETS_GO(pointer) __tsan_release(pointer)
#define COMES_LAST(pointer) __tsan_acquire(pointer)
#else
#define LETS_GO(pointer) ((void)sizeof(pointer))
#define COMES_LAST(pointer) ((void)sizeof(pointer))
#endif

#endif
