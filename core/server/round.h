/* One call on every loop, and when all have returned and come to the end of their turns, one on the boss loop: what could still
 * be called in those turns, such as a watch whose event had come, can be freed then. */
#ifndef SERVER_ROUND_H
#define SERVER_ROUND_H

#include <plait/loop.h>

struct plait_reactor;

typedef void round_fn(struct plait_loop *loop, void *arg);

/* on_loop, which may be NULL, comes after all that was posted to that loop before. On the boss loop. Aborts when there is no
 * memory. */
void round_begin(struct plait_reactor *reactor, round_fn *on_loop, plait_call_fn *done, void *arg);

#endif
