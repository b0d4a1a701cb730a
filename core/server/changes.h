/* What a reload changed: a list of sentences. */
#ifndef SERVER_CHANGES_H
#define SERVER_CHANGES_H

#include <stddef.h>

#include <plait/abi.h>

struct changes {
	size_t count;
	char **items;
};

void changes_init(struct changes *changes);
void changes_fini(struct changes *changes);

/* Aborts when there is no memory. */
void changes_add(struct changes *changes, const char *format, ...) PLAIT_PRINTF(2, 3);

#endif
