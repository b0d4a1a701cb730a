/* CRC-32C, Castagnoli's, as RFC 4960 has it in its appendix B. */
#ifndef NET_PROXY_CRC32C_H
#define NET_PROXY_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of len bytes that follow those of which before is the sum; 0: there are none. */
uint32_t crc32c(uint32_t before, const void *data, size_t len);

#endif
