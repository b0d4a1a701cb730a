/* A listener with a throttle, and somebody connected to it. */
#include "tests/unit/policy/throttled.h"

#include <CUnit/CUnit.h>

#include "tests/unit/net/recorder.h"

struct rig rig;
struct rig_listener listener;
struct rig_client a, b;
struct throttle *throttle;

/* Without lost: the recorder knows one connection. */
struct plait_protocol throttled_protocol;

void throttled_start(uint64_t read_rate, uint64_t write_rate)
{
	const struct limit_settings settings = { .read_rate = read_rate, .write_rate = write_rate };
	throttled_protocol = recorder_protocol;
	throttled_protocol.lost = NULL;
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &throttled_protocol, NULL, NULL), 0);
	throttle = throttle_new(&settings);
	listener.factory->traffic = throttle_traffic(throttle);
	rig_connect(&rig, &listener, &a);
}

void throttled_end(void)
{
	rig_leave(&a);
	CU_ASSERT_EQUAL(timer_heap_next(&rig.loop->timers), TIMER_NEVER); /* nobody is there to be measured */
	rig_unlisten(&listener);
	throttle_free(&throttle);
	rig_fini(&rig);
	recorder_reset();
}

bool reads(const struct rig_client *client)
{
	return client->memory.interest & WATCH_READ;
}

void say(struct rig_client *client, size_t len)
{
	static const char block[1 << 16];
	rig_say_bytes(client, block, len);
}
