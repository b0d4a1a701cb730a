/* Files on their way to a connection: by the transport where it can, else read block by block. */
#include <errno.h>
#include <plait/error.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/system_text.h"
#include "core/net/conn/feed.h"
#include "core/net/famine.h"
#include "core/net/reason.h"

/* What a peer can ask for in one go is bounded, as bytes are by their marks. */
#define FILES_HIGH 8
#define FILES_CAP 64

struct conn_file {
	struct conn_file *next;
	struct plait_conn *conn;
	struct plait_deferred *deferred; /* one reference; NULL: cancelled */
	uint64_t offset, left, sent;     /* sent: to the transport, or into the queue before the stop */
	int fd;                          /* -1: cancelled */
	bool copied;                     /* the transport cannot do it */
};

static void cancel(struct plait_deferred *deferred, void *arg)
{
	struct conn_file *file = arg;
	(void)deferred;
	famine_close(file->fd);
	file->fd = -1;
	file->left = 0;
	plait_deferred_unref(&file->deferred);
	if (file->conn->state != CONN_CLOSED) /* else it may be going this moment */
		conn_defer(file->conn);
}

/* The part that *len bytes from offset are, PLAIT_TO_END in numbers; NULL, or why there is none. */
static struct plait_failure *find_part(int fd, uint64_t offset, uint64_t *len)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return plait_failure(PLAIT_ERROR_INVALID, "descriptor %d is no open file: %s", fd,
				     system_text(errno));
	if (!S_ISREG(status.st_mode))
		return plait_failure(PLAIT_ERROR_INVALID,
				     "descriptor %d is no regular file; write what comes from it", fd);
	uint64_t size = (uint64_t)status.st_size;
	if (*len == PLAIT_TO_END && offset <= size)
		*len = size - offset;
	if (offset > size || *len > size - offset)
		return plait_failure(PLAIT_ERROR_INVALID,
				     "a file of %llu bytes has no part from %llu on of %llu bytes",
				     (unsigned long long)size, (unsigned long long)offset,
				     (unsigned long long)*len);
	return NULL;
}

static struct plait_failure *add_stop(struct plait_conn *conn)
{
	if (!conn_takes_output(conn))
		return plait_failure(PLAIT_ERROR_CLOSING, "the connection takes no more");
	if (conn_feed_of(conn)->file_count == FILES_CAP) {
		conn_fail(conn, PLAIT_REASON_OVERFLOW, "too many files wait");
		return plait_failure(PLAIT_ERROR_OVERFLOW, "%d files wait already", FILES_CAP);
	}
	if (queue_add_stop(&conn->output, &conn->loop->pool) == 0)
		return NULL;
	conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for output");
	return plait_failure(PLAIT_ERROR_MEMORY, "no memory for output");
}

static void add_file(struct plait_conn *conn, struct conn_file *file)
{
	struct conn_feed *feed = conn->extra->feed;
	if (feed->last_file)
		feed->last_file->next = file;
	else
		feed->files = file;
	feed->last_file = file;
	if (++feed->file_count >= FILES_HIGH)
		conn_pause_for(conn, CONN_PAUSE_FILES);
	conn_feed_changed(conn);
	conn_defer(conn);
}

struct plait_deferred *plait_send_file(struct plait_conn *conn, int fd, uint64_t offset, uint64_t len)
{
	loop_assert_here(conn->loop);
	struct plait_failure *failure = find_part(fd, offset, &len);
	if (!failure)
		failure = add_stop(conn);
	if (failure) {
		if (fd >= 0)
			famine_close(fd);
		return plait_fail(failure);
	}
	struct conn_file *file = alloc_zeroed(sizeof(*file), "a file to send");
	*file = (struct conn_file){
		.conn = conn,
		.deferred = plait_deferred_new(cancel, file),
		.offset = offset,
		.left = len,
		.fd = fd,
	};
	add_file(conn, file);
	return plait_deferred_ref(file->deferred);
}

