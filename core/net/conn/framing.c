/* What a protocol says about its framing, and messages that it writes through it. */
#include <plait/error.h>

#include <assert.h>

#include "core/net/conn/conn.h"

void plait_set_framing(struct plait_conn *conn, const struct plait_framing *framing, const void *settings)
{
	loop_assert_here(conn->loop);
	assert((!framing || conn_protocol(conn)->message) &&
	       "a framing needs the protocol's message callback");
	if (conn_protocol(conn)->message)
		*conn_framing(conn) = (struct conn_framing){
			.framing = framing,
			.settings = settings  ? settings
				    : framing ? framing->defaults
					      : NULL,
		};
	conn->framed = framing != NULL;
	if (!conn_delivering(conn) && conn->state == CONN_OPEN && buffer_size(&conn->input) > 0) {
		conn->deliver_due = true;
		conn_defer(conn);
	}
}

void plait_frame_skip(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	if (!conn->framed)
		return;
	bool before = conn_is_skipping(conn);
	conn_framing(conn)->frame.skipping = true;
	if (!before)
		conn_message_began(conn);
}

int plait_write_message(struct plait_conn *conn, const void *message, size_t len)
{
	loop_assert_here(conn->loop);
	const struct conn_framing *at_work = conn->framed ? conn_framing(conn) : NULL;
	struct plait_wrap wrap = { 0 };
	if (!at_work || !at_work->framing->wrap)
		return PLAIT_ERROR_INVALID;
	int result = at_work->framing->wrap(at_work->settings, message, len, &wrap);
	if (result < 0)
		return result;
	assert(wrap.head_len <= sizeof(wrap.head));
	const struct iovec parts[] = {
		{ wrap.head, wrap.head_len },
		{ (void *)message, len },
		{ (void *)wrap.tail, wrap.tail_len },
	};
	return plait_writev(conn, parts, sizeof(parts) / sizeof(parts[0]));
}

size_t plait_message_length(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	return conn->framed ? conn_framing(conn)->frame.length : 0;
}
