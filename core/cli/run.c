/* plait run FILE */
#include <signal.h>

#include "core/base/log.h"
#include "core/cli/cli.h"
#include "core/loop/signals.h"
#include "core/server/server.h"

int run_command(const struct arguments *arguments)
{
	struct problems problems;
	int status = CLI_FAILED;

	problems_init(&problems);
	/* Whoever renews certificates while they are being read wants them to be read again. */
	signals_hold(SIGHUP);
	struct server *server = server_load(arguments->operand, &problems);
	bool bound = false;

	if (server)
		bound = server_bind(server, &problems) == 0;

	/* Warnings, when it is bound. */
	log_flush();
	problems_print(&problems, stderr);
	problems_fini(&problems);
	if (bound)
		status = server_run(server);
	server_free(&server);
	log_flush();
	return status;
}
