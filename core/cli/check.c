/* plait check FILE */
#include "core/base/log.h"
#include "core/cli/cli.h"
#include "core/server/server.h"

int check_command(const struct arguments *arguments)
{
	struct problems problems;

	problems_init(&problems);
	struct server_source source = { .file = arguments->operand };
	struct server *server = server_load(&source, &problems);
	int status = server ? CLI_DONE : CLI_FAILED;

	log_flush();
	problems_print(&problems, stderr);
	problems_fini(&problems);
	if (server) {
		size_t listeners = server_listener_count(server), plugins = server_plugin_count(server);

		printf("%s: ok: %zu %s, %zu %s\n", arguments->operand, COUNTED(listeners, "listener"),
		       COUNTED(plugins, "plugin"));
	}
	server_free(&server);
	return status;
}
