/* Messages of one size, and states that say how long the next one is. */
#include <plait/conn.h>
#include <plait/error.h>
#include <plait/fixed.h>

#include <assert.h>

#include "protocols/drop.h"

static enum plait_frame_verdict fixed_next(const void *settings, const uint8_t *data, size_t len,
					   struct plait_frame *frame)
{
	size_t size = ((const struct plait_fixed *)settings)->size;
	(void)data;
	assert(size > 0);
	if (frame->skipping) {
		if (frame->scratch[0] == 0)
			frame->scratch[0] = size;
		return drop(frame, len);
	}
	if (len < size) {
		frame->need = size;
		return PLAIT_FRAME_MORE;
	}
	frame->offset = 0;
	frame->length = frame->consumed = size;
	return PLAIT_FRAME_MESSAGE;
}

static int fixed_wrap(const void *settings, const void *message, size_t len, struct plait_wrap *wrap)
{
	(void)message;
	(void)wrap;
	return len == ((const struct plait_fixed *)settings)->size ? 0 : PLAIT_ERROR_INVALID;
}

static const struct plait_fixed defaults = { .size = 1 };

const struct plait_framing plait_fixed_framing = {
	.name = "fixed",
	.defaults = &defaults,
	.next = fixed_next,
	.wrap = fixed_wrap,
};

void plait_stateful_start(struct plait_conn *conn, struct plait_stateful *stateful, plait_state_fn *state,
			  size_t need)
{
	assert(state && need > 0);
	stateful->state = state;
	stateful->fixed.size = need;
	plait_set_framing(conn, &plait_fixed_framing, &stateful->fixed);
}

void plait_stateful_message(struct plait_conn *conn, struct plait_stateful *stateful, const void *data,
			    size_t len)
{
	struct plait_next next = stateful->state(conn, data, len);
	if (!next.state || next.need == 0) {
		plait_close_error(conn, "no state is left for what comes next");
		return;
	}
	stateful->state = next.state;
	stateful->fixed.size = next.need;
}
