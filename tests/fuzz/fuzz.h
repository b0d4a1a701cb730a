/* What every fuzz target defines; libFuzzer calls it, and so does replay.c with the corpus. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Runs one input and returns 0; aborts on a fault. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
