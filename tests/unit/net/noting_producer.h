/* Producers that write down, at the recorder, what happens to them. */
#ifndef TESTS_UNIT_NET_NOTING_PRODUCER_H
#define TESTS_UNIT_NET_NOTING_PRODUCER_H

#include <plait/producer.h>
#include <plait/protocol.h>

/* Bytes to write; its address is what they are registered with. */
#define NOTING_BLOCK 200000
extern char noting_block[NOTING_BLOCK];

extern const struct plait_producer noting_push, noting_pull;

/* Done in each of their callbacks; call is "pause", "stop(closed)" and so on. NULL: nothing. */
extern void (*noting_on_call)(struct plait_conn *conn, const char *call);

/* The room of the last produce. */
extern size_t noting_room;

/* Opens the fixture with the protocol, whose made is forgotten, and forgets what is above. */
void noting_begin(const struct plait_protocol *protocol);

/* On the fixture's client. */
void noting_register(const struct plait_producer *producer);

/* What noting_on_call may be: writes what is asked for, until noting_to_make bytes are made; then unregisters. */
void noting_make(struct plait_conn *conn, const char *call);
extern size_t noting_to_make;

/* The client takes len bytes more, and the loop runs. */
void noting_take(size_t len);

/* How much the client was sent; forgets it. */
size_t noting_heard(void);

#endif
