/* Files for a connection, and what becomes of their Deferreds. */
#include "tests/unit/net/filing.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/container.h"
#include "tests/unit/net/recorder.h"

uint8_t filing_content[FILING_LARGE];

/* ---- a transport of memory that can send files ---- */

static struct transport_ops able;
unsigned filing_calls; /* of sendfile */
bool filing_unable;    /* what it says to the next one */
size_t filing_most;    /* what was asked for */

static ssize_t memory_sendfile(struct transport *transport, int file, uint64_t offset, size_t len)
{
	static uint8_t bytes[FILING_LARGE];
	filing_calls++;
	if (filing_unable)
		return TRANSPORT_UNABLE;
	if (len > filing_most)
		filing_most = len;
	ssize_t got = pread(file, bytes, len, (off_t)offset);
	return got > 0 ? transport->ops->write(transport, bytes, (size_t)got) : TRANSPORT_END;
}

static void gone(struct conn_owner *owner, const struct plait_addr *peer)
{
	(void)peer;
	CONTAINER_OF(owner, struct rig_client, owner)->conn = NULL;
}

/* client over that. */
static void connect_able(void)
{
	static const struct plait_addr peer = { .family = PLAIT_FAMILY_IPV4 };
	rig_leave(&client);
	recorder_reset();
	able = transport_memory;
	able.sendfile = memory_sendfile;
	client = (struct rig_client){ .rig = &rig, .owner = { .gone = gone } };
	memory_init(&client.memory, rig.loop);
	client.conn = conn_new(rig.loop, listener.factory, &able, -1, &client.memory, &peer, &client.owner);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
	conn_start(client.conn);
	rig_run(&rig);
}

static struct plait_result note(struct plait_result result, void *arg)
{
	struct filing *filing = arg;
	filing->fired++;
	filing->code = result.failure ? result.failure->code : 0;
	CU_ASSERT_TRUE(!recorder.inside || filing->code == PLAIT_ERROR_CANCELLED); /* by whoever is inside */
	CU_ASSERT_EQUAL(recorder.lost, 0);
	filing->sent = (uintptr_t)result.value;
	plait_result_drop(&result);
	recorder.inside = client.conn && conn_in_callback(client.conn);
	if (filing->deed)
		filing->deed();
	recorder.inside = false;
	return plait_value(NULL);
}

struct plait_deferred *filing_start(int fd, uint64_t offset, uint64_t len, struct filing *filing)
{
	*filing = (struct filing){ .deed = filing->deed };
	return plait_add_both(plait_send_file(client.conn, fd, offset, len), note, filing);
}

void filing_send(int fd, uint64_t offset, uint64_t len, struct filing *filing)
{
	struct plait_deferred *deferred = filing_start(fd, offset, len, filing);
	plait_deferred_unref(&deferred);
}

int filing_file(size_t len)
{
	int fd = memfd_create("content", MFD_CLOEXEC);
	CU_ASSERT_FATAL(fd >= 0 && write(fd, filing_content, len) == (ssize_t)len);
	return fd;
}

bool filing_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Each test runs with bytes copied, and with a transport that sends files. */
bool filing_by_transport;

void filing_begin(void)
{
	for (size_t i = 0; i < FILING_LARGE; i++)
		filing_content[i] = (uint8_t)(i * 31 + i / 251);
	filing_calls = 0;
	filing_most = 0;
	filing_unable = false;
	open_with(&recorder_protocol);
	if (filing_by_transport)
		connect_able();
	CU_ASSERT_TRUE(recorder_saw("made"));
}

void filing_both_ways(void (*test)(void))
{
	filing_by_transport = false;
	test();
	filing_by_transport = true;
	test();
	filing_by_transport = false;
}

void filing_take(size_t len)
{
	client.memory.write_room = len;
	memory_wake(&client.memory);
	rig_run(&rig);
}

/* Drops what was filing_heard up to there, when it is that. */
bool filing_heard(const void *bytes, size_t len)
{
	struct buffer *from = &client.memory.from_conn;
	bool same = buffer_size(from) >= len && (len == 0 || memcmp(buffer_data(from), bytes, len) == 0);
	if (same)
		buffer_consume(from, len);
	return same;
}

bool filing_heard_all(void)
{
	return buffer_size(&client.memory.from_conn) == 0;
}
