/* Plans of reloads: two configurations side by side. */
#include "core/server/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_protocols(const struct listener_config *a, const struct listener_config *b)
{
	const struct alpn_config *one = a->alpn.items, *other = b->alpn.items;
	if (a->speaks != b->speaks || a->overflow.speaks != b->overflow.speaks ||
	    a->alpn.count != b->alpn.count)
		return false;
	for (size_t i = 0; i < a->alpn.count; i++)
		if (one[i].speaks != other[i].speaks)
			return false;
	return true;
}

static bool same_contexts(const struct version_parts *a, const struct version_parts *b)
{
	if (a->context != b->context)
		return false;
	for (size_t i = 0; i < b->config->server_names.count; i++)
		if (a->name_contexts[i] != b->name_contexts[i])
			return false;
	return true;
}

/* Behind the same names. */
static bool same_tls(const struct plan *plan, const struct listener_version *version,
		     const struct listener_config *config)
{
	struct version_parts was, is;
	if (plan->tls_changed && version_names_tls(version))
		return false;
	snapshot_parts(version->snapshot, version->config, &was);
	snapshot_parts(plan->fresh, config, &is);
	bool same = same_contexts(&was, &is);
	free((void *)was.name_contexts);
	free((void *)is.name_contexts);
	return same;
}

static void add_key(struct course *course, const char *key)
{
	size_t len = strlen(course->keys);
	snprintf(course->keys + len, sizeof(course->keys) - len, "%s%s", len ? ", " : "", key);
}

static enum fate compare(const struct plan *plan, struct course *course)
{
	const struct listener_version *version = course->before->versions;
	size_t changes = config_listener_changes(version->snapshot->config, version->config,
						 plan->fresh->config, course->config, course->keys,
						 sizeof(course->keys));
	if (strcmp(version->config->bind, course->config->bind) != 0)
		return FATE_MOVES;
	if (!same_protocols(version->config, course->config))
		add_key(course, "the plugin's code");
	if (changes == 0 && !same_tls(plan, version, course->config))
		add_key(course, "the TLS context");
	return course->keys[0] ? FATE_CHANGES : FATE_STAYS;
}

static void plot(struct plan *plan, struct course *course, struct plait_listener *before)
{
	course->before = before;
	course->fate = before ? compare(plan, course) : FATE_COMES;
	if (course->fate == FATE_STAYS || course->fate == FATE_CHANGES)
		course->listener = before;
	else if (before)
		plan->leaving[plan->leaving_count++] = before;
}

/* Where the server has the listener of that name; likely is the place behind the one found before. listener_count: nowhere. */
static size_t find(const struct server *server, const char *name, size_t likely)
{
	for (size_t i = 0; i < server->listener_count; i++) {
		size_t at = (likely + i) % server->listener_count;
		if (strcmp(server->listeners[at]->name, name) == 0)
			return at;
	}
	return server->listener_count;
}

static void plot_all(struct plan *plan, const struct server *server, bool *named)
{
	const struct listener_config *configs = plan->fresh->config->listeners.items;
	size_t likely = 0;
	for (size_t i = 0; i < plan->count; i++) {
		size_t at = find(server, configs[i].name, likely);
		bool found = at < server->listener_count;
		plan->courses[i].config = &configs[i];
		plot(plan, &plan->courses[i], found ? server->listeners[at] : NULL);
		if (found) {
			named[at] = true;
			likely = at + 1;
		}
	}
	plan->moving = plan->leaving_count;
	for (size_t i = 0; i < server->listener_count; i++)
		if (!named[i])
			plan->leaving[plan->leaving_count++] = server->listeners[i];
}

int plan_make(struct plan *plan, const struct server *server, struct snapshot *fresh)
{
	size_t served = server->listener_count, count = fresh->config->listeners.count;
	bool *named = calloc(served + 1, sizeof(*named));
	*plan = (struct plan){
		.fresh = fresh,
		.tls_changed = fresh->tls_shared < fresh->config->tls.count ||
			       fresh->tls_shared < server->snapshot->config->tls.count,
		.courses = calloc(count + 1, sizeof(plan->courses[0])),
		.leaving = calloc(served + 1, sizeof(plan->leaving[0])),
	};
	bool memory = named && plan->courses && plan->leaving;
	if (memory) {
		plan->count = count;
		plot_all(plan, server, named);
	}
	free(named);
	return memory ? 0 : -1;
}

void plan_fini(struct plan *plan)
{
	free(plan->courses);
	free((void *)plan->leaving);
	*plan = (struct plan){ 0 };
}
