/* Files for a connection, and what becomes of their Deferreds; over memory that can send files, or cannot. */
#ifndef TESTS_UNIT_NET_FILING_H
#define TESTS_UNIT_NET_FILING_H

#include <plait/producer.h>

#include "tests/unit/net/fixture.h"

#define FILING_LARGE ((size_t)3 << 20)
extern uint8_t filing_content[FILING_LARGE];

/* Descriptors of a file with the first len bytes of the content. */
int filing_file(size_t len);
bool filing_is_open(int fd);

/* What became of a file; deed is done in the Deferred's callback. */
struct filing {
	unsigned fired;
	int code;       /* of the failure, 0: none */
	uintptr_t sent; /* else */
	void (*deed)(void);
};

/* Sends on the fixture's client, and notes there what becomes of it. */
struct plait_deferred *filing_start(int fd, uint64_t offset, uint64_t len, struct filing *filing);
void filing_send(int fd, uint64_t offset, uint64_t len, struct filing *filing);

/* What the next filing_begin connects the client over, and what that says and saw. */
extern bool filing_by_transport;
extern bool filing_unable;
extern unsigned filing_calls;
extern size_t filing_most; /* what was asked for at once */

void filing_begin(void);
void filing_both_ways(void (*test)(void));

/* The client takes len bytes more, and the loop runs. */
void filing_take(size_t len);

/* Whether the client was sent this first, and if so, forgets it; whether that was all. */
bool filing_heard(const void *bytes, size_t len);
bool filing_heard_all(void);

#endif
