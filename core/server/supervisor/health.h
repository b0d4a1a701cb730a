/* Whether a worker can still do what it is for. */
#ifndef SERVER_SUPERVISOR_HEALTH_H
#define SERVER_SUPERVISOR_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

#include <plait/loop.h>

struct plait_reactor;

struct health {
	struct plait_reactor *reactor;
	unsigned long long failures; /* of handshakes, when last looked at */
	void (*lost)(void *arg, const char *why);
	void *arg;
};

/* Looks once a second, and calls lost when handshakes of peers fail, and those with itself do, too. On the boss loop; health
 * stays until that has ended. */
void health_watch(struct health *health);

#endif
