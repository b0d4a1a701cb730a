/* Giving capabilities up, with the kernel's own calls: libcap would be a library for four of them. */
#include "core/server/privilege/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int refuse(struct plait_error *error, const char *what)
{
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot %s: %s", what, strerror(errno));
}

int capabilities_bound(struct plait_error *error)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return refuse(error, "empty the ambient capabilities");
	/* The kernel says which is the last by refusing the next. */
	for (unsigned long number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++) {
		if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0)
			continue;
		if (errno == EPERM && geteuid() != 0) /* whoever started us did it, or it cannot be done */
			return 0;
		return refuse(error, "empty the bounding set of capabilities");
	}
	return 0;
}

int capabilities_drop(struct plait_error *error)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	if (syscall(SYS_capset, &head, none) < 0)
		return refuse(error, "give the capabilities up");
	return 0;
}
