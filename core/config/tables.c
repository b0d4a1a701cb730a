/* The option tables of the configuration file: keys, types, defaults, ranges, and what each is for. */
#include "core/config/config.h"

static const struct plait_choice accept_choices[] = {
	{ "least-loaded", CONFIG_ACCEPT_LEAST_LOADED,
	  "one socket; each connection goes to the loop that has the fewest" },
	{ "reuseport", CONFIG_ACCEPT_REUSEPORT,
	  "a socket on each loop; the kernel spreads connections over them" },
	{ 0 },
};

static const struct plait_choice thread_choices[] = {
	{ "auto", 0, "one for each processor" },
	{ 0 },
};

static const struct plait_choice level_choices[] = {
	{ "error", PLAIT_LOG_ERROR, "what failed" },
	{ "warning", PLAIT_LOG_WARNING, "and what may fail next" },
	{ "info", PLAIT_LOG_INFO, "and what happens" },
	{ "debug", PLAIT_LOG_DEBUG, "and every step of it" },
	{ 0 },
};

static const struct plait_choice format_choices[] = {
	{ "human", LOG_HUMAN, "lines for people" },
	{ "json", LOG_JSON, "one JSON object a line" },
	{ 0 },
};

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define DAY (24ll * 60 * MINUTE)
#define KIB 1024
#define MIB (1024 * KIB)
#define GIB (1024ll * MIB)

static const struct plait_option log_table[] = {
	PLAIT_OPTION_CHOICE("level", struct config, log.level, level_choices, .fallback = "info",
			    .doc = "The least weight a line must have to be written"),
	PLAIT_OPTION_CHOICE("format", struct config, log.format, format_choices, .fallback = "human",
			    .doc = "How lines look: for people, or one JSON object each for programs"),
	PLAIT_OPTION_END,
};

static const struct plait_option tls_table[] = {
	PLAIT_OPTION_PATH(
		"certificate", struct tls_config, certificate, .required = true,
		.doc = "The PEM file with the server's certificate first and the rest of its chain after it"),
	PLAIT_OPTION_PATH("key", struct tls_config, key, .required = true,
			  .doc = "The PEM file with the certificate's private key"),
	PLAIT_OPTION_END,
};

static const struct plait_option timeouts_table[] = {
	PLAIT_OPTION_DURATION("handshake", struct timeout_settings, handshake_ms, .fallback = "10s", .min = 1,
			      .max = 10 * MINUTE, .doc = "How long a peer may take for its TLS handshake"),
	PLAIT_OPTION_DURATION(
		"idle", struct timeout_settings, idle_ms, .fallback = "10m", .max = 365 * DAY,
		.doc = "How long a connection may be silent in both directions before it is closed; 0 is "
		       "without end"),
	PLAIT_OPTION_DURATION(
		"close", struct timeout_settings, close_ms, .fallback = "5s", .min = 1, .max = 10 * MINUTE,
		.doc = "How long a closing connection may go without taking any of the output it is still "
		       "owed before it is aborted"),
	PLAIT_OPTION_END,
};

