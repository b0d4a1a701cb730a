/* CRC-32C by half bytes: headers are short, and few have one. */
#include "core/net/proxy/crc32c.h"

/* Of each half byte, by the reversed polynomial 0x82f63b78. */
static const uint32_t halves[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c(uint32_t before, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint32_t sum = ~before;

	for (size_t i = 0; i < len; i++) {
		sum ^= bytes[i];
		sum = sum >> 4 ^ halves[sum & 15];
		sum = sum >> 4 ^ halves[sum & 15];
	}
	return ~sum;
}
