/* The order in which privileges go: each step still needs what the next one takes. */
#include "core/server/privilege/privilege.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/escape.h"
#include "core/base/log.h"
#include "core/base/open_file.h"
#include "core/server/privilege/capabilities.h"
#include "core/server/privilege/grants.h"
#include "core/server/privilege/landlock.h"
#include "core/server/privilege/syscalls.h"

/* Without write for the group, without anything for others. */
#define USUAL_UMASK 027

/* ---- what is wanted ---- */

static void find_syscalls(struct privilege *privilege, struct problems *problems)
{
	const struct plait_strings *names = &privilege->config->sandbox.syscalls;
	int *numbers = alloc_zeroed((names->count + 1) * sizeof(*numbers), "a list of system calls");
	privilege->seccomp.extra = numbers;
	for (size_t i = 0; i < names->count; i++) {
		char path[48], found[128];
		int number = syscall_find(names->items[i]);
		if (strcmp(names->items[i], "@spawn") == 0) {
			privilege->seccomp.spawn = true;
		} else if (number >= 0) {
			numbers[privilege->seccomp.extra_count++] = number;
		} else {
			snprintf(path, sizeof(path), "sandbox.syscalls[%zu]", i);
			escape_text(found, sizeof(found), names->items[i], strlen(names->items[i]));
			problems_add(
				problems, path,
				"found \"%s\"; expected a system call's name, such as \"ptrace\", its number on this "
				"machine, or \"@spawn\"",
				found);
		}
	}
}

void privilege_init(struct privilege *privilege, const struct config *config, struct problems *problems)
{
	*privilege = (struct privilege){
		.config = config,
		.landlock = config->sandbox.landlock,
		.seccomp_wanted = config->sandbox.seccomp,
	};
	privilege->wanted = config->user || config->sandbox.landlock != CONFIG_SANDBOX_OFF ||
			    config->sandbox.seccomp != CONFIG_SANDBOX_OFF;
	if (config->user)
		privilege->has_identity = identity_find(config->user, config->group, &privilege->identity,
							problems) == 0;
	find_syscalls(privilege, problems);
}

void privilege_judge(const struct config *config, struct problems *problems)
{
	struct privilege privilege;
	privilege_init(&privilege, config, problems);
	privilege_fini(&privilege);
}

void privilege_fini(struct privilege *privilege)
{
	identity_fini(&privilege->identity);
	free((void *)privilege->seccomp.extra);
	*privilege = (struct privilege){ 0 };
}

void privilege_owner(const struct privilege *privilege, uid_t *uid, gid_t *gid)
{
	bool changes = privilege->has_identity && geteuid() == 0;
	*uid = changes ? privilege->identity.uid : (uid_t)-1;
	*gid = changes ? privilege->identity.gid : (gid_t)-1;
}

int privilege_check(const struct privilege *privilege, struct problems *problems)
{
	struct plait_error error = { 0 };
	if (!privilege->has_identity || identity_check(&privilege->identity, &error) == 0)
		return 0;
	problems_add(problems, "user", "%s", error.text);
	return -1;
}

/* ---- giving it up ---- */

static int change_user(const struct privilege *privilege, struct plait_error *error)
{
	int signal_number = 0;
	/* Who started us may want us to end with it, which the kernel forgets with the user. */
	prctl(PR_GET_PDEATHSIG, &signal_number, 0, 0, 0);
	int result = identity_take(&privilege->identity, error);
	if (result == 0 && signal_number > 0 && prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) < 0)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL,
				       "cannot keep the signal of the parent's end: %s", strerror(errno));
	return result;
}

static int set_flags(const struct privilege *privilege, struct plait_error *error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot set no_new_privs: %s",
				       strerror(errno));
	if (prctl(PR_SET_DUMPABLE, privilege->config->core_dumps ? 1 : 0, 0, 0, 0) < 0)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot change core_dumps: %s",
				       strerror(errno));
	return 0;
}

/* The user "root" keeps what makes it root. */
static int drop_identity(const struct privilege *privilege, struct plait_error *error)
{
	bool stays_root = privilege->has_identity ? privilege->identity.uid == 0 : geteuid() == 0;
	int result = 0;
	if (!stays_root)
		result = capabilities_bound(error);
	if (result == 0 && privilege->has_identity)
		result = change_user(privilege, error);
	if (result == 0 && !stays_root)
		result = capabilities_drop(error);
	return result == 0 ? set_flags(privilege, error) : result;
}

/* What a half of the sandbox came to. 0, or -1 with a problem added where it is required. */
static int judge(int wanted, const char *path, int result, const struct plait_error *error,
		 struct sandbox_state *state, struct problems *problems)
{
	state->applied = result == 0;
	if (result == 0)
		return 0;
	snprintf(state->why, sizeof(state->why), "%s%s%.200s", error->path, error->path[0] ? ": " : "",
		 error->text);
	if (wanted == CONFIG_SANDBOX_REQUIRED) {
		problems_add(problems, path, "%s; it is required, so the server does not start", state->why);
		return -1;
	}
	problems_warn(problems, path, "%s; the server goes on without it", state->why);
	return 0;
}

static int enter_landlock(struct privilege *privilege, const struct registry *registry,
			  struct problems *problems)
{
	struct plait_error error = { 0 };
	int wanted = privilege->landlock;
	if (wanted == CONFIG_SANDBOX_OFF)
		return 0;
	return judge(wanted, "sandbox.landlock", grants_enter(privilege->config, registry, &error), &error,
		     &privilege->landlock_state, problems);
}

static int enter_seccomp(struct privilege *privilege, struct problems *problems)
{
	struct plait_error error = { 0 };
	int wanted = privilege->seccomp_wanted;
	if (wanted == CONFIG_SANDBOX_OFF)
		return 0;
	return judge(wanted, "sandbox.seccomp", seccomp_enter(&privilege->seccomp, &error), &error,
		     &privilege->seccomp_state, problems);
}

static void set_umask(const struct privilege *privilege)
{
	if (privilege->config->umask)
		umask((mode_t)strtoul(privilege->config->umask, NULL, 8));
	else if (privilege->wanted)
		umask(umask(0777) | USUAL_UMASK);
}

int privilege_drop(struct privilege *privilege, const struct registry *registry, struct problems *problems)
{
	struct plait_error error = { 0 };
	privilege->landlock_version = landlock_version();
	set_umask(privilege);
	if (!privilege->wanted) {
		if (geteuid() == 0)
			log_write(
				PLAIT_LOG_WARNING, NULL,
				"serving as root: name a \"user\" that the server becomes when its sockets are "
				"bound; \"user\": \"root\" says that it is meant");
		return 0;
	}
	if (drop_identity(privilege, &error) < 0) {
		problems_add(problems, "user", "%s", error.text);
		return -1;
	}
	if (enter_landlock(privilege, registry, problems) < 0 || enter_seccomp(privilege, problems) < 0)
		return -1;
	privilege->config = NULL;
	open_file_confined();
	return 0;
}
