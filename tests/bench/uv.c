/* An echo server on libuv at its best: one buffer for all reads, and uv_try_write before a request is made. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static char buffer[65536];

struct rest {
	uv_write_t request;
	char bytes[];
};

static void give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *given)
{
	(void)handle;
	(void)wanted;
	*given = uv_buf_init(buffer, sizeof(buffer));
}

static void closed(uv_handle_t *handle)
{
	free(handle);
}

static void written(uv_write_t *request, int status)
{
	uv_stream_t *stream = request->handle;
	free(request->data);
	if (status < 0 && !uv_is_closing((uv_handle_t *)stream))
		uv_close((uv_handle_t *)stream, closed);
}

static void echo(uv_stream_t *stream, ssize_t got, const uv_buf_t *input)
{
	if (got < 0)
		uv_close((uv_handle_t *)stream, closed);
	if (got <= 0)
		return;
	uv_buf_t output = uv_buf_init(input->base, (unsigned)got);
	int sent = uv_try_write(stream, &output, 1);
	if (sent == got)
		return;
	if (sent < 0 && sent != UV_EAGAIN) {
		uv_close((uv_handle_t *)stream, closed);
		return;
	}
	size_t done = sent > 0 ? (size_t)sent : 0, left = (size_t)got - done;
	struct rest *rest = malloc(sizeof(*rest) + left);
	if (!rest)
		abort();
	memcpy(rest->bytes, input->base + done, left);
	rest->request.data = rest;
	output = uv_buf_init(rest->bytes, (unsigned)left);
	uv_write(&rest->request, stream, &output, 1, written);
}

static void accepted(uv_stream_t *listener, int status)
{
	uv_tcp_t *peer = status < 0 ? NULL : malloc(sizeof(*peer));
	if (!peer)
		return;
	uv_tcp_init(listener->loop, peer);
	if (uv_accept(listener, (uv_stream_t *)peer) < 0) {
		uv_close((uv_handle_t *)peer, closed);
		return;
	}
	uv_tcp_nodelay(peer, 1);
	uv_read_start((uv_stream_t *)peer, give_buffer, echo);
}

int main(void)
{
	uv_loop_t *loop = uv_default_loop();
	struct sockaddr_in address;
	struct sockaddr_storage bound;
	int len = sizeof(bound);
	uv_tcp_t listener;

	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(loop, &listener);
	if (uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) < 0 ||
	    uv_listen((uv_stream_t *)&listener, 4096, accepted) < 0 ||
	    uv_tcp_getsockname(&listener, (struct sockaddr *)&bound, &len) < 0) {
		fputs("uv: cannot listen\n", stderr);
		return 1;
	}
	memcpy(&address, &bound, sizeof(address));
	printf("listening on tcp://127.0.0.1:%u\n", ntohs(address.sin_port));
	fflush(stdout);
	return uv_run(loop, UV_RUN_DEFAULT);
}
