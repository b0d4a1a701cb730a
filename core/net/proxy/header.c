/* Which version a PROXY header is of. */
#include "core/net/proxy/header.h"

#include <string.h>

static const struct {
	const char *bytes;
	size_t len;
	enum proxy_verdict (*read)(const uint8_t *data, size_t len, struct proxy_header *header);
} signatures[] = {
	{ "PROXY", 5, proxy_line_read },
	{ PROXY_SIGNATURE, PROXY_SIGNATURE_LEN, proxy_binary_read },
};

enum proxy_verdict proxy_header_read(const uint8_t *data, size_t len, struct proxy_header *header)
{
	*header = (struct proxy_header){ 0 };
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		size_t there = len < signatures[i].len ? len : signatures[i].len;

		if (memcmp(data, signatures[i].bytes, there) != 0)
			continue;
		if (there < signatures[i].len)
			return PROXY_MORE;
		header->begun = true;
		return signatures[i].read(data, len, header);
	}
	return PROXY_NONE;
}
