/* The command upgrade. */
#include "core/server/control/control.h"
#include "core/server/control/request.h"

void upgrade_command(struct request *request)
{
	struct server *server = request->server;
	if (!server->on_upgrade) {
		request_refuse(
			request, "unsupervised", NULL,
			"there is no supervisor: with \"supervise\" the server can be upgraded while it runs");
	} else if (server->upgrade) {
		request_refuse(request, "upgrading", NULL, "an upgrade is under way");
	} else if (!request_refuse_late(request)) {
		server->upgrade = request;
		server->on_upgrade(server->on_serving_arg);
	}
}

void upgrade_answer(struct server *server, const struct plait_error *error)
{
	struct request *request = server->upgrade;
	server->upgrade = NULL;
	if (request && error)
		request_refuse(request, "refused", NULL, "not upgraded, and all is as it was: %s",
			       error->text);
	else if (request)
		request_answer(request, json_object());
}
