/* From the names of a user and a group to a process that is nobody else any more. */
#include "core/server/privilege/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/escape.h"

/* The kernel takes that many (NGROUPS_MAX), and no user has them. */
#define GROUPS_MOST 65536

/* -1 stands for "leave it" in the kernel's calls, so it is nobody. */
static bool parse_number(const char *text, unsigned *out)
{
	char *end;
	if (!text[0] || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || value >= UINT32_MAX)
		return false;
	*out = (unsigned)value;
	return true;
}

static void add_missing(struct problems *problems, const char *key, const char *name, int reason)
{
	char found[128];
	escape_text(found, sizeof(found), name, strlen(name));
	if (reason)
		problems_add(problems, key, "cannot look \"%s\" up: %s", found, strerror(reason));
	else
		problems_add(
			problems, key,
			"there is no %s \"%s\" on this system: make it (%s --system %s), or correct the name",
			key, found, strcmp(key, "user") == 0 ? "useradd" : "groupadd", found);
}

static int find_group(const char *name, gid_t *gid, struct problems *problems)
{
	unsigned number;
	if (parse_number(name, &number)) {
		*gid = number;
		return 0;
	}
	errno = 0;
	const struct group *found = getgrnam(name); /* on the main thread only */
	if (!found) {
		add_missing(problems, "group", name, errno == ENOENT ? 0 : errno);
		return -1;
	}
	*gid = found->gr_gid;
	return 0;
}

/* Those that the system's lists give the user, as login would; a number that has no name has its group only. */
static void find_groups(const char *user, struct identity *out)
{
	int size = 64;
	for (;;) {
		int count = size;
		out->groups = alloc_zeroed((size_t)size * sizeof(gid_t), "a list of groups");
		if (!user) {
			out->groups[0] = out->gid;
			out->group_count = 1;
			return;
		}
		if (getgrouplist(user, out->gid, out->groups, &count) >= 0 || size >= GROUPS_MOST) {
			out->group_count = count < size ? count : size;
			return;
		}
		free(out->groups);
		size *= 2;
	}
}

int identity_find(const char *user, const char *group, struct identity *out, struct problems *problems)
{
	unsigned number = 0;
	bool is_number = parse_number(user, &number);
	*out = (struct identity){ 0 };
	errno = 0;
	const struct passwd *found = is_number ? getpwuid(number) : getpwnam(user);
	if (!found && !is_number) {
		add_missing(problems, "user", user, errno == ENOENT ? 0 : errno);
		return -1;
	}
	if (!found && !group) {
		problems_add(problems, "user",
			     "user %u has no name here, and so no group: say which, in \"group\"", number);
		return -1;
	}
	out->uid = found ? found->pw_uid : number;
	out->gid = found ? found->pw_gid : 0;
	char *name = found ? strdup(found->pw_name) : NULL;
	int result = group ? find_group(group, &out->gid, problems) : 0;
	if (result == 0)
		find_groups(name, out);
	free(name);
	return result;
}

void identity_fini(struct identity *identity)
{
	free(identity->groups);
	*identity = (struct identity){ 0 };
}

static bool is_now(const struct identity *identity)
{
	uid_t uid, effective, saved;
	gid_t gid, effective_gid, saved_gid;
	return getresuid(&uid, &effective, &saved) == 0 && getresgid(&gid, &effective_gid, &saved_gid) == 0 &&
	       uid == identity->uid && effective == identity->uid && saved == identity->uid &&
	       gid == identity->gid && effective_gid == identity->gid && saved_gid == identity->gid;
}

int identity_check(const struct identity *identity, struct plait_error *error)
{
	if (geteuid() == 0 || is_now(identity))
		return 0;
	return plait_error_set(
		error, PLAIT_ERROR_REFUSED, NULL,
		"the server was started as user %u, group %u, and cannot become user %u, group %u: "
		"start it as root, or take \"user\" and \"group\" out",
		(unsigned)geteuid(), (unsigned)getegid(), (unsigned)identity->uid, (unsigned)identity->gid);
}

static int refuse(struct plait_error *error, const char *what)
{
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot %s: %s", what, strerror(errno));
}

int identity_take(const struct identity *identity, struct plait_error *error)
{
	/* Who is that already may not set groups, and has them from who started it. */
	if (geteuid() == 0) {
		if (setgroups((size_t)identity->group_count, identity->groups) < 0)
			return refuse(error, "take the user's groups");
		if (setresgid(identity->gid, identity->gid, identity->gid) < 0)
			return refuse(error, "change to the group");
		if (setresuid(identity->uid, identity->uid, identity->uid) < 0)
			return refuse(error, "change to the user");
	}
	if (!is_now(identity))
		return plait_error_set(error, PLAIT_ERROR_REFUSED, NULL,
				       "the system let the process change its user, and did not change it");
	if (identity->uid != 0 && (setresuid(0, 0, 0) == 0 || seteuid(0) == 0))
		return plait_error_set(error, PLAIT_ERROR_REFUSED, NULL,
				       "the process could still become root again");
	return 0;
}