static const struct plait_option buffers_table[] = {
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

static const struct plait_option limits_table[] = {
	PLAIT_OPTION_INT("connections", struct limit_settings, connections, .fallback = "10000", .min = 0,
			 .max = 10000000,
			 .doc = "How many connections the listener has at one time; 0 is without limit"),
	PLAIT_OPTION_INT("per_address", struct limit_settings, per_address, .fallback = "0", .min = 0,
			 .max = 10000000,
			 .doc = "How many of them may come from one address; 0 is without limit"),
	PLAIT_OPTION_END,
};

static const struct plait_option keepalive_table[] = {
	PLAIT_OPTION_BOOL("enabled", struct socket_settings, keepalive.enabled, .fallback = "true",
			  .doc = "Whether the kernel asks silent TCP peers if they are still there"),
	PLAIT_OPTION_DURATION(
		"idle", struct socket_settings, keepalive.idle_ms, .fallback = "5m", .min = SECOND,
		.max = 9 * 60 * MINUTE,
		.doc = "How long a peer is silent before it is asked, rounded up to whole seconds"),
	PLAIT_OPTION_DURATION("interval", struct socket_settings, keepalive.interval_ms, .fallback = "30s",
			      .min = SECOND, .max = 9 * 60 * MINUTE,
			      .doc = "How long to wait between two questions, rounded up to whole seconds"),
	PLAIT_OPTION_INT("count", struct socket_settings, keepalive.count, .fallback = "4", .min = 1,
			 .max = 127, .doc = "How many questions without an answer end the connection"),
	PLAIT_OPTION_END,
};

/* Objects without a struct of their own fill the one that is around them: offset 0, its size. */
#define PART(key_, struct_, table_, ...)                                                                     \
	{                                                                                                    \
		.type = PLAIT_OPTION_TYPE_OBJECT, .key = (key_), .table = (table_),                          \
		.table_size = sizeof(struct_), __VA_ARGS__                                                   \
	}

static const struct plait_option socket_table[] = {
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
	PART("keepalive", struct socket_settings, keepalive_table, .doc = "Finding TCP peers that vanished"),
	PLAIT_OPTION_STRING("mode", struct socket_settings, mode, .fallback = "0660", .min = 3, .max = 4,
			    .doc = "The permissions of a UNIX socket's file, an octal number in quotes"),
	PLAIT_OPTION_END,
};

static const struct plait_option listener_table[] = {
	PLAIT_OPTION_STRING(
		"name", struct listener_config, name, .required = true, .min = 1, .max = 64,
		.doc = "What logs and errors call the listener: letters, digits, dots, \"_\" and \"-\"; no two "
		       "have the same"),
	PLAIT_OPTION_STRING(
		"bind", struct listener_config, bind, .required = true, .min = 1, .max = 512,
		.doc = "Where it listens: tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT, unix:/PATH or "
		       "unix:@NAME; the host \"*\" is every address, the port 0 a free one"),
	PLAIT_OPTION_STRING("protocol", struct listener_config, protocol, .required = true, .min = 1,
			    .max = 64, .doc = "The protocol it speaks, one of those that the plugins bring"),
	PLAIT_OPTION_STRING(
		"tls", struct listener_config, tls, .min = 1, .max = 255,
		.doc = "The TLS context of a tls:// listener, a name from the top level's tls; without it, the "
		       "one named \"default\""),
	{ .type = PLAIT_OPTION_TYPE_ANY,
	  .key = "options",
	  .doc = "The protocol's own options; see the section of the protocol" },
	PLAIT_OPTION_OBJECT("timeouts", struct listener_config, net.timeouts, timeouts_table,
			    .doc = "How long things may take"),
	PLAIT_OPTION_OBJECT("buffers", struct listener_config, net.buffers, buffers_table,
			    .doc = "How much may wait in memory for one connection"),
	PLAIT_OPTION_OBJECT("limits", struct listener_config, net.limits, limits_table,
			    .doc = "How many connections there may be"),
	PLAIT_OPTION_OBJECT("socket", struct listener_config, net.socket, socket_table,
			    .doc = "How the sockets are set up"),
	PLAIT_OPTION_END,
};

const struct plait_option config_table[] = {
	PLAIT_OPTION_INT("threads", struct config, threads, .fallback = "auto", .min = 1, .max = 256,
			 .choices = thread_choices,
			 .doc = "How many event loops serve, each on a thread of its own"),
	PLAIT_OPTION_CHOICE("accept", struct config, accept, accept_choices, .fallback = "least-loaded",
			    .doc = "How new connections find their loop"),
	PLAIT_OPTION_STRINGS(
		"plugins", struct config, plugins, .max = 256,
		.doc = "The plugins to load: names to look up in plugin_path, or paths, which hold a slash"),
	PLAIT_OPTION_STRINGS("plugin_path", struct config, plugin_path, .max = 64,
			     .doc = "Folders to look for plugins in before the ones plait knows"),
	PART("log", struct config, log_table, .doc = "What is written to standard error"),
	PLAIT_OPTION_DURATION(
		"drain_timeout", struct config, drain_timeout_ms, .fallback = "30s", .max = DAY,
		.doc = "How long connections may take to finish when the server stops; then they are "
		       "aborted"),
	PLAIT_OPTION_MAP("tls", struct config, tls, tls_table, struct tls_config, .max = 1024,
			 .doc = "TLS contexts, each under a name that listeners use"),
	PLAIT_OPTION_LIST("listeners", struct config, listeners, listener_table, struct listener_config,
			  .required = true, .min = 1, .max = 4096,
			  .doc = "Where the server listens, and what it speaks there"),
	PLAIT_OPTION_END,
};
