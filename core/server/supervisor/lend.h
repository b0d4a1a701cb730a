/* What the supervisor opens for a worker that may not: files that the configuration names, as the supervisor itself has read
 * it from its file. A worker that was taken over can say what it likes of what it serves. */
#ifndef SERVER_SUPERVISOR_LEND_H
#define SERVER_SUPERVISOR_LEND_H

#include <stdbool.h>
#include <stddef.h>

struct config;

/* Paths that some reading of the file named; they are few, and stay: an older configuration may still be served. */
struct lender {
	char **paths;
	size_t count, capacity;
};

void lender_fini(struct lender *lender);

/* The configuration was read from its file by the supervisor. */
void lender_learn(struct lender *lender, const struct config *config);

/* Whether path may be asked for. */
bool lender_knows(const struct lender *lender, const char *path);

/* Opens it for reading, or, with O_PATH among flags, to be looked at. No folder on the way may be one where others could have
 * put something else: they would have it opened with the supervisor's rights. A descriptor, or -1 with errno, and *why is NULL
 * or says more. */
int lend_open(const char *path, int flags, const char **why);

#endif