/* Takes the first file, and the rest is what its Deferred is told: failure, or NULL and it was sent. */
static void end_file(struct plait_conn *conn, struct plait_failure *failure)
{
	struct conn_feed *feed = conn->extra->feed;
	struct conn_file *file = feed->files;
	struct plait_deferred *deferred = file->deferred;
	feed->files = file->next;
	if (!feed->files)
		feed->last_file = NULL;
	if (--feed->file_count < FILES_HIGH)
		conn_resume_from(conn, CONN_PAUSE_FILES);
	feed->seen = UINT64_MAX; /* a pull producer waited for it */
	conn_feed_changed(conn);
	if (file->fd >= 0)
		famine_close(file->fd);
	struct plait_result result = failure ? plait_failed(failure)
					     : plait_value((void *)(uintptr_t)file->sent);
	free(file);
	conn_enter(conn);
	if (deferred)
		plait_deferred_callback(deferred, result);
	else
		plait_result_drop(&result);
	plait_deferred_unref(&deferred);
	conn_leave(conn);
}

/* The peer was promised more than there is. */
static bool fail_file(struct plait_conn *conn, const char *why)
{
	const struct conn_file *file = conn->extra->feed->files;
	struct plait_failure *failure =
		plait_failure(PLAIT_ERROR_SYSTEM,
			      "the file cannot be sent whole: %s at %llu, with %llu bytes to go", why,
			      (unsigned long long)file->offset, (unsigned long long)file->left);
	conn_fail(conn, PLAIT_REASON_INTERNAL, failure->text);
	end_file(conn, failure);
	return false;
}

static void advance(struct conn_file *file, size_t len)
{
	file->offset += len;
	file->left -= len;
	file->sent += len;
}

/* A block of it goes to the head of the queue. */
static bool copy_some(struct plait_conn *conn, struct conn_file *file, size_t len)
{
	uint8_t *room = queue_front_room(&conn->output, &conn->loop->pool);
	ssize_t got;
	if (!room) {
		conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for output");
		return false;
	}
	if (len > QUEUE_BLOCK_SIZE)
		len = QUEUE_BLOCK_SIZE;
	do
		got = pread(file->fd, room, len, (off_t)file->offset);
	while (got < 0 && errno == EINTR);
	int code = errno;
	queue_front_commit(&conn->output, &conn->loop->pool, got > 0 ? (size_t)got : 0);
	if (got <= 0)
		return fail_file(conn, got < 0 ? system_text(code) : "it ends");
	advance(file, (size_t)got);
	return true;
}

static bool send_some(struct plait_conn *conn, struct conn_file *file, size_t len)
{
	ssize_t took = conn->transport.ops->sendfile(&conn->transport, file->fd, file->offset, len);
	if (took == TRANSPORT_UNABLE) {
		file->copied = true;
		return true;
	}
	if (took == TRANSPORT_END)
		return fail_file(conn, "it ends");
	size_t sent = conn_account(conn, took);
	advance(file, sent);
	return sent > 0;
}

bool conn_send_file(struct plait_conn *conn, size_t *budget)
{
	struct conn_file *file = conn->extra->feed->files;
	uint64_t before = file->sent;
	if (file->left == 0) {
		queue_remove_stop(&conn->output, &conn->loop->pool);
		end_file(conn, NULL);
		return true;
	}
	if (!conn->transport.ops->sendfile)
		file->copied = true;
	size_t len = file->left < *budget ? (size_t)file->left : *budget;
	if (len == 0)
		return false;
	if (!(file->copied ? copy_some(conn, file, len) : send_some(conn, file, len)))
		return false;
	*budget -= (size_t)(file->sent - before);
	return true;
}

void conn_drop_files(struct plait_conn *conn)
{
	const struct conn_feed *feed = conn->extra->feed;
	while (feed->files) {
		const struct conn_file *file = feed->files;
		end_file(conn,
			 plait_failure(PLAIT_ERROR_GONE,
				       "the connection ended (%s) with %llu bytes of the file to go",
				       plait_reason_name(conn->reason), (unsigned long long)file->left));
	}
}
