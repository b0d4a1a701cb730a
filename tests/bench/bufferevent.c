/* An echo server on libevent's bufferevents, as its manual has it: bufferevent tcp | tls CERTIFICATE KEY. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SSL_CTX *tls;

static void readable(struct bufferevent *buffered, void *context)
{
	(void)context;
	evbuffer_add_buffer(bufferevent_get_output(buffered), bufferevent_get_input(buffered));
}

static void ended(struct bufferevent *buffered, short what, void *context)
{
	(void)context;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		bufferevent_free(buffered);
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int from_len,
		     void *context)
{
	struct event_base *base = evconnlistener_get_base(listener);
	struct bufferevent *buffered;
	(void)from;
	(void)from_len;
	(void)context;
	if (tls)
		buffered = bufferevent_openssl_socket_new(base, fd, SSL_new(tls), BUFFEREVENT_SSL_ACCEPTING,
							  BEV_OPT_CLOSE_ON_FREE);
	else
		buffered = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!buffered)
		return;
	bufferevent_setcb(buffered, readable, NULL, ended, NULL);
	bufferevent_enable(buffered, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int on = 1;

	if (argc == 4 && strcmp(argv[1], "tls") == 0) {
		tls = SSL_CTX_new(TLS_server_method());
		if (!tls || SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
		    SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1) {
			fprintf(stderr, "bufferevent: cannot use %s with %s\n", argv[2], argv[3]);
			return 1;
		}
	} else if (argc != 2 || strcmp(argv[1], "tcp") != 0) {
		fputs("usage: bufferevent tcp | bufferevent tls CERTIFICATE KEY\n", stderr);
		return 2;
	}

	struct event_base *base = event_base_new();
	struct evconnlistener *listener = base ? evconnlistener_new_bind(base, accepted, NULL,
									 LEV_OPT_CLOSE_ON_FREE |
										 LEV_OPT_CLOSE_ON_EXEC |
										 LEV_OPT_REUSEABLE,
									 4096, (struct sockaddr *)&address,
									 (int)len)
					       : NULL;
	if (!listener) {
		perror("bufferevent");
		return 1;
	}
	int fd = evconnlistener_get_fd(listener);
	/* Accepted sockets inherit it. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return 1;
	printf("listening on %s://127.0.0.1:%u\n", argv[1], ntohs(address.sin_port));
	fflush(stdout);
	event_base_dispatch(base);
	return 0;
}
