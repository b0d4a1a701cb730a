/* A protocol on trial: real listeners' factories and real connections on one loop, over the memory transport,
 * on a clock that the test moves. The test kit (plait/testing.h) is the same for those who write protocols; this one
 * shows what the kit hides, and stands below it: it tests the layers that the kit is made of. */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include "core/base/option_read.h"
#include "core/net/conn/conn.h"
#include "core/net/transport/memory.h"

struct rig {
	struct plait_loop *loop;
	uint64_t now_ms;
};

struct rig_listener {
	struct plait_factory *factory;
	struct net_settings settings; /* change them before clients connect */
	struct option_arena *arena;
	void *options;
};

struct rig_client {
	struct rig *rig;
	struct memory memory;
	struct plait_conn *conn; /* NULL once it is gone */
	struct conn_owner owner;
};

void rig_init(struct rig *rig);

/* Aborts what is left and gives everything back; listeners and clients come first. */
void rig_fini(struct rig *rig);

/* With the options in json ("{...}"; NULL: the defaults). 0; or a negative code and error filled, if it is given. */
int rig_listen(struct rig_listener *listener, const struct plait_protocol *protocol, const char *json,
	       struct plait_error *error);
void rig_unlisten(struct rig_listener *listener);

void rig_connect(struct rig *rig, struct rig_listener *listener, struct rig_client *client);

/* Aborts the connection if it is still there. */
void rig_leave(struct rig_client *client);

/* Turns the loop until nothing is left to do. */
void rig_run(struct rig *rig);

/* Moves the clock, and the loop runs. */
void rig_advance(struct rig *rig, uint64_t ms);

/* The client sends, and the loop runs. */
void rig_say(struct rig_client *client, const char *text);
void rig_say_bytes(struct rig_client *client, const void *bytes, size_t len);

/* The client ends its direction, and the loop runs. */
void rig_end(struct rig_client *client);

/* The client reads again, without bound, and the loop runs; rig_stop_reading is the opposite. */
void rig_read(struct rig_client *client);
void rig_stop_reading(struct rig_client *client);

/* Whether the client was sent exactly this since it was last asked; prints the difference when not. */
bool rig_heard(struct rig_client *client, const char *text);

/* The data callback of servers that send back what they get, and a protocol that has nothing else. */
size_t rig_echo(struct plait_conn *conn, const void *bytes, size_t len);
extern const struct plait_protocol rig_echoer;

#endif
