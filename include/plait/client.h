/* Clients: connections that a program opens. An endpoint says where to, and how:
 *
 *   tcp://HOST:PORT   tls://HOST:PORT   unix:/PATH   unix:@NAME
 *
 * with options behind a "?", "&" between them: "tls://example.org:443?timeout=5s&ca=roots.pem&alpn=h2,http/1.1". They are
 *
 *   all      timeout (of connecting in all: 30s), idle (0: without end), close (5s)
 *   tcp, tls bind (our address, one of each family), stagger (250ms), attempts (8 addresses), nodelay, keepalive (yes, no)
 *   tls      ca (a PEM file; else the system's), name (else the host), verify (yes, no), alpn, certificate, key,
 *            resume (yes, no), handshake (10s)
 *
 * and stand above the members of struct plait_client_options. Any byte can be written as %XX. A host's addresses are tried
 * side by side, after RFC 8305. */
#ifndef PLAIT_CLIENT_H
#define PLAIT_CLIENT_H

#include <stdint.h>

#include <plait/abi.h>
#include <plait/conn.h>
#include <plait/deferred.h>
#include <plait/error.h>
#include <plait/loop.h>
#include <plait/protocol.h>
#include <plait/proxy.h>

/* Zero is the default of each. */
struct plait_client_options {
	const char *name;    /* in the log; NULL: the endpoint */
	const void *options; /* what the protocol's option table would fill, borrowed; NULL: its defaults */
	uint64_t timeout_ms, stagger_ms;
	unsigned attempts;
	uint64_t handshake_timeout_ms, idle_timeout_ms, close_timeout_ms;
	uint64_t buffer_high, buffer_low, buffer_cap, buffer_input; /* bytes */

	/* The PROXY header that each connection begins with, before TLS; NULL: none. Copied. Only for servers that expect
	 * one. */
	const struct plait_proxy_send *proxy;
};

/* A connection. The Deferred's value is the struct plait_conn *, after its made callback: under TLS, after the handshake.
 * It is good until its lost callback has returned, so take it in a callback of the Deferred. The failure names each address
 * that was tried, and why it was in vain: PLAIT_ERROR_INVALID the endpoint or a file, PLAIT_ERROR_MISSING the name,
 * PLAIT_ERROR_SYSTEM the kernel's no, PLAIT_ERROR_TIMEOUT, PLAIT_ERROR_REFUSED the certificate or the protocol's accept,
 * PLAIT_ERROR_CLOSING the loop is stopping. Cancel ends the attempt. protocol, which has its head from PLAIT_PROTOCOL_HEAD, must
 * outlive the loop. On the loop. */
PLAIT_EXPORT struct plait_deferred *plait_connect(struct plait_loop *loop, const char *endpoint,
						  const struct plait_protocol *protocol,
						  const struct plait_client_options *options);

/* A connector: one connection at a time, as often as it is told to. Its calls are good on any thread, several at once: they
 * take effect on its loop, soon, in the order in which a thread made them. */
struct plait_connector;

enum plait_connector_state {
	PLAIT_CONNECTOR_DISCONNECTED,
	PLAIT_CONNECTOR_CONNECTING,
	PLAIT_CONNECTOR_CONNECTED,
};

/* On its loop, none inside a call of the connector; each may be NULL. Connecting again from failed and lost is fine. */
struct plait_connector_callbacks {
	void (*started)(struct plait_connector *connector, void *arg); /* it connects from here on */
	void (*connected)(struct plait_connector *connector, struct plait_conn *conn,
			  void *arg); /* after made */
	void (*failed)(struct plait_connector *connector, struct plait_failure *failure,
		       void *arg); /* borrowed */
	void (*lost)(struct plait_connector *connector, enum plait_reason reason,
		     void *arg); /* after the protocol's */
};

/* One reference is the caller's. callbacks and options may be NULL, and are copied. Reads certificates, and calls
 * factory_start. NULL with error filled. Any thread. */
PLAIT_EXPORT struct plait_connector *plait_connector_new(struct plait_loop *loop, const char *endpoint,
							 const struct plait_protocol *protocol,
							 const struct plait_client_options *options,
							 const struct plait_connector_callbacks *callbacks,
							 void *arg, struct plait_error *error);

/* A connector that connects or is connected holds on to itself; the loop outlives it. */
PLAIT_EXPORT struct plait_connector *plait_connector_ref(struct plait_connector *connector);
PLAIT_EXPORT void plait_connector_unref(struct plait_connector **connector);

/* Begins to connect; a connector that does so already, or is connected, goes on as it is. */
PLAIT_EXPORT void plait_connector_connect(struct plait_connector *connector);

/* Ends an attempt: failed is called, with PLAIT_ERROR_CANCELLED. Of any other state: nothing. */
PLAIT_EXPORT void plait_connector_stop_connecting(struct plait_connector *connector);

/* Ends an attempt, too; or closes the connection as plait_close does. */
PLAIT_EXPORT void plait_connector_disconnect(struct plait_connector *connector);

/* As of the moment: on another thread than the loop's it may have changed since. */
PLAIT_EXPORT enum plait_connector_state plait_connector_state(const struct plait_connector *connector);

/* The connection, or NULL. On the loop. */
PLAIT_EXPORT struct plait_conn *plait_connector_conn(const struct plait_connector *connector);

/* The endpoint without its options. Lives as long as the connector. Any thread. */
PLAIT_EXPORT const char *plait_connector_endpoint(const struct plait_connector *connector);

#endif
