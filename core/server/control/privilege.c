/* Of the command status: who the server is, and what it cannot do. */
#include <errno.h>
#include <string.h>

#include "core/server/control/request.h"
#include "core/server/control/tell.h"
#include "core/server/privilege/kernel_view.h"

static json_t *tell_mask(uint64_t mask)
{
	char text[24];
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)mask);
	return json_string(text);
}

static json_t *tell_sandbox(int wanted, bool applied, const char *why)
{
	static const char *const words[] = {
		[CONFIG_SANDBOX_OFF] = "off",
		[CONFIG_SANDBOX_ON] = "on",
		[CONFIG_SANDBOX_REQUIRED] = "required",
	};
	return json_pack("{s:s, s:b, s:o}", "wanted", words[wanted], "applied", applied, "why",
			 why[0] ? request_text(why) : json_null());
}

static json_t *tell_landlock(const struct privilege *privilege, const struct kernel_view *view)
{
	const struct sandbox_state *state = &privilege->landlock_state;
	const char *why = state->applied && !view->confined ? "\"/\" itself is granted" : state->why;
	json_t *json = tell_sandbox(privilege->landlock, state->applied && view->confined, why);
	json_object_set_new(json, "version", json_integer(privilege->landlock_version));
	return json;
}

/* The kernel does not say whose filter it is: it may be a service manager's. */
static json_t *tell_seccomp(const struct privilege *privilege, const struct kernel_view *view)
{
	const struct sandbox_state *state = &privilege->seccomp_state;
	return tell_sandbox(privilege->seccomp_wanted, state->applied && view->seccomp == 2, state->why);
}

json_t *tell_privilege(const struct server *server)
{
	struct kernel_view view;
	char umask_text[16];
	if (kernel_view_read(&view) < 0)
		return json_pack("{s:s}", "unknown", strerror(errno));
	snprintf(umask_text, sizeof(umask_text), "%04o", view.umask);
	json_t *json = json_pack("{s:I, s:I, s:b, s:b, s:s}", "uid", (json_int_t)view.uid, "gid",
				 (json_int_t)view.gid, "no_new_privs", view.no_new_privs, "dumpable",
				 view.dumpable, "umask", umask_text);
	json_object_set_new(json, "effective", tell_mask(view.effective));
	json_object_set_new(json, "permitted", tell_mask(view.permitted));
	json_object_set_new(json, "inheritable", tell_mask(view.inheritable));
	json_object_set_new(json, "bounding", tell_mask(view.bounding));
	json_object_set_new(json, "ambient", tell_mask(view.ambient));
	json_object_set_new(json, "threads", json_integer(view.threads));
	json_object_set_new(json, "threads_unlike", json_integer(view.unlike));
	json_object_set_new(json, "landlock", tell_landlock(&server->privilege, &view));
	json_object_set_new(json, "seccomp", tell_seccomp(&server->privilege, &view));
	return json;
}
