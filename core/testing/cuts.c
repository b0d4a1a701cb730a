/* One stream, cut in every way: a protocol must answer the same. */
#include <stdio.h>
#include <string.h>

#include "core/testing/kit.h"

struct trial {
	struct plait_test *test;
	struct plait_factory *factory;
	const uint8_t *input;
	size_t len;
	const void *output;
	size_t output_len;
};

/* first bytes at once, then the rest in pieces. */
static enum plait_reason play(const struct trial *trial, size_t first, size_t piece, bool *same)
{
	struct plait_peer *peer = plait_test_connect(trial->test, trial->factory);
	plait_peer_send(peer, trial->input, first);
	plait_peer_send_cut(peer, trial->input + first, trial->len - first, piece);
	plait_peer_end(peer);
	*same = plait_peer_heard_bytes(peer, trial->output, trial->output_len);
	if (peer->conn) { /* it goes on without input; that is how it ends here */
		plait_abort(peer->conn);
		plait_test_run(trial->test);
	}
	return peer->reason;
}

static bool fits(const struct trial *trial, size_t first, size_t piece, enum plait_reason expected)
{
	bool same;
	enum plait_reason reason = play(trial, first, piece, &same);
	if (same && reason == expected)
		return true;
	printf("# with %zu bytes first, and then %zu at a time, it ended with %s; whole, with %s\n", first,
	       piece, plait_reason_name(reason), plait_reason_name(expected));
	return false;
}

bool plait_test_cuts(struct plait_test *test, struct plait_factory *factory, const void *input, size_t len,
		     const void *output, size_t output_len)
{
	const struct trial trial = { test, factory, input, len, output, output_len };
	bool same;
	enum plait_reason expected = play(&trial, len, 1, &same);
	if (!same || !fits(&trial, 0, 1, expected))
		return false;
	for (size_t first = 1; first < len; first++) {
		if (!fits(&trial, first, len, expected))
			return false;
	}
	return true;
}
