/* A worker's side of the channel: the broker that asks the supervisor, and what the supervisor tells. On the boss's thread. */
#ifndef SERVER_SUPERVISOR_REMOTE_H
#define SERVER_SUPERVISOR_REMOTE_H

#include "core/server/broker.h"
#include "core/server/supervisor/channel.h"

struct plait_loop;
struct remote;

/* message: NULL when the supervisor has gone. */
typedef void remote_fn(void *arg, const struct channel_message *message);

/* Takes the channel over. Aborts when there is no memory. */
struct remote *remote_new(int channel);
void remote_free(struct remote **remote);

struct broker *remote_broker(struct remote *remote);

/* Asks, and waits for the answer: *message becomes the reply, *passed what came with it, or -1; it is the caller's. 0, or a
 * negative code with error filled: the supervisor's, or that it has gone. */
int remote_ask(struct remote *remote, struct channel_message *message, int *passed,
	       struct plait_error *error);

/* Without an answer. */
void remote_tell(struct remote *remote, struct channel_message *message);

/* Messages that are no answers are handed to fn on that loop from here on, once the loop runs; NULL: the supervisor has
 * gone. Before the loop is freed comes remote_free. */
void remote_listen(struct remote *remote, struct plait_loop *loop, remote_fn *fn, void *arg);

#endif
