/* What a listener's configuration says to its sockets and connections. */
#ifndef NET_SETTINGS_H
#define NET_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

struct timeout_settings { /* milliseconds; 0: none */
	uint64_t handshake_ms;
	uint64_t idle_ms;
	uint64_t close_ms;
};

struct buffer_settings { /* bytes */
	uint64_t high;   /* of queued output: reading pauses above it */
	uint64_t low;    /* and goes on at or below it */
	uint64_t cap;    /* of queued output: the connection ends with overflow above it */
	uint64_t input;  /* of received bytes that the protocol leaves unread */
};

struct limit_settings { /* 0: none */
	int64_t connections;
	int64_t per_address;
};

struct socket_settings {
	int64_t backlog;
	bool nodelay;
	bool reuseaddr;
	bool v6only;
	struct {
		bool enabled;
		uint64_t idle_ms; /* whole seconds are used */
		uint64_t interval_ms;
		int64_t count;
	} keepalive;
	const char *mode; /* octal text, of a UNIX socket's file */
};

struct net_settings {
	struct timeout_settings timeouts;
	struct buffer_settings buffers;
	struct limit_settings limits;
	struct socket_settings socket;
};

#endif
