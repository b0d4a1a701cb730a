/* What a listener's configuration can say about sockets and connections: keys, defaults, ranges, what each is for. */
#include "core/net/settings.h"

#include <pthread.h>

#include "core/base/option_defaults.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define DAY (24ll * 60 * MINUTE)
#define KIB 1024
#define MIB (1024 * KIB)
#define GIB (1024ll * MIB)

const struct plait_option timeout_settings_table[] = {
	PLAIT_OPTION_DURATION("preamble", struct timeout_settings, preamble_ms, .fallback = "5s", .min = 1,
			      .max = 10 * MINUTE, .doc = "How long a peer may take for its PROXY header"),
	PLAIT_OPTION_DURATION("handshake", struct timeout_settings, handshake_ms, .fallback = "10s", .min = 1,
			      .max = 10 * MINUTE, .doc = "How long a peer may take for its TLS handshake"),
	PLAIT_OPTION_DURATION(
		"first_byte", struct timeout_settings, first_byte_ms, .fallback = "0", .max = 365 * DAY,
		.doc = "How long a peer may take from when its connection is open until its first byte; 0 is "
		       "without end, for protocols in which a peer may only listen"),
	PLAIT_OPTION_DURATION(
		"idle", struct timeout_settings, idle_ms, .fallback = "10m", .max = 365 * DAY,
		.doc = "How long a connection may be silent in both directions before it is closed; 0 is "
		       "without end"),
	PLAIT_OPTION_DURATION(
		"message", struct timeout_settings, message_ms, .fallback = "1m", .max = 365 * DAY,
		.doc = "How long a peer may take from the first byte of a message to its last, however often bytes "
		       "come; without framing, for what the protocol leaves unread. Pauses of this side do not "
		       "count; 0 is without end"),
	PLAIT_OPTION_DURATION(
		"write", struct timeout_settings, write_ms, .fallback = "1m", .max = 365 * DAY,
		.doc = "How long a peer may take nothing of the output that waits for it before the connection is "
		       "aborted; a slow reader is not; 0 is without end"),
	PLAIT_OPTION_DURATION(
		"lifetime", struct timeout_settings, lifetime_ms, .fallback = "0", .max = 365 * DAY,
		.doc = "How long a connection may be open before it is ended in order, as when the server stops: "
		       "the protocol is told, and has half a minute; 0 is without end"),
	PLAIT_OPTION_DURATION(
		"close", struct timeout_settings, close_ms, .fallback = "5s", .min = 1, .max = 10 * MINUTE,
		.doc = "How long a closing connection may go without taking any of the output it is still "
		       "owed before it is aborted"),
	PLAIT_OPTION_END,
};

const struct plait_option buffer_settings_table[] = {
	PLAIT_OPTION_SIZE("high", struct buffer_settings, high, .fallback = "64k", .min = 1, .max = 16 * GIB,
			  .doc = "The queued output above which plait stops reading from that connection"),
	PLAIT_OPTION_SIZE("low", struct buffer_settings, low, .fallback = "16k", .min = 0, .max = 16 * GIB,
			  .doc = "The queued output at which reading goes on; less than high"),
	PLAIT_OPTION_SIZE(
		"cap", struct buffer_settings, cap, .fallback = "16m", .min = 1, .max = 16 * GIB,
		.doc = "The queued output that ends the connection when it would be exceeded; at least 64k "
		       "more than high"),
	PLAIT_OPTION_SIZE(
		"input", struct buffer_settings, input, .fallback = "1m", .min = 1, .max = GIB,
		.doc = "How many received bytes a protocol without framing may leave waiting for more; a framing "
		       "has bounds of its own"),
	PLAIT_OPTION_END,
};

static const struct plait_choice over_choices[] = {
	{ "reset", LIMIT_OVER_RESET, "the connection is reset" },
	{ "message", LIMIT_OVER_MESSAGE, "over_message is sent, then the connection is closed" },
	{ "wait", LIMIT_OVER_WAIT,
	  "newcomers stay in the backlog until there is room; who is above a limit of an address or a block is "
	  "reset, for only accepting tells where one comes from" },
	{ 0 },
};

