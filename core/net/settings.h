/* What a listener's configuration says to its sockets and connections, and the tables that read it. */
#ifndef NET_SETTINGS_H
#define NET_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <plait/option.h>

struct timeout_settings {     /* milliseconds; 0: none */
	uint64_t preamble_ms; /* of a PROXY header */
	uint64_t handshake_ms;
	uint64_t first_byte_ms;
	uint64_t idle_ms;
	uint64_t message_ms;
	uint64_t write_ms;
	uint64_t lifetime_ms;
	uint64_t close_ms;
};

struct buffer_settings { /* bytes */
	uint64_t high;   /* of queued output: reading pauses above it */
	uint64_t low;    /* and goes on at or below it */
	uint64_t cap;    /* of queued output: the connection ends with overflow above it */
	uint64_t input;  /* of received bytes that the protocol leaves unread */
};

enum limit_over { LIMIT_OVER_RESET, LIMIT_OVER_MESSAGE, LIMIT_OVER_WAIT };

struct prefix_settings {
	int64_t connections; /* of each; 0: any number */
	int64_t ipv4, ipv6;  /* bits */
};

struct limit_settings { /* 0: none */
	int64_t connections;
	int64_t per_address;
	int64_t handshakes; /* under way */
	int64_t overflow;   /* above `connections`, served by a protocol of their own; in no table */
	uint64_t read_rate; /* bytes a second, of all its connections together */
	uint64_t write_rate;
	uint64_t connection_read_rate; /* of each */
	uint64_t connection_write_rate;
	struct prefix_settings per_prefix;
	int64_t accept_rate, accept_burst; /* newcomers a second, and at once; a burst of 0 is the rate */
	int64_t address_rate, address_burst;
	int over;            /* enum limit_over: what becomes of newcomers above a limit */
	const char *message; /* for them */
};

struct keepalive_settings {
	bool enabled;
	uint64_t idle_ms; /* whole seconds are used */
	uint64_t interval_ms;
	int64_t count;
};

/* Of udp:// listeners. */
struct multicast_settings {
	struct plait_strings groups; /* to join, each perhaps with an interface behind it */
	int64_t ttl;
	bool loopback;
	const char *interface; /* to send through; NULL: the routing table's */
};

struct socket_settings {
	int64_t backlog;
	bool nodelay;
	bool reuseaddr;
	bool v6only;
	bool shared;    /* of datagram sockets: others may be bound to the same address */
	bool broadcast; /* likewise: may send to broadcast addresses */
	struct multicast_settings multicast;
	struct keepalive_settings keepalive;
	const char *mode; /* octal text, of a UNIX socket's file */
};

struct net_settings {
	struct timeout_settings timeouts;
	struct buffer_settings buffers;
	struct limit_settings limits;
	struct socket_settings socket;
	bool answered; /* the peer answers us, and may wait for us to read: we go on above the high mark */
};

extern const struct plait_option timeout_settings_table[], buffer_settings_table[], limit_settings_table[],
	socket_settings_table[];

/* The rows of a table whose struct has the net_settings as a member. */
#define NET_SETTINGS_ROWS(struct_, member_)                                                                  \
	PLAIT_OPTION_OBJECT("timeouts", struct_, member_.timeouts, timeout_settings_table,                   \
			    .doc = "How long things may take"),                                              \
		PLAIT_OPTION_OBJECT("buffers", struct_, member_.buffers, buffer_settings_table,              \
				    .doc = "How much may wait in memory for one connection"),                \
		PLAIT_OPTION_OBJECT("limits", struct_, member_.limits, limit_settings_table,                 \
				    .doc = "How many connections there may be"),                             \
		PLAIT_OPTION_OBJECT("socket", struct_, member_.socket, socket_settings_table,                \
				    .doc = "How the sockets are set up")

/* What a configuration that says nothing says. Any thread; static storage. */
const struct net_settings *net_settings_default(void);

#endif
