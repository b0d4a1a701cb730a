/* Reload: a new snapshot beside the one that is served, everything that differs prepared, and then changed in one go. */
#include "core/server/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/open_file.h"
#include "core/base/option_arena.h"
#include "core/base/units.h"
#include "core/server/parts.h"
#include "core/server/plan.h"
#include "core/server/renew.h"
#include "core/server/systemd/notify.h"

/* Names are resolved, files read and plugins begun meanwhile. */
#define PATIENCE_S 60

struct reload {
	struct server *server;
	struct problems *problems;
	struct changes *changes;
	struct snapshot *fresh;
	struct plan plan;
};

/* ---- all that can fail ---- */

static bool is_shared(const struct tls_context *context, const void *arg)
{
	return snapshot_has_tls(arg, context);
}

static void prepare_new(struct reload *reload, struct course *course)
{
	size_t index = (size_t)(course - reload->plan.courses);
	size_t errors = reload->problems->errors;
	course->listener = server_make_listener(course->config, index, reload->problems);
	if (reload->problems->errors > errors ||
	    server_prepare_listener(reload->server, reload->fresh, course->config, course->listener,
				    reload->problems) < 0)
		return;
	server_bind_listener(reload->server, reload->fresh, course->listener, reload->plan.leaving,
			     reload->problems);
}

static void prepare_all(struct reload *reload)
{
	for (size_t i = 0; i < reload->plan.count; i++) {
		struct course *course = &reload->plan.courses[i];
		if (course->fate == FATE_CHANGES)
			server_prepare_listener(reload->server, reload->fresh, course->config,
						course->listener, reload->problems);
		else if (course->fate != FATE_STAYS)
			prepare_new(reload, course);
	}
}

static void prepare(struct reload *reload)
{
	if (plan_make(&reload->plan, reload->server, reload->fresh) == 0)
		prepare_all(reload);
	else
		problems_add(reload->problems, "listeners", "no memory");
}

static void discard(struct reload *reload)
{
	for (size_t i = 0; i < reload->plan.count; i++) {
		struct course *course = &reload->plan.courses[i];
		if (course->fate == FATE_CHANGES && course->listener->fresh)
			listener_discard(course->listener);
		else if (course->fate == FATE_MOVES || course->fate == FATE_COMES)
			listener_free(&course->listener);
	}
	for (size_t i = 0; i < reload->plan.leaving_count; i++)
		listener_keep(reload->plan.leaving[i]);
}

/* ---- what cannot ---- */

static void serve_new(struct reload *reload, struct course *course)
{
	struct plait_error error;
	listener_inherit(course->listener, reload->plan.leaving);
	if (reactor_add_listener(reload->server->reactor, course->listener, &error) < 0) {
		/* the end has come in between */
		listener_free(&course->listener);
		return;
	}
	listener_announce(course->listener);
	if (course->before)
		listener_serve(course->listener, course->before->service);
}

static void commit_one(struct reload *reload, struct course *course)
{
	const char *name = course->config->name;
	switch (course->fate) {
	case FATE_STAYS: return;
	case FATE_CHANGES:
		listener_adopt(course->listener);
		changes_add(reload->changes, "%s: changed: %s", name, course->keys);
		return;
	case FATE_MOVES:
		changes_add(reload->changes, "%s: moved from %s to %s", name, course->before->address,
			    course->listener->address);
		serve_new(reload, course);
		return;
	case FATE_COMES:
		changes_add(reload->changes, "%s: new on %s", name, course->listener->address);
		serve_new(reload, course);
		return;
	}
}

static void commit_leaving(struct reload *reload)
{
	const struct plan *plan = &reload->plan;
	for (size_t i = 0; i < plan->leaving_count; i++) {
		struct plait_listener *listener = plan->leaving[i];
		bool gone = i >= plan->moving;
		if (gone)
			changes_add(reload->changes, "%s: removed from %s", listener->name,
				    listener->address);
		listener_leave(listener, gone);
	}
}

