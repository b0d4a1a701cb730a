/* The permissions of private keys' files. */
#include "core/net/tls/key_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static bool in_group(gid_t group)
{
	if (group == getegid())
		return true;
	int count = getgroups(0, NULL);
	gid_t *groups = count > 0 ? calloc((size_t)count, sizeof(*groups)) : NULL;
	count = groups ? getgroups(count, groups) : 0;
	bool found = false;
	for (int i = 0; i < count; i++)
		found = found || groups[i] == group;
	free(groups);
	return found;
}

/* A group that may read is how an administrator gives a key to servers (Debian's "ssl-cert"): they own the file, and chose
 * the group. A server that owns it itself has no need of one. */
static bool group_may_read(const struct stat *status)
{
	if (status->st_uid == 0)
		return true;
	return status->st_uid != geteuid() && in_group(status->st_gid);
}

int tls_key_file_check(const char *name, const struct stat *status, struct plait_error *error)
{
	mode_t mode = status->st_mode & 07777;
	bool group = group_may_read(status);
	mode_t refused = S_IROTH | S_IWOTH | S_IWGRP | (group ? 0 : S_IRGRP);
	mode_t excess = mode & refused;
	if (excess == 0)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_REFUSED, name,
			       "%s can %s it (mode %04o), and it is a private key; do: chmod %s %s, or set "
			       "\"allow_readable_key\" to true",
			       excess & S_IRWXO ? "all users of this machine" : "its group",
			       excess & (S_IWGRP | S_IWOTH) ? "change" : "read", (unsigned)mode,
			       group ? "640" : "600", name);
}
