/* How much memory there is for this process. */
#ifndef SERVER_MEMORY_H
#define SERVER_MEMORY_H

#include <stdint.h>

/* The machine's, or what its control group may have when that is less. */
uint64_t memory_total(void);

/* The bound on buffered bytes that "auto" stands for: a quarter of that. */
uint64_t memory_auto_buffered(void);

#endif