static void commit_tls(const struct reload *reload)
{
	struct renewal *renewal = reload->server->reactor->renewal;
	const struct snapshot *served = reload->server->snapshot, *fresh = reload->fresh;
	renewal_commit(renewal);
	for (size_t i = 0; i < served->config->tls.count; i++)
		if (!snapshot_has_tls(fresh, served->tls[i].context)) {
			changes_add(reload->changes, "%s: changed or removed",
				    tls_context_path(served->tls[i].context));
			renewal_remove(renewal, served->tls[i].context);
		}
	for (size_t i = 0; i < fresh->config->tls.count; i++)
		if (!fresh->tls[i].origin)
			renewal_add(renewal, fresh->tls[i].context);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What is read once, when a server starts. */
static void warn_of_restarts(struct reload *reload)
{
	const struct config *was = reload->server->snapshot->config, *is = reload->fresh->config;
	if (was->threads != is->threads)
		problems_warn(reload->problems, "threads", "another number of threads needs a restart");
	if (was->accept != is->accept)
		problems_warn(reload->problems, "accept", "another way to accept needs a restart");
	if (!same_text(was->control, is->control))
		problems_warn(reload->problems, "control", "another control socket needs a restart");
	if (was->supervise != is->supervise)
		problems_warn(reload->problems, "supervise", "another choice of supervision needs a restart");
	config_keep_privileges(was, reload->fresh->config, reload->problems);
	/* They stay, and so does the difference. */
	reload->fresh->config->supervise = was->supervise;
	reload->fresh->config->threads = was->threads;
	reload->fresh->config->accept = was->accept;
	reload->fresh->config->control = was->control ? option_arena_copy(reload->fresh->config->arena,
									  was->control)
						      : NULL;
}

static void commit_rest(struct reload *reload)
{
	const struct config *was = reload->server->snapshot->config, *is = reload->fresh->config;
	char text[32];
	if (was->log.level != is->log.level || was->log.format != is->log.format)
		changes_add(reload->changes, "log: changed");
	snapshot_configure_log(reload->fresh);
	if (was->drain_timeout_ms != is->drain_timeout_ms)
		changes_add(reload->changes, "drain_timeout: %s",
			    units_format_duration(text, sizeof(text), is->drain_timeout_ms));
	reload->server->reactor->drain_timeout_ms = is->drain_timeout_ms;
	if (was->limits.connections != is->limits.connections || was->limits.buffered != is->limits.buffered)
		changes_add(reload->changes, "limits: changed");
	atomic_store(&reload->server->reactor->limits->most, is->limits.connections);
	server_warn_of_descriptors(is);
	reactor_set_buffered(reload->server->reactor, is->limits.buffered);
}

static void commit(struct reload *reload)
{
	struct server *server = reload->server;
	warn_of_restarts(reload);
	commit_tls(reload);
	for (size_t i = 0; i < reload->plan.count; i++)
		commit_one(reload, &reload->plan.courses[i]);
	commit_leaving(reload);
	commit_rest(reload);
	struct plait_listener **listeners = server->listeners;
	server->listener_count = 0;
	server->listeners = alloc_zeroed((reload->plan.count + 1) * sizeof(*server->listeners),
					 "the list of listeners");
	for (size_t i = 0; i < reload->plan.count; i++)
		if (reload->plan.courses[i].listener)
			server->listeners[server->listener_count++] = reload->plan.courses[i].listener;
	free(listeners);
	struct snapshot *served = server->snapshot;
	server->snapshot = reload->fresh;
	reload->fresh = NULL;
	snapshot_retire(served);
	snapshot_unref(&served);
}

/* ---- all of it ---- */

/* A pipe gives its bytes once, and who reads it again waits for ever. */
static bool can_be_read_again(const struct server *server, struct problems *problems)
{
	struct stat found;
	if (open_file_stat(server->file, &found) < 0 ||
	    S_ISREG(found.st_mode)) /* what is missing is told by who reads it */
		return true;
	problems_add(problems, NULL,
		     "%s is no regular file, and cannot be read again: keep the configuration in one",
		     server->file);
	return false;
}

/* What is read and prepared aborts the process when there is none, so there has to be some. */
static bool has_memory(struct problems *problems)
{
	if (alloc_keep_reserve())
		return true;
	problems_add(problems, NULL, "there is too little memory to read it and to prepare what it says");
	return false;
}

int server_reload(struct server *server, struct problems *problems, struct changes *changes)
{
	struct reload reload = { .server = server, .problems = problems, .changes = changes };
	struct renewal *renewal = server->reactor->renewal;
	if (!can_be_read_again(server, problems) || !has_memory(problems))
		return -1;
	notify_reloading();
	struct server_source source = { .file = server->file, .broker = server->broker };
	reload.fresh = snapshot_load(&source, server->snapshot, farewell_keeper(server->farewell), problems);
	bool sound = reload.fresh && reload.fresh->config;
	if (sound)
		renewal_prepare(renewal, is_shared, reload.fresh, problems);
	if (sound)
		privilege_judge(reload.fresh->config, problems);
	if (problems->errors == 0)
		prepare(&reload);
	bool refused = problems->errors > 0 || !sound;
	if (!refused) {
		commit(&reload);
	} else {
		discard(&reload);
		if (sound)
			renewal_abandon(renewal);
	}
	problems->locate = NULL; /* the positions go with the config */
	snapshot_unref(&reload.fresh);
	plan_fini(&reload.plan);
	server_tell_broker(server, !refused);
	notify_send("READY=1\nSTATUS=%s",
		    refused ? "serving; the last reload was refused, see the log" : "serving, reloaded");
	return refused ? -1 : 0;
}

static void log_problem(const struct problem *problem)
{
	enum plait_log_level level = problem->warning ? PLAIT_LOG_WARNING : PLAIT_LOG_ERROR;
	const char *file = problem->file ? problem->file : "", *path = problem->path ? problem->path : "";
	char place[32] = "";
	if (problem->line > 0)
		snprintf(place, sizeof(place), "%d:%d:", problem->line, problem->column);
	log_answer(level, NULL, "%s%s%s%s%s%s%s", file, file[0] ? ":" : "", place,
		   file[0] || place[0] ? " " : "", path, path[0] ? ": " : "", problem->text);
}

static void log_problems(const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		log_problem(&problems->items[i]);
	if (problems->omitted > 0)
		log_answer(PLAIT_LOG_ERROR, NULL, "... and %zu more", problems->omitted);
}

int server_reload_logged(struct server *server, struct problems *problems, struct changes *changes)
{
	struct beat *beat = server->reactor->boss->beat;
	beat->patience_s = PATIENCE_S;
	int result = server_reload(server, problems, changes);
	beat->patience_s = 0;
	log_problems(problems);
	for (size_t i = 0; i < changes->count; i++)
		log_answer(PLAIT_LOG_INFO, NULL, "reload: %s", changes->items[i]);
	if (result == 0)
		log_answer(PLAIT_LOG_INFO, NULL, "reloaded %s: %zu change%s", server->file, changes->count,
			   changes->count == 1 ? "" : "s");
	else
		log_answer(
			PLAIT_LOG_ERROR, NULL,
			"not reloaded, and all is as it was; correct the %zu error%s above, then reload again",
			problems->errors, problems->errors == 1 ? "" : "s");
	return result;
}
