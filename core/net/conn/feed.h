/* What feeds a connection's output besides its protocol's writes: a producer, and files. Its parts: feed.c,
 * producer.c, file.c. */
#ifndef NET_CONN_FEED_H
#define NET_CONN_FEED_H

#include <plait/producer.h>

#include "core/net/conn/conn.h"

/* What one turn may send of files, or ask of a producer, before the loop's other connections have theirs. */
#define FEED_BUDGET ((size_t)256 * 1024)

struct conn_file;

/* The connection's fed bit is set while there is a producer or a file. */
struct conn_feed {
	const struct plait_producer *producer; /* NULL: none */
	void *arg;
	uint64_t seen;                       /* pull: what was written when it was called last */
	bool paused;                         /* push: it was told so */
	bool dismissed;                      /* to be stopped: the connection takes no more from it */
	struct conn_file *files, *last_file; /* in the order of the stops in the output queue, one each */
	unsigned file_count;
};

/* Makes it; aborts when there is no memory. */
struct conn_feed *conn_feed_of(struct plait_conn *conn);

/* After the producer or the files have changed. */
void conn_feed_changed(struct plait_conn *conn);

/* producer.c */
void conn_call_producer(struct plait_conn *conn); /* what is due: one call */
bool conn_producer_due(const struct plait_conn *conn);
void conn_stop_producer(struct plait_conn *conn);

/* file.c */

/* With the stop of a file at the head of the output queue: sends some of it and counts *budget down, or ends it. False:
 * not now. */
bool conn_send_file(struct plait_conn *conn, size_t *budget);
void conn_drop_files(struct plait_conn *conn);

#endif
