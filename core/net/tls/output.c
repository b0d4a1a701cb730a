/* TLS output: how large its records are, and how they leave. After WANT_WRITE the same bytes must come again, as many or
 * more; they may have moved, and be cut into other parts.
 *
 * A peer can read a record when all of it has come. So what starts to stream begins with records that fit one segment
 * each: the first bytes are read while the rest is still on its way through a window that opens. After that, and for
 * whatever is short anyhow, records are as large as they can be, for each costs as much as encrypting 2 KB. */
#include <openssl/ssl.h>
#include <string.h>

#include "core/loop/loop.h"
#include "core/net/tls/conn.h"

#define RECORD_SIZE ((size_t)16384) /* what one record carries at most */

/* With TLS's and TCP's own bytes, one segment of 1,500 bytes or a little less. */
#define SMALL_RECORD ((size_t)1390)

/* What is shorter arrives at once also when the window is at its smallest. */
#define SHORT ((size_t)4096)

/* Small records for so much; then the window has grown, until nothing large was sent for a while. */
#define START_BYTES ((size_t)48 * 1024)
#define PAUSE_MS 1000

#define BURST_RECORDS 12 /* for one whole record's worth */
#define RECORD_OVERHEAD 128

/* What is to be written, from its beginning. */
struct cursor {
	const struct iovec *parts;
	size_t offset; /* in the first of them */
};

/* The next len bytes in one piece; scratch is for those that are not. */
static const uint8_t *look(const struct cursor *cursor, size_t len, uint8_t *scratch)
{
	const struct iovec *part = cursor->parts;
	const uint8_t *start = (const uint8_t *)part->iov_base + cursor->offset;
	size_t there = part->iov_len - cursor->offset, copied = 0;
	if (len <= there)
		return start;
	for (;;) {
		size_t some = there < len - copied ? there : len - copied;
		if (some > 0)
			memcpy(scratch + copied, start, some);
		copied += some;
		if (copied == len)
			return scratch;
		part++;
		start = part->iov_base;
		there = part->iov_len;
	}
}

static void advance(struct cursor *cursor, size_t len)
{
	cursor->offset += len;
	while (cursor->offset > cursor->parts->iov_len)
		cursor->offset -= cursor->parts++->iov_len;
}

static size_t length_up_to(const struct iovec *parts, int count, size_t most)
{
	size_t len = 0;
	for (int i = 0; i < count && len < most; i++)
		len += parts[i].iov_len < most - len ? parts[i].iov_len : most - len;
	return len;
}

static ssize_t write_failed(struct tls_conn *conn)
{
	ssize_t answer = tls_translate(conn, -1, PLAIT_REASON_TLS_PROTOCOL);
	return answer == TRANSPORT_END ? transport_fail(PLAIT_REASON_RESET, "write after the end") : answer;
}

/* One record. */
static ssize_t write_whole(struct tls_conn *conn, const void *data, size_t len)
{
	size_t sent = 0;
	if (SSL_write_ex(conn->ssl, data, len, &sent) == 1) {
		conn->retry = 0;
		tls_warm_use(conn);
		return (ssize_t)sent;
	}
	conn->retry = (uint16_t)len;
	return write_failed(conn);
}

/* What a burst could not send is held by the socket; the bytes count as taken when it has gone. */
static ssize_t finish_burst(struct tls_conn *conn)
{
	if (conn->socket.held && !tls_socket_send_held(&conn->socket))
		return tls_translate_socket(conn);
	ssize_t sent = (ssize_t)conn->burst_owed;
	conn->burst_owed = 0;
	return sent;
}

/* Small records, in one send. */
static ssize_t write_burst(struct tls_conn *conn, const struct iovec *parts, size_t len)
{
	uint8_t records[RECORD_SIZE + BURST_RECORDS * RECORD_OVERHEAD], scratch[SMALL_RECORD];
	struct tls_burst burst = { .data = records, .size = sizeof(records) };
	struct cursor cursor = { .parts = parts };
	size_t done = 0;
	int result = 1;
	conn->socket.burst = &burst;
	for (int i = 0; i < BURST_RECORDS && done < len && result == 1; i++) {
		size_t some = len - done < SMALL_RECORD ? len - done : SMALL_RECORD, sent = 0;
		result = SSL_write_ex(conn->ssl, look(&cursor, some, scratch), some, &sent);
		advance(&cursor, sent);
		done += sent;
	}
	if (!tls_socket_end_burst(&conn->socket))
		return transport_fail(PLAIT_REASON_INTERNAL, "no memory for output");
	if (result != 1)
		return write_failed(conn);
	tls_warm_use(conn);
	if (!conn->socket.held && !conn->socket.error)
		return (ssize_t)done;
	conn->burst_owed = (uint16_t)done;
	return tls_translate_socket(conn);
}

/* Whether so many bytes leave in small records. */
static bool starts(struct tls_conn *conn, size_t len)
{
	if (!conn->warm)
		return false;
	uint32_t now_ms = (uint32_t)tls_warm_now(conn->warm);
	if (now_ms - conn->large_ms >= PAUSE_MS)
		conn->large_bytes = 0;
	conn->large_ms = now_ms;
	conn->large_bytes += (uint32_t)len;
	return conn->large_bytes <= START_BYTES;
}

/* What is left of an earlier call, or of no ordinary size. scratch has room for a record. */
static ssize_t write_large(struct tls_conn *conn, const struct iovec *parts, int count, uint8_t *scratch)
{
	if (conn->burst_owed > 0)
		return finish_burst(conn);
	size_t len = length_up_to(parts, count, conn->retry > 0 ? conn->retry : RECORD_SIZE);
	if (len < conn->retry)
		return transport_fail(PLAIT_REASON_INTERNAL, "what was to be written has changed");
	if (conn->retry == 0 && len > SHORT && starts(conn, len))
		return write_burst(conn, parts, len);
	struct cursor cursor = { .parts = parts };
	return write_whole(conn, look(&cursor, len, scratch), len);
}

/* Nothing is owed from an earlier call. */
static bool is_clear(const struct tls_conn *conn)
{
	return conn->retry == 0 && conn->burst_owed == 0;
}

ssize_t tls_write(struct transport *transport, const void *data, size_t len)
{
	struct tls_conn *conn = transport->handle;
	tls_socket_begin(&conn->socket);
	if (len <= SHORT && is_clear(conn))
		return write_whole(conn, data, len);
	struct iovec part = { .iov_base = (void *)data, .iov_len = len };
	return write_large(conn, &part, 1, NULL);
}

ssize_t tls_writev(struct transport *transport, const struct iovec *parts, int count)
{
	struct tls_conn *conn = transport->handle;
	uint8_t scratch[RECORD_SIZE];
	tls_socket_begin(&conn->socket);
	return write_large(conn, parts, count, scratch);
}
