/* A worker: a server whose sockets are the supervisor's, and which does what that says. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/open_file.h"
#include "core/config/read.h"
#include "core/loop/loop.h"
#include "core/loop/signals.h"
#include "core/server/control/control.h"
#include "core/server/parts.h"
#include "core/server/supervisor/health.h"
#include "core/server/supervisor/page.h"
#include "core/server/supervisor/remote.h"
#include "core/server/supervisor/retire.h"
#include "core/server/supervisor/supervisor.h"
#include "core/server/supervisor/upgrade.h"
#include "core/server/systemd/notify.h"

struct worker {
	const char *file;
	struct remote *remote;
	struct server *server;
	uint32_t number;
	struct page *page; /* NULL: none could be had */
	char *text;        /* what the supervisor has; NULL: none */
	size_t len;
	struct health health;
};

/* ---- what it is told ---- */

static void on_gone(void *arg)
{
	struct worker *worker = arg;
	log_answer(PLAIT_LOG_ERROR, NULL, "the supervisor has gone: draining");
	reactor_stop(worker->server->reactor, false);
}

static void on_upgraded(struct worker *worker, const struct channel_reply *reply)
{
	struct plait_error error;
	if (reply->code < 0)
		plait_error_set(&error, reply->code, NULL, "%s", reply->text);
	upgrade_answer(worker->server, reply->code < 0 ? &error : NULL);
}

static void ask_for_upgrade(void *arg)
{
	struct worker *worker = arg;
	struct channel_message message;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_UPGRADE;
	remote_tell(worker->remote, &message);
}

static void on_message(void *arg, const struct channel_message *message)
{
	struct worker *worker = arg;
	struct plait_reactor *reactor = worker->server->reactor;
	if (!message) {
		plait_post(reactor->boss, on_gone, worker);
		return;
	}
	switch ((enum channel_kind)message->kind) {
	case CHANNEL_STOP: reactor_told(reactor, message->u.number); return;
	case CHANNEL_RELOAD: reactor_told(reactor, SIGHUP); return;
	case CHANNEL_RETIRE: retire_begin(worker->server); return;
	case CHANNEL_UPGRADED: on_upgraded(worker, &message->u.reply); return;
	default: return;
	}
}

static void on_health_lost(void *arg, const char *why)
{
	struct worker *worker = arg;
	struct channel_message message;
	log_answer(PLAIT_LOG_ERROR, NULL, "%s: asking the supervisor for another worker", why);
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_RECYCLE;
	snprintf(message.u.text, sizeof(message.u.text), "its TLS handshakes fail");
	remote_tell(worker->remote, &message);
}

static void on_serving(void *arg)
{
	struct worker *worker = arg;
	struct channel_message message;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_READY;
	message.u.state = upgrade_state_version();
	remote_tell(worker->remote, &message);
	remote_listen(worker->remote, worker->server->reactor->boss, on_message, worker);
	worker->health =
		(struct health){ .reactor = worker->server->reactor, .lost = on_health_lost, .arg = worker };
	health_watch(&worker->health);
}

/* ---- its life ---- */

static void get_text(struct worker *worker)
{
	struct channel_message message;
	struct plait_error unused;
	int passed;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_TEXT;
	if (remote_ask(worker->remote, &message, &passed, &unused) < 0)
		return;
	worker->number = message.u.reply.number;
	if (passed < 0)
		return;
	worker->text = channel_read_text(passed, CONFIG_MOST_BYTES, &worker->len);
	close(passed);
}

static void get_page(struct worker *worker)
{
	struct channel_message message;
	struct plait_error unused;
	int passed;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_PAGE;
	if (remote_ask(worker->remote, &message, &passed, &unused) < 0 || passed < 0)
		return;
	worker->page = page_open(passed);
	close(passed);
	if (!worker->page)
		return;
	crash_watch(&worker->page->crash);
	roll_use(&worker->page->roll);
}

/* The loops' hearts can be heard from here on. */
static void lend_beats(struct worker *worker)
{
	struct page *page = worker->page;
	struct plait_reactor *reactor = worker->server->reactor;
	unsigned count = plait_reactor_loops(reactor), within_ms = page ? page->watchdog_ms / 4 : 0;
	for (unsigned i = 0; page && i < count; i++)
		loop_watch_beat(plait_reactor_loop(reactor, i), &page->beats[i], within_ms);
	if (page) {
		loop_watch_beat(reactor->boss, &page->beats[count], within_ms);
		page->loops = count + 1;
	}
	worker->server->on_upgrade = ask_for_upgrade;
	worker->server->news = page ? &page->news : NULL;
}

/* Whether it is bound. Every problem is printed. */
static bool begin(struct worker *worker, const char *text, size_t len)
{
	struct problems problems;
	struct server_source source = { .file = worker->file,
					.text = text,
					.len = len,
					.broker = remote_broker(worker->remote),
					.on_serving = on_serving,
					.arg = worker };
	problems_init(&problems);
	worker->server = server_load(&source, &problems);
	bool bound = worker->server && server_bind(worker->server, &problems) == 0;
	log_flush();
	problems_print(&problems, stderr);
	problems_fini(&problems);
	if (bound)
		lend_beats(worker);
	else
		server_free(&worker->server);
	return bound;
}

static bool begin_again(struct worker *worker)
{
	if (worker->text && begin(worker, worker->text, worker->len)) {
		log_answer(PLAIT_LOG_INFO, NULL, "worker %u serves the configuration that was served before",
			   worker->number);
		return true;
	}
	log_answer(PLAIT_LOG_WARNING, NULL,
		   "what was served before cannot be served any more: trying %s as it is", worker->file);
	return begin(worker, NULL, 0);
}

static int open_by_supervisor(const char *path, int flags, void *arg)
{
	struct worker *worker = arg;
	struct channel_message message;
	struct plait_error unused;
	int passed;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_OPEN;
	message.u.open.flags = flags;
	if (strlen(path) >= sizeof(message.u.open.path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(message.u.open.path, path, strlen(path));
	int result = remote_ask(worker->remote, &message, &passed, &unused);
	if (result == 0 && passed >= 0)
		return passed;
	errno = message.kind == CHANNEL_REPLY && message.u.reply.number > 0 ? (int)message.u.reply.number
									    : EACCES;
	return -1;
}

static void notify_supervisor(const char *text, void *arg)
{
	struct worker *worker = arg;
	struct channel_message message;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_NOTIFY;
	strncpy(message.u.text, text, sizeof(message.u.text) - 1);
	remote_tell(worker->remote, &message);
}

int worker_run(const char *file, int channel)
{
	struct worker worker = { .file = file };
	int status = 1;
	signals_hold(SIGHUP);
	signal(SIGUSR2, SIG_IGN); /* whoever tells all of a group means the supervisor */
	worker.remote = remote_new(channel);
	get_page(&worker);
	crash_thread_begin();
	open_file_help(open_by_supervisor, &worker);
	notify_through(notify_supervisor, &worker);
	get_text(&worker);
	bool bound = worker.number > 1 ? begin_again(&worker) : begin(&worker, worker.text, worker.len);
	if (bound)
		status = server_run(worker.server);
	if (worker.server && worker.server->reactor && worker.server->reactor->stuck)
		return status;
	open_file_help(NULL, NULL);
	notify_through(NULL, NULL);
	remote_free(&worker.remote);
	server_free(&worker.server);
	log_flush();
	roll_use(NULL);
	crash_thread_end();
	free(worker.text);
	return status;
}
