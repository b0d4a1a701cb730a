/* A service on trial: by hand, on the rig's clock. Its callbacks and Deferreds note what happens in the recorder. */
#ifndef TESTS_UNIT_NET_SERVICED_H
#define TESTS_UNIT_NET_SERVICED_H

#include <plait/service.h>

#include "tests/unit/net/by_hand.h"
#include "tests/unit/net/recorder.h"

#define ADDRESS "10.0.0.1:80"

extern struct rig rig;
extern struct plait_service *service;

/* What the prepare callback returns: a new Deferred when prepares is set, else this, which may be NULL. */
extern struct plait_deferred *preparing;
extern bool prepares;

/* Delays of 1, 2, 4 and at most 8 seconds; notes "gave-up(CODE)". */
extern const struct plait_service_options regular;

/* The same without the bound, with the prepare callback: "prepare". */
extern const struct plait_service_options preparing_options;

/* A rig and a service that connects to ADDRESS. */
void begin(const struct plait_service_options *options);
void finish(void);

/* A callback that notes "told(WORD)" or "told(WORD CODE)"; its arg is the word. */
struct plait_result told(struct plait_result result, void *arg);

/* Adds it, and gives the reference back. */
void follow(struct plait_deferred *deferred, const char *word);

void start(void);
void stop(void); /* notes "told(stopped)" */
void fail(void); /* the attempt is refused */
void drop(int peer);

/* Nothing happens for that long less a millisecond, then it is tried again. */
bool retries_after(uint64_t ms);

/* Nothing happens any more. */
void rests(void);

#endif
