/* Plays the cases of Twisted's receivers, re-cut in every way that they allow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/framing_case.h"
#include "tests/conformance/handlers.h"
#include "tests/conformance/hex.h"
#include "tests/conformance/script.h"
#include "tests/unit/rig.h"

/* A case, and the connection of the play that is on. */
struct play {
	struct framing_case read;
	struct rig rig;
	struct rig_listener listener;
	struct rig_client client;
	json_t *before_resume, *after_step, *after_chunk; /* of this play */
	bool refused;                                     /* one of the messages to be sent */
};

static json_t *written(void *play)
{
	const struct buffer *bytes = &((struct play *)play)->client.memory.from_conn;
	json_t *list = json_array(), *len;
	size_t index, at = 0;

	json_array_foreach(stage.writes, index, len)
	{
		size_t size = (size_t)json_integer_value(len);
		char *text = at + size <= buffer_size(bytes) ? hex_encode(buffer_data(bytes) + at, size)
							     : strdup("not written");

		json_array_append_new(list, json_string(text));
		free(text);
		at += size;
	}
	if (at < buffer_size(bytes))
		json_array_append_new(list, json_string("more was written"));
	return list;
}

static json_t *joined(const json_t *list)
{
	json_t *item, *whole;
	size_t index, size = 1, at = 0;

	json_array_foreach((json_t *)list, index, item) size += json_string_length(item);
	char *text = malloc(size);

	if (!text)
		abort();
	json_array_foreach((json_t *)list, index, item)
	{
		memcpy(text + at, json_string_value(item), json_string_length(item));
		at += json_string_length(item);
	}
	whole = json_stringn(text, at);
	free(text);
	return whole;
}

/* ---- what is seen ---- */

static json_t *received(void *play)
{
	(void)play;
	return json_incref(stage.received);
}

static json_t *received_count(void *play)
{
	(void)play;
	return json_integer((json_int_t)json_array_size(stage.received));
}

static json_t *received_joined(void *play)
{
	(void)play;
	return joined(stage.received);
}

static json_t *before_resume(void *play)
{
	return json_incref(((struct play *)play)->before_resume);
}

static json_t *after_chunk(void *play)
{
	return json_incref(((struct play *)play)->after_chunk);
}

static json_t *after_step(void *play)
{
	return json_incref(((struct play *)play)->after_step);
}

static json_t *cleared(void *play)
{
	(void)play;
	return json_incref(stage.cleared);
}

static json_t *exceeded(void *play)
{
	(void)play;
	return json_incref(stage.exceeded);
}

static json_t *lengths(void *play)
{
	(void)play;
	return json_incref(stage.lengths);
}

static json_t *waiting(void *play)
{
	const struct plait_conn *conn = ((struct play *)play)->client.conn;

	return conn ? script_hex(&conn->input) : json_string("the connection is gone");
}

static json_t *sent(void *play)
{
	return script_hex(&((struct play *)play)->client.memory.from_conn);
}

/* Twisted's exception, our code. */
static json_t *send_error(void *play)
{
	return json_string(((struct play *)play)->refused ? "StringTooLong" : "none");
}

static json_t *disconnecting(void *play)
{
	const struct memory *memory = &((struct play *)play)->client.memory;

	return json_boolean(memory->was_shut_down || memory->closed);
}

static json_t *paused(void *play)
{
	(void)play;
	return json_boolean(stage.paused);
}

static const struct fact facts[] = {
	{ "received_hex", received },
	{ "received_count", received_count },
	{ "received_joined_hex", received_joined },
	{ "received_before_resume_hex", before_resume },
	{ "received_after_chunk_hex", after_chunk },
	{ "cleared_hex", cleared },
	{ "buffer_at_delivery_hex", cleared },
	{ "length_exceeded", lengths },
	{ "length_exceeded_hex", exceeded },
	{ "buffer_at_exceeded_hex", exceeded },
	{ "buffer_final_hex", waiting },
	{ "sent_hex", sent },
	{ "send_error", send_error },
	{ "disconnecting", disconnecting },
	{ "after_step", after_step },
	{ 0 },
};

static const struct fact step_facts[] = {
	{ "writes_hex", written },
	{ "paused", paused },
	{ 0 },
};

static void curtain_up(struct play *play)
{
	stage = (struct stage){
		.framing = play->read.kind->framing,
		.settings = &play->read.settings,
		.max_length = play->read.max_length,
		.replacement = json_string_value(json_object_get(play->read.params, "replacement_hex")),
		.received = json_array(),
		.cleared = json_array(),
		.exceeded = json_array(),
		.writes = json_array(),
		.lengths = json_array(),
	};
	play->refused = false;
	play->after_chunk = json_array();
	play->before_resume = json_array();
	play->after_step = json_array();
	rig_connect(&play->rig, &play->listener, &play->client);
}

static void curtain_down(struct play *play)
{
	rig_leave(&play->client);
	json_decref(stage.received);
	json_decref(stage.cleared);
	json_decref(stage.exceeded);
	json_decref(stage.writes);
	json_decref(stage.lengths);
	json_decref(play->after_chunk);
	json_decref(play->before_resume);
	json_decref(play->after_step);
}

static void resume(struct play *play)
{
	stage.paused = false;
	if (play->client.conn)
		plait_resume(play->client.conn);
	rig_run(&play->rig);
}

static void send_one(struct play *play, const void *message, size_t len)
{
	if (play->client.conn && plait_write_message(play->client.conn, message, len) < 0)
		play->refused = true;
}

