/* An echo server on libwebsockets' raw sockets: reading pauses until the answer is written, as its manual wants it. */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_MOST 65536

struct session {
	unsigned char *answer; /* LWS_PRE bytes before it are lws's */
	size_t len;
};

static int received(struct lws *peer, struct session *session, const void *data, size_t len)
{
	session->answer = malloc(LWS_PRE + len);
	if (!session->answer)
		return -1;
	memcpy(session->answer + LWS_PRE, data, len);
	session->len = len;
	lws_rx_flow_control(peer, 0);
	return lws_callback_on_writable(peer) < 0 ? -1 : 0;
}

/* What the kernel does not take, lws keeps. */
static int writable(struct lws *peer, struct session *session)
{
	if (!session->answer)
		return 0;
	int sent = lws_write(peer, session->answer + LWS_PRE, session->len, LWS_WRITE_RAW);
	free(session->answer);
	session->answer = NULL;
	lws_rx_flow_control(peer, 1);
	return sent < 0 ? -1 : 0;
}

static int on_event(struct lws *peer, enum lws_callback_reasons reason, void *user, void *data, size_t len)
{
	struct session *session = user;
	switch ((int)reason) {
	case LWS_CALLBACK_RAW_RX: return received(peer, session, data, len);
	case LWS_CALLBACK_RAW_WRITEABLE: return writable(peer, session);
	case LWS_CALLBACK_RAW_CLOSE: free(session->answer); return 0;
	default: return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ .name = "echo",
	  .callback = on_event,
	  .per_session_data_size = sizeof(struct session),
	  .rx_buffer_size = READ_MOST },
	{ .name = NULL },
};

int main(int argc, char **argv)
{
	bool tls = argc == 4 && strcmp(argv[1], "tls") == 0;
	struct lws_context_creation_info info = {
		.iface = "127.0.0.1",
		.protocols = protocols,
		.gid = -1,
		.uid = -1,
		.pt_serv_buf_size = READ_MOST,
		.listen_accept_role = "raw-skt",
		.listen_accept_protocol = "echo",
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG,
	};
	if (!tls && (argc != 2 || strcmp(argv[1], "tcp") != 0)) {
		fputs("usage: lws tcp | lws tls CERTIFICATE KEY\n", stderr);
		return 2;
	}
	if (tls) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = argv[2];
		info.ssl_private_key_filepath = argv[3];
	}
	lws_set_log_level(LLL_ERR, NULL);
	struct lws_context *context = lws_create_context(&info);
	struct lws_vhost *vhost = context ? lws_create_vhost(context, &info) : NULL;
	if (!vhost) {
		fputs("lws: cannot listen\n", stderr);
		return 1;
	}
	printf("listening on %s://127.0.0.1:%d\n", argv[1], lws_get_vhost_listen_port(vhost));
	fflush(stdout);
	while (lws_service(context, 0) >= 0)
		;
	return 0;
}