static const struct plait_option prefix_table[] = {
	PLAIT_OPTION_INT("connections", struct prefix_settings, connections, .fallback = "0", .min = 0,
			 .max = 10000000,
			 .doc = "How many connections may come from one block; 0 is without limit"),
	PLAIT_OPTION_INT("ipv4", struct prefix_settings, ipv4, .fallback = "24", .min = 1, .max = 32,
			 .doc = "How many bits the addresses of a block of IPv4 have in common"),
	PLAIT_OPTION_INT(
		"ipv6", struct prefix_settings, ipv6, .fallback = "64", .min = 1, .max = 128,
		.doc = "How many bits the addresses of a block of IPv6 have in common; a customer's line "
		       "often has all of a /64 or a /56"),
	PLAIT_OPTION_END,
};

const struct plait_option limit_settings_table[] = {
	PLAIT_OPTION_INT("connections", struct limit_settings, connections, .fallback = "10000", .min = 0,
			 .max = 10000000,
			 .doc = "How many connections the listener has at one time; 0 is without limit"),
	PLAIT_OPTION_INT("per_address", struct limit_settings, per_address, .fallback = "0", .min = 0,
			 .max = 10000000,
			 .doc = "How many of them may come from one address; 0 is without limit"),
	PLAIT_OPTION_INT(
		"handshakes", struct limit_settings, handshakes, .fallback = "1000", .min = 0,
		.max = 10000000,
		.doc = "How many TLS handshakes may be under way at one time, and PROXY headers that have "
		       "not come; who comes then is refused; 0 is without limit"),
	PLAIT_OPTION_SIZE(
		"read_rate", struct limit_settings, read_rate, .fallback = "0", .max = 16 * GIB,
		.doc = "How many bytes a second are read from all of the listener's connections together; over it "
		       "reading pauses until the average is right, and nothing is lost; 0 is without limit"),
	PLAIT_OPTION_SIZE(
		"write_rate", struct limit_settings, write_rate, .fallback = "0", .max = 16 * GIB,
		.doc = "How many bytes a second are written to all of them together; over it producers and reading "
		       "pause, as above the high mark; 0 is without limit"),
	PLAIT_OPTION_SIZE(
		"connection_read_rate", struct limit_settings, connection_read_rate, .fallback = "0",
		.max = 16 * GIB,
		.doc = "How many bytes a second are read from each of them; a second's worth may come at once; 0 is "
		       "without limit"),
	PLAIT_OPTION_SIZE("connection_write_rate", struct limit_settings, connection_write_rate,
			  .fallback = "0", .max = 16 * GIB,
			  .doc = "How many bytes a second are written to each of them; 0 is without limit"),
	PLAIT_OPTION_OBJECT("per_prefix", struct limit_settings, per_prefix, prefix_table,
			    .doc = "How many connections may come from one block of addresses"),
	PLAIT_OPTION_INT("accept_rate", struct limit_settings, accept_rate, .fallback = "0", .min = 0,
			 .max = 1000000,
			 .doc = "How many new connections the listener takes a second; 0 is without limit"),
	PLAIT_OPTION_INT("accept_burst", struct limit_settings, accept_burst, .fallback = "0", .min = 0,
			 .max = 1000000,
			 .doc = "How many of them may come at once, after a while without; 0 is accept_rate"),
	PLAIT_OPTION_INT("address_rate", struct limit_settings, address_rate, .fallback = "0", .min = 0,
			 .max = 1000000,
			 .doc = "How many new connections one address may make a second; 0 is without limit"),
	PLAIT_OPTION_INT(
		"address_burst", struct limit_settings, address_burst, .fallback = "0", .min = 0,
		.max = 1000000,
		.doc = "How many of them it may make at once, after a while without; 0 is address_rate"),
	PLAIT_OPTION_CHOICE("over", struct limit_settings, over, over_choices, .fallback = "reset",
			    .doc = "What becomes of newcomers above one of these limits"),
	PLAIT_OPTION_STRING("over_message", struct limit_settings, message, .min = 1, .max = 4096,
			    .doc = "What they are sent when over is \"message\""),
	PLAIT_OPTION_END,
};

