/* Whose PROXY headers are read. */
#include "core/net/proxy/settings.h"

static const struct plait_choice modes[] = {
	{ "off", PLAIT_PROXY_OFF, "none is read" },
	{ "optional", PLAIT_PROXY_OPTIONAL,
	  "one is read from those of trusted who begin with it; all others are served as they are" },
	{ "required", PLAIT_PROXY_REQUIRED,
	  "connections come from trusted, begin with a header, or are refused" },
	{ 0 },
};

const struct plait_option proxy_settings_table[] = {
	PLAIT_OPTION_CHOICE("mode", struct proxy_settings, mode, modes, .fallback = "off",
			    .doc = "Whether connections begin with a PROXY header, of version 1 or 2"),
	PLAIT_OPTION_STRINGS(
		"trusted", struct proxy_settings, trusted, .max = 1024,
		.doc = "Whose headers are believed: networks such as \"10.0.0.0/8\" or \"2001:db8::/32\", "
		       "addresses, and \"unix\" for all peers of a UNIX socket; required unless mode is off"),
	PLAIT_OPTION_END,
};

enum proxy_rule proxy_rule(const struct proxy_settings *settings, const struct plait_addr *from)
{
	if (!settings || settings->mode == PLAIT_PROXY_OFF)
		return PROXY_SERVE;
	bool required = settings->mode == PLAIT_PROXY_REQUIRED;
	if (networks_have(settings->networks, settings->network_count, from))
		return required ? PROXY_MUST_BEGIN : PROXY_MAY_BEGIN;
	return required ? PROXY_REFUSE : PROXY_SERVE;
}
