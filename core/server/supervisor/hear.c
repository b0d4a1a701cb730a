/* What workers say to the supervisor, and its answers. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/config/read.h"
#include "core/server/supervisor/inside.h"
#include "core/server/supervisor/upgrade.h"
#include "core/server/systemd/notify.h"

/* At once from one worker, and more than a channel holds: who talks without end keeps no signal and no other worker waiting.
 * Of questions only one, for the answer may take long, and who asks waits for it. */
#define MESSAGES_MOST 256

/* Who has no channel any more and has not said that it ends. */
#define LAST_WORDS_MS 5000

struct heard {
	struct supervisor *supervisor;
	struct worker_process *worker;
	const struct channel_message *message;
	bool answered;
};

static void reply(struct heard *heard, const struct plait_error *error, uint32_t number, int passed)
{
	struct channel_message message;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_REPLY;
	message.u.reply.number = number;
	if (error) {
		message.u.reply.code = error->code;
		memcpy(message.u.reply.path, error->path, sizeof(message.u.reply.path));
		memcpy(message.u.reply.text, error->text, sizeof(message.u.reply.text));
	}
	(void)channel_send(heard->worker->channel, &message, passed, false);
	heard->answered = true;
}

/* The file as it is. A pipe would be waited for; NULL, and problems has why. The caller frees it. */
static char *read_text(const struct supervisor *supervisor, size_t *len, struct problems *problems)
{
	struct stat found;
	problems->file = supervisor->file;
	if (stat(supervisor->file, &found) == 0 && !S_ISREG(found.st_mode)) {
		problems_add(problems, NULL, "it is no regular file, and cannot be read again");
		return NULL;
	}
	return config_read(supervisor->file, len, problems);
}

/* What it says, also about what may be opened; NULL: it is no configuration. The caller frees it. */
static struct config *learn_from(struct supervisor *supervisor, const char *text, size_t len)
{
	struct problems problems;
	problems_init(&problems);
	struct config *config = config_load_text(supervisor->file, text, len, &problems);
	if (config)
		lender_learn(&supervisor->lender, config);
	problems_fini(&problems);
	return config;
}

static struct config *read_file(struct supervisor *supervisor)
{
	struct problems problems;
	size_t len;
	problems_init(&problems);
	char *text = read_text(supervisor, &len, &problems);
	problems_fini(&problems);
	struct config *config = text ? learn_from(supervisor, text, len) : NULL;
	free(text);
	return config;
}

/* Of what it was given last, which the file may not say any more. A reload asks for many sockets: it is read once. */
static bool is_in_given(struct supervisor *supervisor, struct worker_process *worker,
			const struct channel_bind *bind)
{
	size_t len;
	if (!worker->given && worker->read >= 0) {
		char *text = channel_read_text(worker->read, CONFIG_MOST_BYTES, &len);
		worker->given = text ? learn_from(supervisor, text, len) : NULL;
		free(text);
	}
	return worker->given && permit_bind(worker->given, bind);
}

static void on_bind(struct heard *heard)
{
	struct supervisor *supervisor = heard->supervisor;
	const struct channel_bind *bind = &heard->message->u.bind;
	struct plait_error error = { 0 };
	int fd = -1;
	if (permit_bind(supervisor->config, bind) || is_in_given(supervisor, heard->worker, bind))
		fd = store_get(&supervisor->store, bind, heard->worker->number, &error);
	else
		plait_error_set(&error, PLAIT_ERROR_REFUSED, NULL,
				"the supervisor finds no such address in %s; has a host another one by now? "
				"then reload again",
				supervisor->file);
	if (fd >= 0 && supervisor->owns)
		store_give(&supervisor->store, fd, supervisor->identity.uid, supervisor->identity.gid);
	reply(heard, fd < 0 ? &error : NULL, 0, fd);
}

static bool may_open(struct supervisor *supervisor, const char *path)
{
	if (strcmp(path, supervisor->file) == 0 || lender_knows(&supervisor->lender, path))
		return true;
	struct config *config = read_file(supervisor);
	config_free(&config);
	return lender_knows(&supervisor->lender, path);
}

