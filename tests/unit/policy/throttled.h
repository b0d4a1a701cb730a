/* A listener with a throttle, and somebody connected to it: what its tests begin with. */
#ifndef TESTS_UNIT_POLICY_THROTTLED_H
#define TESTS_UNIT_POLICY_THROTTLED_H

#include "core/policy/throttle.h"
#include "tests/unit/rig.h"

/* As throttled_start left them. A test connects b, and lets it leave, itself. */
extern struct rig rig;
extern struct rig_listener listener;
extern struct rig_client a, b;
extern struct throttle *throttle;

/* The recorder without lost, for it knows one connection. */
extern struct plait_protocol throttled_protocol;

/* a is connected. Rates are bytes a second; 0: any. */
void throttled_start(uint64_t read_rate, uint64_t write_rate);

/* Takes all of it down, and resets the recorder. */
void throttled_end(void);

/* Whether the connection waits for what its peer sends. */
bool reads(const struct rig_client *client);

/* The peer sends so many bytes, at most 64 KiB. */
void say(struct rig_client *client, size_t len);

#endif
