/* Names and attempts that a test completes by hand, on the rig's clock. What is started and cancelled is noted by the
 * recorder: "ask(example.org)", "forget(example.org)", "try(10.0.0.1:80)", "from(10.0.0.9:0)", "drop(10.0.0.1:80)". */
#ifndef TESTS_UNIT_NET_BY_HAND_H
#define TESTS_UNIT_NET_BY_HAND_H

#include "tests/unit/rig.h"

/* From here on the rig's loop asks nobody else. */
void by_hand_init(struct rig *rig);
void by_hand_fini(void);

/* Answers the question that stands: with addresses, "10.0.0.1 ::1" with the port that was asked for; or NULL: there are
 * none. */
void by_hand_answer(const char *addresses);

/* Completes the attempt to this address ("10.0.0.1:80"), and the loop runs: it connects, and the test has the peer's
 * socket; or it fails with that errno. */
int by_hand_accept(const char *address);
void by_hand_refuse(const char *address, int error);

/* Whatever is tried from here on fails with that errno at once; 0: no more. */
void by_hand_fail_at_once(int error);

/* How many attempts are under way. */
unsigned by_hand_trying(void);

#endif
