/* TLS in pretence. */
#include "tests/unit/net/upgrading.h"

#include <CUnit/CUnit.h>
#include <string.h>

static char context;

void upgrading_begin(const struct plait_protocol *protocol)
{
	open_with(protocol);
	listener.factory->tls.role = &context;
	CU_ASSERT_TRUE(recorder_saw("made"));
}

int upgrading_start(struct plait_conn *conn)
{
	plait_write(conn, "go.", 3);
	return plait_start_tls(conn, NULL);
}

void upgrading_message(struct plait_conn *conn, const void *message, size_t len)
{
	if (len < 8 || memcmp(message, "STARTTLS", 8) != 0)
		return;
	int result = upgrading_start(conn);
	if (result < 0)
		recorder_note("%d", result);
}

size_t upgrading_data(struct plait_conn *conn, const void *data, size_t len)
{
	upgrading_message(conn, data, len);
	return len;
}

void upgrading_shake(struct rig_client *one)
{
	one->memory.secured = true;
	memory_wake(&one->memory);
	rig_run(one->rig);
}
