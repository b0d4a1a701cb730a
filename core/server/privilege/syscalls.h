/* The system calls by name, and which of them a server needs. */
#ifndef SERVER_PRIVILEGE_SYSCALLS_H
#define SERVER_PRIVILEGE_SYSCALLS_H

#include <stddef.h>

enum syscall_group {
	SYSCALL_SERVES, /* what plait, its libraries and common plugins need */
	SYSCALL_SPAWNS, /* and what runs other programs */
	SYSCALL_OTHER,  /* known by name only */
};

struct syscall_row {
	const char *name;
	int number; /* this architecture's */
	enum syscall_group group;
};

/* All that are known, those that are called the most first. */
extern const struct syscall_row syscall_rows[];
extern const size_t syscall_row_count;

/* "ptrace", or a number. -1: this architecture has none that is known. */
int syscall_find(const char *name);

/* NULL: it is not known by name. */
const char *syscall_name(int number);

#endif
