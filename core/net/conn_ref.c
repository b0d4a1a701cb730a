/* Handles on connections that are safe on any thread and outlive them. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/block.h"
#include "core/base/container.h"
#include "core/net/conn.h"

struct plait_conn_ref {
	atomic_uint references;
	struct plait_loop *loop;
	struct plait_conn *conn; /* NULL once it has gone; the loop's thread only */
};

static void unref(struct plait_conn_ref *ref)
{
	if (atomic_fetch_sub_explicit(&ref->references, 1, memory_order_acq_rel) == 1)
		free(ref);
}

static void no_memory(void)
{
	fputs("plait: no memory for a handle\n", stderr);
	abort();
}

struct plait_conn_ref *plait_conn_ref(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	struct conn_extra *extra = conn_extra(conn);
	struct plait_conn_ref *ref = extra->ref;
	if (!ref) {
		ref = malloc(sizeof(*ref));
		if (!ref)
			no_memory();
		atomic_init(&ref->references, 1); /* the connection's own */
		ref->loop = conn->loop;
		ref->conn = conn;
		extra->ref = ref;
	}
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
	unref(conn->extra->ref);
	conn->extra->ref = NULL;
}

struct ref_call {
	struct post post;
	struct plait_conn_ref *ref;
	plait_conn_call_fn *fn;
	void *arg;
};

static void run_call(struct post *post)
{
	struct ref_call *call = CONTAINER_OF(post, struct ref_call, post);
	struct plait_conn *conn = call->ref->conn;
	call->fn(conn && conn->state != CONN_CLOSED ? conn : NULL, call->arg);
	unref(call->ref);
	block_give(call);
}

void plait_conn_ref_call(struct plait_conn_ref *ref, plait_conn_call_fn *fn, void *arg)
{
	struct ref_call *call = block_take(sizeof(*call));
	if (!call)
		no_memory();
	atomic_fetch_add_explicit(&ref->references, 1, memory_order_relaxed);
	call->ref = ref;
	call->fn = fn;
	call->arg = arg;
	if (post_offer(&ref->loop->posts, &call->post, run_call))
		return;
	unref(call->ref);
	block_give(call);
}
