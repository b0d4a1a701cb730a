/* Handles on connections that are safe on any thread and outlive them. */
#include <plait/error.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/block.h"
#include "core/base/container.h"
#include "core/net/conn/conn.h"

struct plait_conn_ref {
	atomic_uint references;
	struct plait_loop *loop;
	struct plait_conn *conn; /* NULL once it has gone; the loop's thread only */
	size_t cap;              /* of bytes on their way */
	atomic_size_t coming;    /* that many are */
	atomic_bool gone;
};

static void unref(struct plait_conn_ref *ref)
{
	if (atomic_fetch_sub_explicit(&ref->references, 1, memory_order_acq_rel) == 1)
		free(ref);
}

struct plait_conn_ref *plait_conn_ref(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	struct conn_extra *extra = conn_extra(conn);
	struct plait_conn_ref *ref = extra->ref;
	if (!ref) {
		ref = alloc_zeroed(sizeof(*ref), "a handle");
		atomic_init(&ref->references, 1); /* the connection's own */
		ref->loop = conn->loop;
		ref->conn = conn;
		ref->cap = conn->factory->settings->buffers.cap;
		atomic_init(&ref->coming, 0);
		atomic_init(&ref->gone, false);
		extra->ref = ref;
	}
	return plait_conn_ref_copy(ref);
}

struct plait_conn_ref *plait_conn_ref_copy(struct plait_conn_ref *ref)
{
	atomic_fetch_add_explicit(&ref->references, 1, memory_order_relaxed);
	return ref;
}

void plait_conn_unref(struct plait_conn_ref **ref_at)
{
	struct plait_conn_ref *ref = *ref_at;
	*ref_at = NULL;
	if (ref)
		unref(ref);
}

void conn_ref_gone(struct plait_conn *conn)
{
	if (!conn->extra || !conn->extra->ref)
		return;
	conn->extra->ref->conn = NULL;
	atomic_store_explicit(&conn->extra->ref->gone, true, memory_order_relaxed);
	unref(conn->extra->ref);
	conn->extra->ref = NULL;
}

struct ref_call {
	struct post post;
	struct plait_conn_ref *ref;
	plait_conn_call_fn *fn;
	void *arg;
};

static struct plait_conn *conn_of(const struct plait_conn_ref *ref)
{
	return ref->conn && ref->conn->state != CONN_CLOSED ? ref->conn : NULL;
}

static void end_call(struct ref_call *call)
{
	unref(call->ref);
	block_give(call);
}

static void run_call(struct post *post)
{
	struct ref_call *call = CONTAINER_OF(post, struct ref_call, post);
	call->fn(conn_of(call->ref), call->arg);
	end_call(call);
}

/* False when the loop is at its very end and takes no more. */
static bool send_call(struct plait_conn_ref *ref, post_fn *run, plait_conn_call_fn *fn, void *arg)
{
	struct ref_call *call = alloc_block(sizeof(*call), "a call by a handle");
	call->ref = plait_conn_ref_copy(ref);
	call->fn = fn;
	call->arg = arg;
	if (post_offer(&ref->loop->posts, &call->post, run))
		return true;
	end_call(call);
	return false;
}

void plait_conn_ref_call(struct plait_conn_ref *ref, plait_conn_call_fn *fn, void *arg)
{
	send_call(ref, run_call, fn, arg);
}

/* ---- the most wanted calls ---- */

static bool has_gone(const struct plait_conn_ref *ref)
{
	return atomic_load_explicit(&ref->gone, memory_order_relaxed);
}

static void end_write(struct plait_conn_ref *ref, struct plait_chunk *chunk)
{
	atomic_fetch_sub_explicit(&ref->coming, plait_chunk_size(chunk), memory_order_relaxed);
	plait_chunk_unref(&chunk);
}

static void run_write(struct post *post)
{
	struct ref_call *call = CONTAINER_OF(post, struct ref_call, post);
	struct plait_conn *conn = conn_of(call->ref);
	struct plait_chunk *chunk = call->arg;
	if (conn)
		plait_write_chunk(conn, chunk);
	end_write(call->ref, chunk);
	end_call(call);
}

/* Whether len bytes more may be on their way; if so, they are counted. */
static bool reserve(struct plait_conn_ref *ref, size_t len)
{
	size_t before = atomic_load_explicit(&ref->coming, memory_order_relaxed);
	do {
		if (len > ref->cap || before > ref->cap - len)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&ref->coming, &before, before + len,
							memory_order_relaxed, memory_order_relaxed));
	return true;
}

int plait_conn_ref_write_chunk(struct plait_conn_ref *ref, struct plait_chunk *chunk)
{
	if (has_gone(ref))
		return PLAIT_ERROR_GONE;
	if (!reserve(ref, plait_chunk_size(chunk)))
		return PLAIT_ERROR_OVERFLOW;
	if (send_call(ref, run_write, NULL, plait_chunk_ref(chunk)))
		return 0;
	end_write(ref, chunk);
	return PLAIT_ERROR_GONE;
}

int plait_conn_ref_write(struct plait_conn_ref *ref, const void *data, size_t len)
{
	if (has_gone(ref))
		return PLAIT_ERROR_GONE;
	if (len > ref->cap)
		return PLAIT_ERROR_OVERFLOW;
	struct plait_chunk *chunk = plait_chunk_new(data, len);
	if (!chunk)
		return PLAIT_ERROR_MEMORY;
	int result = plait_conn_ref_write_chunk(ref, chunk);
	plait_chunk_unref(&chunk);
	return result;
}

static void close_conn(struct plait_conn *conn, void *arg)
{
	(void)arg;
	if (conn)
		plait_close(conn);
}

static void abort_conn(struct plait_conn *conn, void *arg)
{
	(void)arg;
	if (conn)
		plait_abort(conn);
}

static int call_unless_gone(struct plait_conn_ref *ref, plait_conn_call_fn *fn)
{
	return !has_gone(ref) && send_call(ref, run_call, fn, NULL) ? 0 : PLAIT_ERROR_GONE;
}

int plait_conn_ref_close(struct plait_conn_ref *ref)
{
	return call_unless_gone(ref, close_conn);
}

int plait_conn_ref_abort(struct plait_conn_ref *ref)
{
	return call_unless_gone(ref, abort_conn);
}
