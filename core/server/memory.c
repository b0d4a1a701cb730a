/* The machine's memory, and the control group's bound. */
#include "core/server/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUPS "/sys/fs/cgroup"

/* UINT64_MAX: "max", or the file says nothing. */
static uint64_t read_bound(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long long bytes;
	if (!file)
		return UINT64_MAX;
	int found = fscanf(file, "%llu", &bytes);
	fclose(file);
	return found == 1 ? (uint64_t)bytes : UINT64_MAX;
}

/* The path of this process's group: "/system.slice/plait.service". 0, or -1. */
static int own_group(char *out, size_t size)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[4096];
	int result = -1;
	while (file && result < 0 && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) == 0 && strlen(line + 3) < size) {
			strcpy(out, line + 3);
			result = 0;
		}
	}
	if (file)
		fclose(file);
	return result;
}

/* The least of the group's bounds and of those above it. */
static uint64_t group_bound(void)
{
	char group[2048], path[2200];
	uint64_t least = UINT64_MAX;
	if (own_group(group, sizeof(group)) < 0)
		return read_bound(GROUPS "/memory/memory.limit_in_bytes");
	for (char *end; (end = strrchr(group, '/')); *end = '\0') {
		snprintf(path, sizeof(path), GROUPS "%s/memory.max", group);
		uint64_t bound = read_bound(path);
		least = bound < least ? bound : least;
	}
	uint64_t top = read_bound(GROUPS "/memory.max"); /* a container's own */
	return top < least ? top : least;
}

uint64_t memory_total(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t machine = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : UINT64_MAX;
	uint64_t group = group_bound();
	return group < machine ? group : machine;
}

uint64_t memory_auto_buffered(void)
{
	return memory_total() / 4;
}