static const struct plait_option keepalive_table[] = {
	PLAIT_OPTION_BOOL("enabled", struct keepalive_settings, enabled, .fallback = "true",
			  .doc = "Whether the kernel asks silent TCP peers if they are still there"),
	PLAIT_OPTION_DURATION(
		"idle", struct keepalive_settings, idle_ms, .fallback = "5m", .min = SECOND,
		.max = 9 * 60 * MINUTE,
		.doc = "How long a peer is silent before it is asked, rounded up to whole seconds"),
	PLAIT_OPTION_DURATION("interval", struct keepalive_settings, interval_ms, .fallback = "30s",
			      .min = SECOND, .max = 9 * 60 * MINUTE,
			      .doc = "How long to wait between two questions, rounded up to whole seconds"),
	PLAIT_OPTION_INT("count", struct keepalive_settings, count, .fallback = "4", .min = 1, .max = 127,
			 .doc = "How many questions without an answer end the connection"),
	PLAIT_OPTION_END,
};

static const struct plait_option multicast_table[] = {
	PLAIT_OPTION_STRINGS(
		"groups", struct multicast_settings, groups, .max = 256,
		.doc = "The groups to hear, such as \"239.1.2.3\", \"ff02::123\" or, on one "
		       "interface, \"ff02::123%eth0\"; the listener is bound to 0.0.0.0 or [::]"),
	PLAIT_OPTION_INT("ttl", struct multicast_settings, ttl, .fallback = "1", .min = 0, .max = 255,
			 .doc = "How far datagrams to groups go: 0 stays on this host, 1 on this network"),
	PLAIT_OPTION_BOOL("loopback", struct multicast_settings, loopback, .fallback = "true",
			  .doc = "Whether this host hears what it sends to groups itself"),
	PLAIT_OPTION_STRING(
		"interface", struct multicast_settings, interface, .min = 1, .max = 64,
		.doc = "Through which interface datagrams to groups leave: its name, number or address; without "
		       "it, the routing table says"),
	PLAIT_OPTION_END,
};

const struct plait_option socket_settings_table[] = {
	PLAIT_OPTION_INT("backlog", struct socket_settings, backlog, .fallback = "4096", .min = 1,
			 .max = 65535,
			 .doc = "How many connections the kernel holds ready until plait accepts them"),
	PLAIT_OPTION_BOOL(
		"nodelay", struct socket_settings, nodelay, .fallback = "true",
		.doc = "Whether small writes leave at once (TCP_NODELAY) instead of waiting to be joined"),
	PLAIT_OPTION_BOOL(
		"reuseaddr", struct socket_settings, reuseaddr, .fallback = "true",
		.doc = "Whether a port can be bound while old connections of it linger (SO_REUSEADDR)"),
	PLAIT_OPTION_BOOL("v6only", struct socket_settings, v6only, .fallback = "false",
			  .doc = "Whether a listener on [::] leaves IPv4 out"),
	PLAIT_OPTION_BOOL(
		"shared", struct socket_settings, shared, .fallback = "false",
		.doc = "Whether other sockets may be bound to the address of a udp:// listener; what is sent to a "
		       "group reaches each, anything else one of them"),
	PLAIT_OPTION_BOOL("broadcast", struct socket_settings, broadcast, .fallback = "false",
			  .doc = "Whether a udp:// listener may send to broadcast addresses"),
	PLAIT_OPTION_OBJECT("multicast", struct socket_settings, multicast, multicast_table,
			    .doc = "What a udp:// listener hears and sends of multicast"),
	PLAIT_OPTION_OBJECT("keepalive", struct socket_settings, keepalive, keepalive_table,
			    .doc = "Finding TCP peers that vanished"),
	PLAIT_OPTION_STRING("mode", struct socket_settings, mode, .fallback = "0660", .min = 3, .max = 4,
			    .doc = "The permissions of a UNIX socket's file, an octal number in quotes"),
	PLAIT_OPTION_END,
};

static struct defaults {
	struct net_settings settings;
} defaults;

static void fill_defaults(void)
{
	static const struct plait_option table[] = {
		NET_SETTINGS_ROWS(struct defaults, settings),
		PLAIT_OPTION_END,
	};
	option_defaults(table, &defaults);
}

const struct net_settings *net_settings_default(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fill_defaults);
	return &defaults.settings;
}
