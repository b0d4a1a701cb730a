/* The test kit from the inside. Its parts: stage.c (loop and clock), factories.c, peer.c, cuts.c. */
#ifndef TESTING_KIT_H
#define TESTING_KIT_H

#include <plait/testing.h>

#include "core/net/conn.h"
#include "core/net/memory.h"

struct test_factory;

struct plait_test {
	struct plait_loop *loop;
	uint64_t now_ms;
	struct plait_peer *peers;
	struct test_factory *factories;
	unsigned faults; /* told already */
	bool restless;   /* something was given up */
};

struct plait_peer {
	struct plait_peer *next;
	struct plait_test *test;
	struct memory memory;
	struct plait_conn *conn; /* NULL once it is lost */
	struct conn_owner owner;
	struct plait_peer *other; /* joined to it */
	enum plait_reason reason;
	bool end_passed_on; /* to the other */
};

/* Says what is wrong, and counts it. */
void kit_fault(struct plait_test *test, const char *format, ...) PLAIT_PRINTF(2, 3);

/* Carries what joined connections wrote to each other. Whether there was anything. */
bool kit_carry(struct plait_test *test);

/* Stops and frees all. */
void kit_free_factories(struct plait_test *test);

/* Aborts when there is no memory. */
void *kit_alloc(size_t size);

#endif
