/* What the server gives up once it has bound its sockets and read its keys: its user, its capabilities, and what the sandbox
 * keeps it from. Nothing, when the configuration says nothing of it. */
#ifndef SERVER_PRIVILEGE_PRIVILEGE_H
#define SERVER_PRIVILEGE_PRIVILEGE_H

#include "core/config/config.h"
#include "core/server/privilege/identity.h"
#include "core/server/privilege/seccomp.h"

/* One half of the sandbox. */
struct sandbox_state {
	bool applied;
	char why[512]; /* why not, or "" */
};

struct privilege {
	const struct config *config;  /* borrowed until it is dropped */
	bool wanted;                  /* there is a user or a sandbox */
	int landlock, seccomp_wanted; /* enum config_sandbox */
	int landlock_version;         /* the kernel's; asked for before seccomp forbids it */
	bool has_identity;
	struct identity identity;
	struct seccomp_settings seccomp;
	struct sandbox_state landlock_state, seccomp_state;
};

/* Finds the user, the group and the system calls that are named, so that a mistake is told before anything is bound. Main
 * thread. */
void privilege_init(struct privilege *privilege, const struct config *config, struct problems *problems);
/* Only looks for mistakes. */
void privilege_judge(const struct config *config, struct problems *problems);

void privilege_fini(struct privilege *privilege);

/* Whether drop may do what it is to do. 0, or -1 with problems added. */
int privilege_check(const struct privilege *privilege, struct problems *problems);

/* For good; the folders of the registry's plugins are among those that stay readable. Threads that are to lose everything begin after it. 0, or -1 with problems added: the process must not serve. */
int privilege_drop(struct privilege *privilege, const struct registry *registry, struct problems *problems);

/* Who owns the files of sockets that are made before it; -1 for each: who makes them. */
void privilege_owner(const struct privilege *privilege, uid_t *uid, gid_t *gid);

#endif
