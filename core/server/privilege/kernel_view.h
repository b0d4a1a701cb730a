/* What the kernel says of this process's privileges, whatever was meant. */
#ifndef SERVER_PRIVILEGE_KERNEL_VIEW_H
#define SERVER_PRIVILEGE_KERNEL_VIEW_H

#include <stdbool.h>
#include <stdint.h>

/* Of the calling thread, as /proc has it. */
struct kernel_view {
	unsigned uid, gid; /* effective */
	bool no_new_privs;
	unsigned seccomp; /* 2: a filter */
	unsigned umask;
	uint64_t permitted, effective, inheritable, bounding, ambient; /* capabilities, a bit each */
	bool dumpable;
	bool confined;    /* the folder "/" cannot be listed, as nothing but Landlock forbids */
	unsigned threads; /* of the process */
	unsigned unlike;  /* those with other privileges than this one has */
};

/* 0, or -1 with errno: there is no /proc. */
int kernel_view_read(struct kernel_view *out);

#endif
