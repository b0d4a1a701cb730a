/* Bytes to hexadecimal text and back, as the recorded cases hold them. */
#ifndef TESTS_CONFORMANCE_HEX_H
#define TESTS_CONFORMANCE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both results are malloc'd; an odd or strange text is NULL. */
uint8_t *hex_decode(const char *text, size_t *len);
char *hex_encode(const void *bytes, size_t len);

#endif
