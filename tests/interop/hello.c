/* The protocol of the table of clients: answers each line, or an HTTP request, with what TLS agreed on. */
#include <plait/plait.h>

#include <stdio.h>
#include <string.h>

struct hello {
	bool http; /* the lines of a request are coming, up to an empty one */
};

/* One line that clients.py reads. */
static int describe(struct plait_conn *conn, char *text, size_t size)
{
	const struct plait_tls *tls = plait_conn_tls(conn);
	if (!tls)
		return snprintf(text, size, "hello plain\n");
	const struct plait_certificate *certificate = plait_conn_certificate(conn);
	return snprintf(text, size, "hello %s %s %s %s\n", tls->version, tls->cipher,
			tls->resumed ? "resumed" : "full",
			certificate && certificate->verified && certificate->subject ? certificate->subject
										     : "-");
}

static const struct plait_line either = { .max_length = 4096 }; /* CRLF or LF */

static void hello_made(struct plait_conn *conn)
{
	plait_set_framing(conn, &plait_line_framing, &either);
}

static void hello_message(struct plait_conn *conn, const void *line, size_t len)
{
	struct hello *hello = plait_conn_state(conn);
	if (!hello->http && len > 4 && !memcmp(line, "GET ", 4)) {
		hello->http = true;
		return;
	}
	if (hello->http && len > 0)
		return;
	char text[512 + PLAIT_CERTIFICATE_NAME_MAX], head[128];
	int text_len = describe(conn, text, sizeof(text));
	if (hello->http) {
		int head_len = snprintf(head, sizeof(head),
					"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
					text_len);
		plait_write(conn, head, (size_t)head_len);
	}
	plait_write(conn, text, (size_t)text_len);
	if (hello->http)
		plait_close(conn);
}

PLAIT_PROTOCOL(hello, .summary = "answers each line with what TLS agreed on",
	       .conn_size = sizeof(struct hello), .made = hello_made, .framing = &plait_line_framing,
	       .message = hello_message);
