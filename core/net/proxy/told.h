/* What a PROXY header said, for as long as its connection lives. */
#ifndef NET_PROXY_TOLD_H
#define NET_PROXY_TOLD_H

#include <plait/proxy.h>

#include "core/net/proxy/header.h"

struct proxy_told {
	struct plait_proxy shown;
	struct plait_proxy_tls tls;
	struct plait_addr source, destination; /* when addressed */
	size_t tlvs_len;
	uint8_t bytes[]; /* the TLVs, then the texts that are shown */
};

/* Of a header that is done; the real addresses are the caller's to fill in. NULL: no memory. free gives it back. */
struct proxy_told *proxy_told_new(const struct proxy_header *header, const uint8_t *data);

#endif
