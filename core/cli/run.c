/* plait run FILE */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/cli/cli.h"
#include "core/config/config.h"
#include "core/config/read.h"
#include "core/loop/signals.h"
#include "core/server/server.h"
#include "core/server/supervisor/supervisor.h"
#include "core/server/supervisor/upgrade.h"
#include "core/server/systemd/activation.h"
#include "core/server/systemd/notify.h"

static int run_alone(const struct server_source *source)
{
	struct problems problems;
	int status = CLI_FAILED;

	problems_init(&problems);
	struct server *server = server_load(source, &problems);
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

/* As the worker ended; it has left what there is to leave. */
static _Noreturn void end_by_signal(int number)
{
	static const struct rlimit none;
	sigset_t set;

	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	_exit(CLI_FAILED);
}

static int finish(int status)
{
	if (status < 0)
		end_by_signal(-status);
	return status;
}

/* Whether it says so, and has no error that can be known without its plugins. */
static bool is_supervised(const struct server_source *source)
{
	struct problems problems;

	problems_init(&problems);
	struct config *config = config_load_text(source->file, source->text, source->len, &problems);
	bool supervised = config && problems.errors == 0 && config->supervise;

	if (supervised)
		log_configure((enum plait_log_level)config->log.level, (enum log_format)config->log.format);
	problems_fini(&problems);
	config_free(&config);
	return supervised;
}

int run_command(const struct arguments *arguments)
{
	struct server_source source = { .file = arguments->operand };
	struct problems problems;
	int status = CLI_FAILED;

	activation_open();
	notify_open();
	/* Whoever renews certificates while they are being read wants them to be read again. */
	signals_hold(SIGHUP);
	int channel = upgrade_worker_channel();

	if (channel >= 0)
		return worker_run(source.file, channel);
	if (supervisor_resume(source.file, &status))
		return finish(status);
	problems_init(&problems);
	problems.file = source.file;
	char *text = config_read(source.file, &source.len, &problems);
	problems_print(&problems, stderr);
	problems_fini(&problems);
	source.text = text;
	if (text && is_supervised(&source))
		status = supervisor_run(
			&(struct supervised){ .file = source.file, .text = text, .len = source.len });
	else if (text)
		status = run_alone(&source);
	free(text);
	return finish(status);
}
