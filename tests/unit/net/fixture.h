/* One listener and one client on a loop of their own: what most tests of connections need. */
#ifndef TESTS_UNIT_NET_BENCH_H
#define TESTS_UNIT_NET_BENCH_H

#include "tests/unit/rig.h"

/* As open_with left them; a test may connect more clients. */
extern struct rig rig;
extern struct rig_listener listener;
extern struct rig_client client;

/* A listener with protocol, and client connected to it. */
void open_with(const struct plait_protocol *protocol);

/* Takes all of it down, and resets the recorder. */
void done(void);

#endif
