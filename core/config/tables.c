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

static const struct plait_choice watchdog_choices[] = {
	{ "off", 0, "however long" },
	{ 0 },
};

static const struct plait_choice sandbox_choices[] = {
	{ "off", CONFIG_SANDBOX_OFF, "no" },
	{ "on", CONFIG_SANDBOX_ON, "yes; where the system cannot, a warning says so" },
	{ "required", CONFIG_SANDBOX_REQUIRED, "yes; where the system cannot, the server does not start" },
	{ 0 },
};

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define DAY (24ll * 60 * MINUTE)

static const struct plait_option log_table[] = {
	PLAIT_OPTION_CHOICE("level", struct config, log.level, level_choices, .fallback = "info",
			    .doc = "The least weight a line must have to be written"),
	PLAIT_OPTION_CHOICE("format", struct config, log.format, format_choices, .fallback = "human",
			    .doc = "How lines look: for people, or one JSON object each for programs"),
	PLAIT_OPTION_END,
};

static const struct plait_choice buffered_choices[] = {
	{ "auto", -1, "a quarter of the machine's memory, or of the control group's" },
	{ 0 },
};

static const struct plait_option limits_table[] = {
	PLAIT_OPTION_INT(
		"connections", struct config, limits.connections, .fallback = "0", .min = 0, .max = 10000000,
		.doc = "How many connections all listeners have together at one time; each listener's "
		       "limits.over says what becomes of who comes then; 0 is without limit"),
	PLAIT_OPTION_SIZE(
		"buffered", struct config, limits.buffered, .fallback = "auto", .min = 0, .max = INT64_MAX,
		.choices = buffered_choices,
		.doc = "How many bytes are held for all peers together: input that protocols have left, "
		       "and output that peers have not taken. Above it the connections that hold the "
		       "most are closed (shed); 0 is without limit"),
	PLAIT_OPTION_END,
};

static const struct plait_option sandbox_table[] = {
	PLAIT_OPTION_CHOICE(
		"landlock", struct sandbox_config, landlock, sandbox_choices, .fallback = "off",
		.doc = "Whether the server reaches only the files that it needs: those that the configuration names "
		       "with what else is in their folders, the system's libraries, certificates and lists of names"),
	PLAIT_OPTION_STRINGS("read", struct sandbox_config, read, .max = 256,
			     .doc = "Files and folders that plugins read besides, or run programs from"),
	PLAIT_OPTION_STRINGS("write", struct sandbox_config, write, .max = 256,
			     .doc = "Files and folders that plugins write to, and all else"),
	PLAIT_OPTION_CHOICE(
		"seccomp", struct sandbox_config, seccomp, sandbox_choices, .fallback = "off",
		.doc = "Whether the server makes only the system calls that servers need; others fail, and the log "
		       "names them"),
	PLAIT_OPTION_STRINGS(
		"syscalls", struct sandbox_config, syscalls, .max = 256,
		.doc = "System calls that plugins make besides, by name or number; \"@spawn\" stands for those that "
		       "run other programs"),
	PLAIT_OPTION_END,
};

/* Objects without a struct of their own fill the one that is around them: offset 0, its size. */
#define PART(key_, struct_, table_, ...)                                                                     \
	{                                                                                                    \
		.type = PLAIT_OPTION_TYPE_OBJECT, .key = (key_), .table = (table_),                          \
		.table_size = sizeof(struct_), __VA_ARGS__                                                   \
	}

static const struct plait_option overflow_table[] = {
	PLAIT_OPTION_STRING(
		"protocol", struct overflow_config, protocol, .min = 1, .max = 64,
		.doc = "The protocol that serves them, one of those that the plugins bring; required"),
	{ .type = PLAIT_OPTION_TYPE_ANY,
	  .key = "options",
	  .doc = "That protocol's own options; see the section of the protocol" },
	PLAIT_OPTION_INT("connections", struct overflow_config, connections, .fallback = "100", .min = 1,
			 .max = 10000000,
			 .doc = "How many of them there may be at one time; who comes then is refused"),
	PLAIT_OPTION_END,
};

