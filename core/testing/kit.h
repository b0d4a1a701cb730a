/* The test kit from the inside. Its parts: stage.c (loop and clock), factories.c, peer.c, cuts.c,
 * by_hand.c. */
#ifndef TESTING_KIT_H
#define TESTING_KIT_H

#include <plait/testing.h>

#include "core/async/threads.h"
#include "core/net/conn/conn.h"
#include "core/net/socket/resolver.h"
#include "core/net/transport/memory.h"
#include "core/testing/line.h"

struct test_factory;

struct plait_test {
	struct plait_loop *loop;
	uint64_t now_ms;
	struct plait_peer *peers;
	struct test_factory *factories;
	struct threads threads; /* the loop's */
	struct kit_line works, questions, attempts;
	char dialled[PLAIT_ADDR_TEXT];
	unsigned long failures; /* nobody had handled when it began */
	bool over;
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

/* Gives the loop threads, a resolver and sockets that wait for the test. */
void kit_take_in_hand(struct plait_test *test);

/* Before they are called off. */
void kit_count_unanswered(struct plait_test *test);

/* Nobody will run it any more. */
void kit_drop_work(struct plait_test *test);

/* Stops and frees all. */
void kit_free_factories(struct plait_test *test);

/* Aborts when there is no memory. */
void *kit_alloc(size_t size);

#endif
