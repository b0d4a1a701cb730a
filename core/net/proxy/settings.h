/* What a listener's configuration says of PROXY headers. */
#ifndef NET_PROXY_SETTINGS_H
#define NET_PROXY_SETTINGS_H

#include <plait/option.h>
#include <plait/proxy.h>

#include "core/base/network.h"

struct proxy_settings {
	int mode;                     /* enum plait_proxy_mode */
	struct plait_strings trusted; /* as written */

	/* What they say; of whoever checked them. */
	const struct network *networks;
	size_t network_count;
};

extern const struct plait_option proxy_settings_table[];

enum proxy_rule {
	PROXY_SERVE,     /* no header is read: whatever comes is the protocol's */
	PROXY_MAY_BEGIN, /* with a header */
	PROXY_MUST_BEGIN,
	PROXY_REFUSE,
};

/* For who connects from there. settings NULL: there are no headers. */
enum proxy_rule proxy_rule(const struct proxy_settings *settings, const struct plait_addr *from);

#endif
