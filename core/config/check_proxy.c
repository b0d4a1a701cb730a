/* The rules for a listener's proxy_protocol. */
#include <stdio.h>

#include "core/base/option_arena.h"
#include "core/config/check.h"

static void read_networks(struct proxy_settings *proxy, const char *path, struct option_arena *arena,
			  struct problems *problems)
{
	struct network *networks = option_arena_alloc(arena, proxy->trusted.count * sizeof(*networks));
	struct plait_error error;
	char place[96];

	for (size_t i = 0; i < proxy->trusted.count; i++) {
		if (network_parse(proxy->trusted.items[i], &networks[i], &error) == 0)
			continue;
		snprintf(place, sizeof(place), "%s.trusted[%zu]", path, i);
		problems_add(problems, place, "%s", error.text);
	}
	proxy->networks = networks;
	proxy->network_count = proxy->trusted.count;
}

void config_check_proxy(struct config *config, size_t i, bool sound, struct problems *problems)
{
	struct listener_config *listener = (struct listener_config *)config->listeners.items + i;
	struct proxy_settings *proxy = &listener->proxy;
	char path[64];

	snprintf(path, sizeof(path), "listeners[%zu].proxy_protocol", i);
	read_networks(proxy, path, config->arena, problems);
	if (proxy->mode == PLAIT_PROXY_OFF)
		return;
	if (listener->endpoint_known && listener->endpoint.scheme == ENDPOINT_UDP)
		problems_add(problems, path,
			     "a udp:// listener reads no PROXY headers; take it out, or bind it to tcp://");
	if (sound && proxy->trusted.count == 0)
		problems_add(problems, path,
			     "nobody is trusted to send a header; name the proxies in \"trusted\", such as "
			     "[\"10.0.0.0/8\"], or set \"mode\" to \"off\"");
}
