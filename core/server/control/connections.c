/* The commands connections and kick. */
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/server/control/request.h"
#include "core/server/gather.h"

/* A connection as it was when its loop was asked. */
struct row {
	uint64_t key, id, age_s, idle_ms, bytes_in, bytes_out, queued;
	char listener[65];
	char tls[16]; /* empty: none */
	struct plait_addr peer;
	uint8_t state;
	unsigned loop;
};

/* A loop's. */
struct part {
	uint64_t matched;
	size_t count;
	struct row *rows;
};

static const char *const states[] = {
	[CONN_CONNECTING] = "connecting", [CONN_HANDSHAKE] = "handshake", [CONN_OPEN] = "open",
	[CONN_FLUSHING] = "closing",      [CONN_CLOSED] = "closed",
};

static void copy_text(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);
	memcpy(out, text, len);
	out[len] = '\0';
}

static void describe(const struct selector *selector, struct plait_conn *conn, struct row *row)
{
	struct plait_tls tls = { 0 };
	uint64_t now = loop_now(conn->loop);
	*row = (struct row){
		.key = selector_key(selector, conn),
		.id = conn->id,
		.age_s = conn_age_s(conn),
		.idle_ms = now > conn->active_ms ? now - conn->active_ms : 0,
		.bytes_in = conn->bytes_in,
		.bytes_out = conn->bytes_out,
		.queued = plait_conn_queued(conn),
		.peer = conn->peer,
		.state = conn->state,
		.loop = conn->loop->index,
	};
	copy_text(row->listener, sizeof(row->listener), conn->factory->name);
	if (conn->transport.ops->describe && conn->state >= CONN_OPEN)
		conn->transport.ops->describe(&conn->transport, &tls);
	if (tls.version)
		copy_text(row->tls, sizeof(row->tls), tls.version);
}

static void look(struct plait_loop *loop, void *arg, const void *question)
{
	struct part *part = arg;
	const struct selector *selector = question;
	struct plait_conn *found[SELECT_MOST];
	size_t count = selector_find(selector, loop, found, &part->matched);
	part->rows = calloc(count + 1, sizeof(part->rows[0]));
	part->count = part->rows ? count : 0;
	for (size_t i = 0; i < part->count; i++)
		describe(selector, found[i], &part->rows[i]);
}

static void fini(void *arg)
{
	struct part *part = arg;
	free(part->rows);
}

/* ---- connections ---- */

static int compare(const void *a, const void *b)
{
	const struct row *one = *(const struct row *const *)a, *other = *(const struct row *const *)b;
	if (one->key != other->key)
		return one->key > other->key ? -1 : 1;
	return one->id < other->id ? -1 : one->id > other->id;
}

static json_t *tell_row(const struct row *row)
{
	char peer[PLAIT_ADDR_TEXT];
	json_t *json = json_pack("{s:I, s:s, s:s, s:s, s:I, s:f, s:I, s:I, s:I, s:i}", "id",
				 (json_int_t)row->id, "listener", row->listener, "peer",
				 plait_addr_format(&row->peer, peer, sizeof(peer)), "state",
				 states[row->state], "age", (json_int_t)row->age_s, "idle",
				 (double)row->idle_ms / 1000, "bytes_in", (json_int_t)row->bytes_in,
				 "bytes_out", (json_int_t)row->bytes_out, "queued", (json_int_t)row->queued,
				 "loop", (int)row->loop);
	json_object_set_new(json, "tls", row->tls[0] ? json_string(row->tls) : json_null());
	return json;
}

static void answer_connections(struct gather *gather, void *arg)
{
	struct request *request = arg;
	const struct connections_arguments *arguments = request->arguments;
	size_t count = 0, limit = (size_t)arguments->limit;
	uint64_t matched = 0;
	const struct row **rows = calloc((size_t)gather_loops(gather) * SELECT_MOST, sizeof(*rows));
	json_t *list = json_array();
	for (unsigned i = 0; rows && i < gather_loops(gather); i++) {
		const struct part *part = gather_part(gather, i);
		matched += part ? part->matched : 0;
		for (size_t j = 0; part && j < part->count; j++)
			rows[count++] = &part->rows[j];
	}
	if (count > 0)
		qsort(rows, count, sizeof(rows[0]), compare);
	for (size_t i = 0; i < count && i < limit; i++)
		json_array_append_new(list, tell_row(rows[i]));
	free(rows);
	request_answer(request, json_pack("{s:I, s:i, s:o}", "matched", (json_int_t)matched, "loops_missing",
					  (int)gather_missing(gather), "connections", list));
}

/* Whether the filter can be meant; else the request has been refused. */
static bool check(struct request *request, const struct select *select, struct selector *selector)
{
	if (!selector_init(selector, select)) {
		request_refuse(request, "bad-argument", json_pack("{s:s}", "path", "peer"),
			       "found %s; expected an address or a network such as 192.0.2.0/24 or ::1",
			       select->peer);
		return false;
	}
	return !select->listener || request_find_listener(request, select->listener);
}

void connections_command(struct request *request)
{
	const struct connections_arguments *arguments = request->arguments;
	struct selector selector;
	if (!check(request, &arguments->select, &selector))
		return;
	selector.order = (enum select_order)arguments->sort;
	selector.limit = (size_t)arguments->limit;
	gather_begin(request->server->reactor,
		     &(struct gathering){ .on_loop = look,
					  .done = answer_connections,
					  .fini = fini,
					  .part_size = sizeof(struct part),
					  .question = &selector,
					  .question_size = sizeof(selector) },
		     request);
}

/* ---- kick ---- */

static void kick(struct plait_loop *loop, void *arg, const void *question)
{
	struct part *part = arg;
	for (struct plait_conn *conn = loop->net->conns, *next; conn; conn = next) {
		next = conn->next;
		if (!selector_takes(question, conn))
			continue;
		conn_fail(conn, PLAIT_REASON_KICKED, NULL);
		part->matched++;
	}
}

static void answer_kick(struct gather *gather, void *arg)
{
	struct request *request = arg;
	const struct kick_arguments *arguments = request->arguments;
	uint64_t kicked = 0;
	for (unsigned i = 0; i < gather_loops(gather); i++) {
		const struct part *part = gather_part(gather, i);
		kicked += part ? part->matched : 0;
	}
	if (arguments->select.id > 0 && kicked == 0 && gather_missing(gather) == 0) {
		request_refuse(request, "not-found", NULL, "there is no connection %lld",
			       (long long)arguments->select.id);
		return;
	}
	log_write(PLAIT_LOG_INFO, NULL, "control: kicked %llu", (unsigned long long)kicked);
	request_answer(request, json_pack("{s:I, s:i}", "kicked", (json_int_t)kicked, "loops_missing",
					  (int)gather_missing(gather)));
}

static bool chooses(const struct select *select)
{
	return select->id > 0 || select->listener || select->peer || select->state != SELECT_ANY_STATE;
}

void kick_command(struct request *request)
{
	const struct kick_arguments *arguments = request->arguments;
	struct selector selector;
	if (chooses(&arguments->select) == arguments->all) {
		request_refuse(request, "bad-argument", NULL,
			       arguments->all ? "all goes with nothing else"
					      : "say which: id, listener, peer, state, or all");
		return;
	}
	if (check(request, &arguments->select, &selector))
		gather_begin(request->server->reactor,
			     &(struct gathering){ .on_loop = kick,
						  .done = answer_kick,
						  .part_size = sizeof(struct part),
						  .question = &selector,
						  .question_size = sizeof(selector) },
			     request);
}