/* A configuration's own path may be relative to where the supervisor is. */
static int open_for(struct supervisor *supervisor, const struct channel_open *wanted)
{
	char absolute[PATH_MAX];
	const char *path = wanted->path, *why = NULL;
	if (!may_open(supervisor, path)) {
		errno = EACCES;
		return -1;
	}
	if (path[0] != '/') {
		char *here = getcwd(NULL, 0);
		int len = snprintf(absolute, sizeof(absolute), "%s/%s", here ? here : "", path);
		free(here);
		if (len < 0 || len >= (int)sizeof(absolute)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		path = absolute;
	}
	int fd = lend_open(path, wanted->flags, &why);
	int error = errno;
	if (why)
		log_write(PLAIT_LOG_WARNING, NULL, "supervisor: %s is not opened for the worker: %s", path,
			  why);
	errno = error;
	return fd;
}

static void on_open(struct heard *heard)
{
	struct plait_error error = { 0 };
	int fd = open_for(heard->supervisor, &heard->message->u.open);
	if (fd >= 0) {
		reply(heard, NULL, 0, fd);
		close(fd);
		return;
	}
	uint32_t number = (uint32_t)errno;
	plait_error_set(&error, PLAIT_ERROR_REFUSED, NULL, "%s", strerror(errno));
	reply(heard, &error, number, -1);
}

/* Takes fd over: what a worker serves is what it was given, so that one that is not its own master any more cannot name
 * addresses and files to this process. */
static void give_text(struct heard *heard, int fd)
{
	struct worker_process *worker = heard->worker;
	supervisor_forget_read(worker);
	worker->read = fd;
	reply(heard, NULL, worker->number, fd);
}

static void on_text(struct heard *heard)
{
	give_text(heard, fcntl(heard->supervisor->text, F_DUPFD_CLOEXEC, 3));
}

static void on_read(struct heard *heard)
{
	struct supervisor *supervisor = heard->supervisor;
	struct problems problems;
	struct plait_error error = { 0 };
	size_t len = 0;
	problems_init(&problems);
	heard->worker->hangup = false;
	char *text = read_text(supervisor, &len, &problems);
	int fd = text ? channel_write_text(text, len) : -1;
	if (!text)
		plait_error_set(&error, PLAIT_ERROR_INVALID, NULL, "%s",
				problems.count > 0 ? problems.items[0].text
						   : "cannot read the configuration");
	else if (fd < 0)
		plait_error_set(&error, PLAIT_ERROR_SYSTEM, NULL, "cannot hand the configuration on: %s",
				strerror(errno));
	if (fd >= 0) {
		give_text(heard, fd);
		heard->worker->given = learn_from(supervisor, text, len);
	} else {
		reply(heard, &error, 0, -1);
	}
	free(text);
	problems_fini(&problems);
}

static void on_page(struct heard *heard)
{
	reply(heard, NULL, heard->worker->number, heard->worker->page_fd);
}

static void on_keep(struct heard *heard)
{
	store_keep(&heard->supervisor->store, &heard->message->u.keep,
		   supervisor_bit(heard->supervisor, heard->worker));
}

/* Takes what the worker serves for what is served. */
static void take_text(struct supervisor *supervisor, struct worker_process *worker)
{
	struct problems problems;
	size_t len;
	char *text = worker->text >= 0 ? channel_read_text(worker->text, CONFIG_MOST_BYTES, &len) : NULL;
	if (!text)
		return;
	problems_init(&problems);
	struct config *config = config_load_text(supervisor->file, text, len, &problems);
	if (config) {
		config_free(&supervisor->config);
		supervisor->config = config;
		log_configure((enum plait_log_level)config->log.level, (enum log_format)config->log.format);
		close(supervisor->text);
		supervisor->text = worker->text;
		worker->text = -1;
	}
	problems_fini(&problems);
	free(text);
}

void supervisor_take_served(struct supervisor *supervisor, struct worker_process *worker)
{
	store_sweep(&supervisor->store);
	take_text(supervisor, worker);
}

static void hear_served(struct heard *heard)
{
	struct supervisor *supervisor = heard->supervisor;
	struct worker_process *worker = heard->worker;
	struct worker_process *serving = supervisor_worker(supervisor, WORKER_SERVING);
	if (worker->read >= 0 && heard->message->u.number) {
		if (worker->text >= 0)
			close(worker->text);
		worker->text = worker->read;
		worker->read = -1;
	}
	supervisor_forget_read(worker);
	worker->kept_all = true;
	if (worker->state == WORKER_RETIRED && heard->message->u.number && serving)
		supervisor_tell(serving, CHANNEL_RELOAD, 0); /* it began before it was replaced */
	if (worker->state == WORKER_RETIRED)
		return;
	store_keep_end(&supervisor->store, supervisor_bit(supervisor, worker));
	if (worker->state == WORKER_STARTING)
		return;
	if (supervisor_worker(supervisor, WORKER_STARTING))
		supervisor->reloaded |= heard->message->u.number;
	else
		supervisor_take_served(supervisor, worker);
}

static void on_serves(struct heard *heard)
{
	hear_served(heard);
	reply(heard, NULL, 0, -1);
}

static void on_ready(struct heard *heard)
{
	struct supervisor *supervisor = heard->supervisor;
	struct worker_process *worker = heard->worker;
	if (worker->state != WORKER_STARTING || !worker->kept_all || worker->refused)
		return;
	if (worker->upgrade && heard->message->u.state != upgrade_state_version()) {
		supervisor_refuse(
			supervisor, worker,
			"its supervisor could not take over from this one; restart the server to use it");
		return;
	}
	supervisor_promote(supervisor, worker);
	supervisor_take_served(supervisor, worker);
}

/* Only of the one that serves, or is about to: another one would speak of what has been. */
static void on_notify(struct heard *heard)
{
	if (heard->worker->state != WORKER_RETIRED)
		notify_forward(heard->message->u.text);
}

/* Whether the server ends with it: one that ends before it takes another one's place leaves that in it. */
static bool end_with(struct supervisor *supervisor, struct worker_process *worker)
{
	struct worker_process *serving = supervisor_worker(supervisor, WORKER_SERVING);
	struct worker_process *starting = supervisor_worker(supervisor, WORKER_STARTING);
	if (worker != (serving ? serving : starting))
		return false;
	worker->stopping = true;
	for (unsigned i = 0; !supervisor->stopping && i < WORKERS_MAX; i++)
		if (supervisor->workers[i].state == WORKER_RETIRED)
			supervisor_tell(&supervisor->workers[i], CHANNEL_STOP, SIGTERM);
	supervisor->stopping = true;
	if (starting && starting != worker)
		supervisor_refuse(supervisor, starting, "the server is stopping");
	return true;
}

static void on_ending(struct heard *heard)
{
	end_with(heard->supervisor, heard->worker);
}

static void on_stopping(struct heard *heard)
{
	if (end_with(heard->supervisor, heard->worker))
		store_stop(&heard->supervisor->store);
	reply(heard, NULL, 0, -1);
}

static void on_upgrade(struct heard *heard)
{
	supervisor_replace(heard->supervisor, true, heard->worker->number);
}

static void on_recycle(struct heard *heard)
{
	if (heard->worker->state != WORKER_SERVING)
		return;
	log_answer(PLAIT_LOG_WARNING, NULL, "supervisor: replacing worker %u (pid %d): %s",
		   heard->worker->number, (int)heard->worker->pid, heard->message->u.text);
	supervisor_replace(heard->supervisor, false, 0);
}

typedef void hear_fn(struct heard *heard);

static hear_fn *const kinds[CHANNEL_KINDS] = {
	[CHANNEL_NOTIFY] = on_notify,     [CHANNEL_OPEN] = on_open,       [CHANNEL_PAGE] = on_page,
	[CHANNEL_BIND] = on_bind,         [CHANNEL_TEXT] = on_text,       [CHANNEL_READ] = on_read,
	[CHANNEL_KEEP] = on_keep,         [CHANNEL_SERVES] = on_serves,   [CHANNEL_READY] = on_ready,
	[CHANNEL_STOPPING] = on_stopping, [CHANNEL_UPGRADE] = on_upgrade, [CHANNEL_RECYCLE] = on_recycle,
	[CHANNEL_ENDING] = on_ending,
};

/* It lives on without a channel: it is to drain, as when the supervisor has gone, but who does not speak may not hear. */
static void lose(struct supervisor *supervisor, struct worker_process *worker)
{
	log_answer(PLAIT_LOG_ERROR, NULL, "worker %u (pid %d) cannot be understood: %s", worker->number,
		   (int)worker->pid, strerror(errno));
	if (worker->state == WORKER_STARTING)
		kill(worker->pid, SIGKILL);
	else if (!worker->kill_ms)
		worker->kill_ms = supervisor_drained_ms(supervisor);
	if (worker->state == WORKER_SERVING)
		supervisor_replace(supervisor, false, 0);
}

void supervisor_hear(struct supervisor *supervisor, struct worker_process *worker)
{
	struct channel_message message;
	struct heard heard = { .supervisor = supervisor, .worker = worker, .message = &message };
	int passed, result = 0;
	for (int left = MESSAGES_MOST;
	     worker->channel >= 0 && left > 0 && !heard.answered &&
	     (result = channel_receive(worker->channel, &message, &passed, false)) > 0;
	     left--) {
		if (kinds[message.kind])
			kinds[message.kind](&heard);
		if (passed >= 0) /* nothing that a worker says needs one */
			channel_discard(passed);
	}
	if (worker->channel < 0 || result > 0 || (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)))
		return;
	/* It has ended, with questions that were not answered or without, or what it says makes no sense. */
	if (result < 0 && errno == EPROTO)
		lose(supervisor, worker);
	else if (!worker->kill_ms && !worker->stopping) /* it would hear of no reload, and of no stop */
		worker->kill_ms = supervisor_now_ms() + LAST_WORDS_MS;
	close(worker->channel);
	worker->channel = -1;
}
