/* A connection to the server under test. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "core/bench/kind.h"

/* Connects; the kind's open is called when that is done. */
void client_open(struct client *client);

/* Closes it; the server sees a reset when there was unread input. */
void client_close(struct client *client);

/* The same, after our direction was ended in order, by the means of the transport. */
void client_end(struct client *client);

/* It is lost, and closed with a reset. When it is part of the run, in a way that the worker decides by its stage. */
void client_lost(struct client *client, enum bench_trouble trouble, const char *format, ...)
	PLAIT_PRINTF(3, 4);

/* Waits for a set of enum watch_interest. False: it cannot, and the client is lost. */
bool client_want(struct client *client, unsigned interest);

/* What the transport said when it failed. */
void client_broke(struct client *client);

/* The next n messages of the pattern are owed. */
static inline void client_owe(struct client *client, uint64_t n)
{
	size_t len = (size_t)n * client->worker->run->pattern.unit;
	client->owed += len;
	client->under_way += (uint32_t)n;
}

/* Sends what is owed. */
void client_flush(struct client *client);

/* For kinds on streams: reads, hands it to data, and sends what is owed then. */
void client_converse(struct client *client, unsigned ready);

/* Compares input with the pattern; false when it differs, and the client is lost then. */
bool client_verify(struct client *client, const uint8_t *bytes, size_t len);

/* A kind's data that expects none. */
void client_ignore(struct client *client, const uint8_t *bytes, size_t len);

#endif
