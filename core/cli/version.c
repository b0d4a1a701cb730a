/* plait version */
#include "core/cli/cli.h"
#include "core/config/config.h"
#include "core/loop/loop.h"
#include "core/net/tls/tls.h"
#include "core/plugin/plugin.h"

int version_command(const struct arguments *arguments)
{
	const char *const *folders = plugin_default_path();

	(void)arguments;
	printf("plait %s\n", plait_version());
	printf("plugin ABI %d.%d\n", PLAIT_ABI_MAJOR, PLAIT_ABI_MINOR);
	printf("libevent %s\n", loop_library_version());
	printf("%s\n", tls_library_version());
	printf("jansson %s\n", jansson_version_str());
	printf("plugins are looked for in:\n");
	for (size_t i = 0; folders[i]; i++)
		printf("  %s\n", folders[i]);
	return CLI_DONE;
}
