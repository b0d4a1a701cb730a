/* A protocol: what a plugin is. Fill the callbacks you need and name the struct with PLAIT_PROTOCOL. */
#ifndef PLAIT_PROTOCOL_H
#define PLAIT_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include <plait/abi.h>
#include <plait/addr.h>
#include <plait/conn.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/frame.h>
#include <plait/option.h>
#include <plait/port.h>
#include <plait/reason.h>

/* Every callback may be NULL. Those of a connection run on its loop, one at a time; none runs inside a call that
 * caused it. Members are only ever added at the end: an older plugin's are read as NULL. */
struct plait_protocol {
	struct plait_head head;

	const char *summary; /* one line for `plait plugins` */
	const char *version; /* the plugin's own; NULL: none */

	size_t conn_size;    /* of the state plait keeps for each connection */
	size_t factory_size; /* of the state plait keeps for each factory */

	const struct plait_option *options; /* ended by PLAIT_OPTION_END */
	size_t options_size;                /* sizeof the struct they fill */

	/* Once, after loading, and before unloading. init returns 0 or fills error. On the main thread. */
	int (*init)(struct plait_error *error);
	void (*fini)(void);

	/* A listener with this protocol comes and goes. start returns 0 or fills error, and the server does not
	 * start; stop comes after the last connection's lost. On the main thread; with plait_listen, and of a client,
	 * start is called on the thread that calls that. A client's stop is called on the loop, when nobody holds it
	 * and its connections have gone; with plait_port_open, both are called on the port's loop. */
	int (*factory_start)(struct plait_factory *factory, struct plait_error *error);
	void (*factory_stop)(struct plait_factory *factory);

	/* Twisted's buildProtocol: 0 takes the connection, anything else resets it (no further callback). Asked before a TLS
	 * handshake; where that decides on the protocol (a listener's alpn), after it, of the one that was chosen. */
	int (*accept)(struct plait_factory *factory, const struct plait_addr *peer);

	/* The connection is open; under TLS, after the handshake. The first callback of a connection. */
	void (*made)(struct plait_conn *conn);

	/* Bytes, len > 0. Returns how many were consumed; the rest comes again, with what follows it, when more has
	 * arrived. At most buffers.input bytes may wait like this. */
	size_t (*data)(struct plait_conn *conn, const void *data, size_t len);

	/* With a framing, whole messages come here instead; data then only gets what arrives in raw mode. */
	const struct plait_framing *framing;
	void (*message)(struct plait_conn *conn, const void *message, size_t len);

	/* A message longer than the framing allows begins at data; len bytes of it and of what follows are here.
	 * Returns how many bytes to drop (at most len), after which parsing goes on; or calls plait_frame_skip, and
	 * the return does not matter. 0 without that, or no callback: the connection closes with message-too-long. */
	size_t (*message_too_long)(struct plait_conn *conn, const void *data, size_t len);

	/* Output was above the high mark and has fallen to the low one: plait_conn_blocked was true, and is not. */
	void (*drained)(struct plait_conn *conn);

	/* The peer ended its direction; ours still works. Without this callback the connection closes after sending
	 * what is queued. */
	void (*eof)(struct plait_conn *conn);

	/* The server is stopping: finish what you owe the peer and plait_close. Without this callback the connection
	 * closes after sending what is queued; with it, it is aborted when drain_timeout has passed. */
	void (*draining)(struct plait_conn *conn);

	/* Exactly once for each made, and last. conn still answers questions, but takes nothing. */
	void (*lost)(struct plait_conn *conn, enum plait_reason reason);

	/* A datagram on a udp:// port; data is borrowed. len may be 0. */
	void (*datagram)(struct plait_port *port, const struct plait_addr *from, const void *data,
			 size_t len);

	/* The time that plait_set_timeout set has passed since then, or since the last plait_reset_timeout. Comes once;
	 * plait_set_timeout starts it again. Without this callback the connection closes with timeout-protocol. */
	void (*timed_out)(struct plait_conn *conn);

	size_t port_size; /* of the state plait keeps for each datagram port */

	/* Twisted's startProtocol and stopProtocol: the first and the last callback of a datagram port. stopped comes
	 * exactly once for each started; port still answers questions, but sends nothing. */
	void (*port_started)(struct plait_port *port);
	void (*port_stopped)(struct plait_port *port);

	/* Twisted's connectionRefused: a datagram of a connected port came to peer's host, and nothing listens there. */
	void (*refused)(struct plait_port *port, const struct plait_addr *peer);

	/* It may call plait_start_tls: then its tcp:// and unix: listeners can have a TLS context. */
	bool starts_tls;

	/* Twisted's handshakeCompleted: TLS has begun on a connection that plait_start_tls was called for. */
	void (*tls_started)(struct plait_conn *conn);
};

/* The symbol the loader looks for. */
#define PLAIT_PLUGIN_SYMBOL "plait_plugin"

/* A protocol of a program's or a test's own: static const struct plait_protocol echo = { PLAIT_PROTOCOL_HEAD("echo"),
 * .data = echo_data }; */
#define PLAIT_PROTOCOL_HEAD(name_)                                                                           \
	.head = { PLAIT_MAGIC,         PLAIT_ABI_MAJOR,                                                      \
		  PLAIT_ABI_MINOR,     sizeof(struct plait_protocol),                                        \
		  PLAIT_KIND_PROTOCOL, name_ }

/* PLAIT_PROTOCOL(echo, .summary = "...", .data = echo_data); once in a plugin, at file scope. */
#define PLAIT_PROTOCOL(name_, ...)                                                                           \
	PLAIT_EXPORT extern const struct plait_protocol plait_plugin;                                        \
	const struct plait_protocol plait_plugin = { PLAIT_PROTOCOL_HEAD(#name_), __VA_ARGS__ }

#endif
