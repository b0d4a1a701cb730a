/* The protocol of test_tls_clients.py: a line asks about the connection's TLS, a line answers. */
#include <inttypes.h>
#include <plait/plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(struct plait_conn *conn, const char *text)
{
	plait_write(conn, text, strlen(text));
	plait_write(conn, "\r\n", 2);
}

static void say_hex(struct plait_conn *conn, int result, const uint8_t *bytes, size_t len)
{
	char text[2 * PLAIT_TLS_EXPORT_MAX + 1] = "";
	for (size_t i = 0; i < len && result == 0; i++)
		snprintf(text + 2 * i, 3, "%02X", bytes[i]);
	if (result < 0)
		snprintf(text, sizeof(text), "error %d", result);
	say(conn, text);
}

static const char *or_none(const char *text)
{
	return text ? text : "none";
}

static void tell_tls(struct plait_conn *conn)
{
	const struct plait_tls *tls = plait_conn_tls(conn);
	char text[800];
	snprintf(text, sizeof(text), "%s %s %s %s %s %s", tls->version, tls->cipher, or_none(tls->group),
		 or_none(tls->server_name), or_none(tls->alpn), tls->resumed ? "resumed" : "full");
	say(conn, text);
}

static void tell_peer(struct plait_conn *conn)
{
	const struct plait_certificate *peer = plait_conn_certificate(conn);
	char text[8000];
	if (!peer) {
		say(conn, "none");
		return;
	}
	snprintf(text, sizeof(text), "%s|%s|%s|%s|%s|%" PRId64 "|%" PRId64,
		 peer->verified ? "verified" : "unverified", or_none(peer->subject), or_none(peer->issuer),
		 or_none(peer->serial), or_none(peer->fingerprint), peer->not_before, peer->not_after);
	say(conn, text);
}

/* "export LABEL LENGTH [CONTEXT]" */
static void export(struct plait_conn *conn, char *rest)
{
	uint8_t bytes[PLAIT_TLS_EXPORT_MAX];
	char *label = strsep(&rest, " "), *length = strsep(&rest, " ");
	size_t len = length ? strtoul(length, NULL, 10) : 0;
	say_hex(conn, plait_tls_export(conn, label, rest, rest ? strlen(rest) : 0, bytes, len), bytes, len);
}

static void tell_binding(struct plait_conn *conn)
{
	uint8_t bytes[PLAIT_TLS_BINDING_SIZE];
	say_hex(conn, plait_tls_binding(conn, bytes), bytes, sizeof(bytes));
}

static void ask_message(struct plait_conn *conn, const void *message, size_t len)
{
	char line[400] = "";
	memcpy(line, message, len < sizeof(line) ? len : sizeof(line) - 1);
	if (strcmp(line, "tls") == 0)
		tell_tls(conn);
	else if (strcmp(line, "peer") == 0)
		tell_peer(conn);
	else if (strcmp(line, "binding") == 0)
		tell_binding(conn);
	else if (strncmp(line, "export ", 7) == 0)
		export(conn, line + 7);
	else
		plait_close(conn);
}

PLAIT_PROTOCOL(tls_ask, .summary = "tells what it knows about its TLS", .framing = &plait_line_framing,
	       .message = ask_message);
