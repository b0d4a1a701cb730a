/* One listener and one client on a loop of their own. */
#include "tests/unit/net/fixture.h"

#include <CUnit/CUnit.h>

#include "tests/unit/net/recorder.h"

struct rig rig;
struct rig_listener listener;
struct rig_client client;

void open_with(const struct plait_protocol *protocol)
{
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, protocol, NULL, NULL), 0);
	rig_connect(&rig, &listener, &client);
}

void done(void)
{
	rig_leave(&client);
	rig_unlisten(&listener);
	rig_fini(&rig);
	recorder_reset();
}