static const struct plait_option alpn_table[] = {
	PLAIT_OPTION_STRING("protocol", struct alpn_config, protocol, .required = true, .min = 1, .max = 64,
			    .doc = "The protocol that clients get, one of those that the plugins bring"),
	{ .type = PLAIT_OPTION_TYPE_ANY,
	  .key = "options",
	  .doc = "That protocol's own options; see the section of the protocol" },
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
		       "one named \"default\". Of a tcp:// or unix: listener whose protocol begins TLS itself "
		       "(STARTTLS), too; without it, there is none"),
	PLAIT_OPTION_TEXTS(
		"server_names", struct listener_config, server_names, .min = 1, .max = 65536,
		.doc = "Names that clients ask for (SNI), each with the TLS context that it gets: host names, or "
		       "\"*.b.example\" for all that have one label before it; a name itself comes before the "
		       "\"*\" that would cover it, and all others get the listener's tls"),
	PLAIT_OPTION_BOOL(
		"strict_sni", struct listener_config, strict_sni, .fallback = "false",
		.doc = "Whether clients who ask for none of server_names, or for no name at all, are refused"),
	PLAIT_OPTION_MAP(
		"alpn", struct listener_config, alpn, alpn_table, struct alpn_config, .min = 1, .max = 64,
		.doc = "Protocols that clients choose from in the TLS handshake (ALPN), each under the name that "
		       "they offer, the most wanted first; who offers none of these is refused, who offers "
		       "nothing at all gets the listener's protocol"),
	{ .type = PLAIT_OPTION_TYPE_ANY,
	  .key = "options",
	  .doc = "The protocol's own options; see the section of the protocol" },
	PLAIT_OPTION_STRINGS(
		"deny", struct listener_config, deny, .min = 1, .max = 65536,
		.doc = "Addresses that may not come, whatever allow says: blocks such as \"192.0.2.0/24\", "
		       "\"2001:db8::/32\", \"192.0.2.1\" or \"all\", and \"file:PATH\" with a block a line and "
		       "comments behind \"#\"; the first block that holds an address counts, and \"!\" before it "
		       "makes it an exception. Who is refused is reset before a byte is read; datagrams are dropped"),
	PLAIT_OPTION_STRINGS(
		"allow", struct listener_config, allow, .min = 1, .max = 65536,
		.doc = "Addresses that may come, written like those of deny; where the key is there, "
		       "nobody else may"),
	NET_SETTINGS_ROWS(struct listener_config, net),
	PLAIT_OPTION_OBJECT(
		"proxy_protocol", struct listener_config, proxy, proxy_settings_table,
		.doc = "What is believed of where connections come from that a proxy hands on (HAProxy's PROXY "
		       "protocol); of tcp://, tls:// and unix: listeners"),
	PLAIT_OPTION_OBJECT(
		"overflow", struct listener_config, overflow, overflow_table,
		.doc = "What serves the connections above limits.connections; without it they are "
		       "refused"),
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
	PART("limits", struct config, limits_table, .doc = "What the server takes in all"),
	PART("log", struct config, log_table, .doc = "What is written to standard error"),
	PLAIT_OPTION_DURATION(
		"drain_timeout", struct config, drain_timeout_ms, .fallback = "30s", .max = DAY,
		.doc = "How long connections may take to finish when the server stops; then they are "
		       "aborted"),
	PLAIT_OPTION_BOOL(
		"supervise", struct config, supervise, .fallback = "true",
		.doc = "Whether a small parent process holds the listening sockets and replaces the process that "
		       "serves when that crashes or hangs; without it one process does all, and is gone with a crash"),
	PLAIT_OPTION_DURATION(
		"watchdog", struct config, watchdog_ms, .fallback = "3s", .min = 100, .max = DAY,
		.choices = watchdog_choices,
		.doc = "How long a loop of the serving process may stand still, as in a callback that does not "
		       "return, before the supervisor ends and replaces that process"),
	PLAIT_OPTION_STRING(
		"user", struct config, user, .min = 1, .max = 256,
		.doc = "The user, by name or number, that the server becomes when it has bound its sockets and read "
		       "its keys as root; it then has no privileges, and no way to any. Without it, the server stays "
		       "who started it"),
	PLAIT_OPTION_STRING(
		"group", struct config, group, .min = 1, .max = 256,
		.doc = "The group that it is in then, by name or number; without it, the user's own"),
	PLAIT_OPTION_STRING(
		"umask", struct config, umask, .min = 1, .max = 5,
		.doc = "The permissions that files it makes do not get, in octal; without it, \"027\" and what it was "
		       "started with where there is a user or a sandbox, else only the latter"),
	PLAIT_OPTION_BOOL(
		"core_dumps", struct config, core_dumps, .fallback = "false",
		.doc = "Whether a server with a user or a sandbox may leave core files, which hold its keys, and be "
		       "looked into by other processes of its user"),
	PLAIT_OPTION_OBJECT(
		"sandbox", struct config, sandbox, sandbox_table,
		.doc = "What the kernel keeps the server from, so that who takes it over gains little"),
	PLAIT_OPTION_PATH(
		"control", struct config, control, .min = 1, .max = 4096,
		.doc = "The UNIX socket that plait status, reload and the like talk to the server through; only "
		       "root and the server's own user may. Without it, there is none"),
	PLAIT_OPTION_MAP("tls", struct config, tls, tls_settings_table, struct tls_config, .max = 1024,
			 .doc = "TLS contexts, each under a name that listeners use"),
	PLAIT_OPTION_LIST("listeners", struct config, listeners, listener_table, struct listener_config,
			  .required = true, .min = 1, .max = 4096,
			  .doc = "Where the server listens, and what it speaks there"),
	PLAIT_OPTION_END,
};
