/* The echo protocol: sends back what it receives, by stream and datagram. The template for other plugins. */
#include <plait/plait.h>

#include <inttypes.h>

/* One for each connection: zeroed when it opens, freed by plait after `lost`. */
struct echo {
	uint64_t bytes;
};

static size_t echo_data(struct plait_conn *conn, const void *data, size_t len)
{
	struct echo *echo = plait_conn_state(conn);

	echo->bytes += len;
	plait_write(conn, data, len);
	return len;
}

static void echo_lost(struct plait_conn *conn, enum plait_reason reason)
{
	const struct echo *echo = plait_conn_state(conn);

	plait_log_conn(conn, PLAIT_LOG_DEBUG, "echoed %" PRIu64 " bytes, %s", echo->bytes,
		       plait_reason_name(reason));
}

static void echo_datagram(struct plait_port *port, const struct plait_addr *from, const void *data,
			  size_t len)
{
	plait_send(port, from, data, len);
}

/* clang-format off */
PLAIT_PROTOCOL(echo,
	.summary = "sends back what it receives, over streams and datagrams",
	.version = "1.0.0",
	.conn_size = sizeof(struct echo),
	.data = echo_data,
	.lost = echo_lost,
	.datagram = echo_datagram);
