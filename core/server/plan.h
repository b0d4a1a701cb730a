/* What a reload makes of each listener. On the boss loop. */
#ifndef SERVER_PLAN_H
#define SERVER_PLAN_H

#include "core/server/parts.h"

/* Of a listener of the new configuration. */
enum fate { FATE_STAYS, FATE_CHANGES, FATE_MOVES, FATE_COMES };

struct course {
	enum fate fate;
	const struct listener_config *config;
	struct plait_listener *before;   /* of the same name; NULL: it comes */
	struct plait_listener *listener; /* that serves it afterwards; NULL: it is yet to be made */
	char keys[256];                  /* of what has changed */
};

struct plan {
	struct snapshot *fresh;
	bool tls_changed;       /* one of the contexts is another, or has gone */
	struct course *courses; /* in the configuration's order */
	size_t count;
	struct plait_listener **leaving; /* those that move, then those that go; ended by NULL */
	size_t leaving_count, moving;
};

/* Changes nothing. fresh is borrowed, as long as the plan. 0, or -1: no memory; plan_fini in any case. */
int plan_make(struct plan *plan, const struct server *server, struct snapshot *fresh);
void plan_fini(struct plan *plan);

#endif
