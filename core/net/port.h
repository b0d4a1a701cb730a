/* Datagram ports from the inside: one socket on one loop, read and written in batches. */
#ifndef NET_PORT_H
#define NET_PORT_H

#include <plait/port.h>

#include "core/net/factory.h"

struct datagram_batch;
void datagram_batch_free(struct datagram_batch **batch);

/* Takes the bound socket fd over, also when it fails (NULL: no memory). Main thread or the loop's. */
struct plait_port *port_new(struct plait_loop *loop, struct plait_factory *factory, int fd);

/* On the loop: begins to receive, ends for good. Both before port_free. */
void port_start(struct plait_port *port);
void port_stop(struct plait_port *port);

/* After port_stop, or when it was never started. */
void port_free(struct plait_port **port);

#endif