/* What the case sends, and one of a length that only counts. */
static void send_all(struct play *play)
{
	json_t *text;
	size_t index, len = (size_t)json_integer_value(json_object_get(play->read.params, "send_length"));
	void *zeros = calloc(1, len + 1);

	json_array_foreach(json_object_get(play->read.params, "send_hex"), index, text)
	{
		size_t size;
		uint8_t *bytes = hex_decode(json_string_value(text), &size);

		send_one(play, bytes, size);
		free(bytes);
	}
	if (len > 0 && zeros)
		send_one(play, zeros, len);
	free(zeros);
	rig_run(&play->rig);
}

static void finish(struct play *play)
{
	send_all(play);
	if (!json_is_true(json_object_get(play->read.params, "resume_after_input")))
		return;
	json_decref(play->before_resume);
	play->before_resume = json_deep_copy(stage.received);
	resume(play);
}

/* Compares, and ends the play. */
static bool judge(struct play *play, struct outcome *outcome)
{
	bool good = script_judge(play->read.expect, facts, play, outcome);

	curtain_down(play);
	return good;
}

/* ---- ways of cutting ---- */

static bool play_recorded(struct play *play, struct outcome *outcome)
{
	json_t *chunk;
	size_t index, len, at = 0;

	snprintf(outcome->variant, sizeof(outcome->variant), "in the recorded chunks");
	curtain_up(play);
	json_array_foreach((json_t *)play->read.chunks, index, chunk)
	{
		len = strlen(json_string_value(chunk)) / 2;
		rig_say_bytes(&play->client, play->read.input + at, len);
		json_array_append_new(play->after_chunk, json_deep_copy(stage.received));
		at += len;
	}
	finish(play);
	return judge(play, outcome);
}

static bool play_cut(struct play *play, struct outcome *outcome, size_t size)
{
	snprintf(outcome->variant, sizeof(outcome->variant), "in packets of %zu bytes", size);
	curtain_up(play);
	for (size_t at = 0; at < play->read.len; at += size)
		rig_say_bytes(&play->client, play->read.input + at,
			      play->read.len - at < size ? play->read.len - at : size);
	finish(play);
	return judge(play, outcome);
}

/* ---- scripts ---- */

static const char *do_recv(void *play, const json_t *step)
{
	size_t len;
	uint8_t *bytes = hex_decode(json_string_value(json_object_get(step, "hex")), &len);

	if (bytes)
		rig_say_bytes(&((struct play *)play)->client, bytes, len);
	free(bytes);
	return bytes ? NULL : "has no hex";
}

static const char *do_resume(void *play, const json_t *step)
{
	(void)step;
	resume(play);
	return NULL;
}

static const struct op ops[] = {
	{ "recv", do_recv },
	{ "resume", do_resume },
	{ 0 },
};

static bool play_script(struct play *play, struct outcome *outcome, const json_t *script)
{
	snprintf(outcome->variant, sizeof(outcome->variant), "as its script says");
	curtain_up(play);
	json_decref(play->after_step);
	play->after_step = script_play(script, play->read.expect, ops, step_facts, play, outcome);
	return judge(play, outcome);
}

static bool play_sizes(struct play *play, struct outcome *outcome, const json_t *sizes)
{
	json_t *size;
	size_t index;

	json_array_foreach((json_t *)sizes, index, size)
	{
		if (json_integer_value(size) < 1) {
			outcome_fault(outcome, "rechunk_sizes[%zu] is no size", index);
			return outcome->good = false;
		}
		if (!play_cut(play, outcome, (size_t)json_integer_value(size)))
			return false;
	}
	return true;
}

static void play_all(struct play *play, struct outcome *outcome, bool recut)
{
	const json_t *script = json_object_get(play->read.params, "script");
	const json_t *sizes = json_object_get(play->read.params, "rechunk_sizes");

	if (script) {
		play_script(play, outcome, script);
		return;
	}
	if (!play_sizes(play, outcome, sizes))
		return;
	/* With sizes of its own, one that may not be cut otherwise may not come as it is recorded either. */
	if ((recut || !sizes) && !play_recorded(play, outcome))
		return;
	for (size_t size = play->read.len; recut && size >= 1; size--) {
		if (!play_cut(play, outcome, size))
			return;
	}
}

static void play_framing(const json_t *test, const void *how, struct outcome *outcome)
{
	struct play play;
	const char *fault = framing_case_read(test, how, &play.read);

	if (fault) {
		outcome_fault(outcome, "%s", fault);
		framing_case_fini(&play.read);
		return;
	}
	rig_init(&play.rig);
	if (rig_listen(&play.listener, play.read.protocol, NULL, NULL) < 0)
		abort();
	play_all(&play, outcome, json_is_true(json_object_get(test, "rechunk_safe")));
	rig_unlisten(&play.listener);
	rig_fini(&play.rig);
	framing_case_fini(&play.read);
}

static const char *const params[] = {
	"delimiter_hex",      "handler", "max_length", "rechunk_sizes", "replacement_hex",
	"resume_after_input", "script",  "send_hex",   "send_length",   NULL,
};

const struct player framing_players[] = {
	{ "LineReceiver", params, play_framing, &framing_kind_line },
	{ "LineOnlyReceiver", params, play_framing, &framing_kind_line },
	{ "NetstringReceiver", params, play_framing, &framing_kind_netstring },
	{ "Int8StringReceiver", params, play_framing, &framing_kind_int8 },
	{ "Int16StringReceiver", params, play_framing, &framing_kind_int16 },
	{ "Int32StringReceiver", params, play_framing, &framing_kind_int32 },
	{ 0 },
};
