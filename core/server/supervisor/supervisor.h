/* The supervisor: a small parent that holds the listening sockets, and a worker that serves by them. It loads no plugin, has no
 * TLS context and starts no thread, so that it can fork at any time. */
#ifndef SERVER_SUPERVISOR_H
#define SERVER_SUPERVISOR_H

#include <stddef.h>

/* Workers died one after the other, and the supervisor gave up. */
#define SUPERVISOR_GAVE_UP 3

struct supervised {
	const char *file;
	const char *text; /* of the file, without an error */
	size_t len;
};

/* Serves until it is told to end. Returns the exit status, or minus the number of the signal that ended a worker that never
 * was ready; in the worker, which is a fork, too. On the main thread, the only one. */
int supervisor_run(const struct supervised *supervised);

/* Goes on where the supervisor of another program left it: *status is what supervisor_run returns. 0: there was none. */
int supervisor_resume(const char *file, int *status);

/* What a worker does: serves until it is told to end. Returns its exit status. Takes the channel over. */
int worker_run(const char *file, int channel);

#endif
