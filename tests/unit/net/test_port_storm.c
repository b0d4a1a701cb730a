/* Ports opened, connected, closed and written to at random on one loop: nothing is lost from the books, nothing leaks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/datagram/port.h"
#include "tests/unit/net/port_log.h"
#include "tests/unit/suite.h"

#define PORTS 24
#define STEPS 20000

static struct plait_port *ports[PORTS];
static struct plait_addr addresses[PORTS]; /* as they were last */
static unsigned started, stopped, opened, closed_early, heard, refusals, connects;

/* The test's own numbers, the same in each run. */
static uint64_t seed = 1;
static unsigned dice(unsigned sides)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % sides;
}

struct storm_state {
	unsigned slot;
	bool begun, ended;
};

static void storm_close(unsigned slot)
{
	struct storm_state *state = plait_port_state(ports[slot]);
	closed_early += !state->begun;
	plait_port_close(&ports[slot]);
}

static void storm_send(unsigned slot)
{
	static const uint8_t bytes[3000];
	const struct plait_addr *to = dice(3) == 0 ? NULL : &addresses[dice(PORTS)];
	int result = plait_send(ports[slot], to, bytes, dice(2) ? 100 : dice(sizeof(bytes)));
	const struct plait_addr *peer = plait_port_peer(ports[slot]);
	bool allowed = peer ? !to || plait_addr_equal(to, peer) : to && to->family != 0;
	CU_ASSERT_EQUAL(result, allowed ? 0 : PLAIT_ERROR_INVALID);
}

static void step(void);

static void on_started(struct plait_port *port)
{
	struct storm_state *state = plait_port_state(port);
	CU_ASSERT_FALSE(state->begun);
	CU_ASSERT_PTR_EQUAL(ports[state->slot], port);
	state->begun = true;
	started++;
	if (dice(8) == 0)
		storm_close(state->slot);
}

static void on_stopped(struct plait_port *port)
{
	struct storm_state *state = plait_port_state(port);
	CU_ASSERT_TRUE(state->begun);
	CU_ASSERT_FALSE(state->ended);
	state->ended = true;
	stopped++;
	if (dice(4) == 0)
		step();
}

static void on_datagram(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	struct storm_state *state = plait_port_state(port);
	const struct plait_addr *peer = plait_port_peer(port);
	CU_ASSERT_TRUE(state->begun);
	CU_ASSERT_PTR_EQUAL(ports[state->slot], port);
	CU_ASSERT_TRUE(!peer || plait_addr_equal(peer, from));
	heard++;
	if (dice(8) == 0)
		plait_send(port, from, data, len);
	if (dice(4) == 0)
		step();
}

static void on_refused(struct plait_port *port, const struct plait_addr *peer)
{
	struct storm_state *state = plait_port_state(port);
	CU_ASSERT_TRUE(state->begun);
	CU_ASSERT_PTR_EQUAL(ports[state->slot], port);
	CU_ASSERT_TRUE(plait_addr_equal(peer, plait_port_peer(port)));
	refusals++;
	if (dice(4) == 0)
		step();
}

static const struct plait_protocol storm_protocol = {
	PLAIT_PROTOCOL_HEAD("storm"), .port_size = sizeof(struct storm_state),
	.datagram = on_datagram,      .port_started = on_started,
	.port_stopped = on_stopped,   .refused = on_refused,
};

static void storm_open(unsigned slot)
{
	struct plait_error error = { 0 };
	ports[slot] = plait_port_open(rig.loop, dice(2) ? "udp://127.0.0.1:0" : "udp://0.0.0.0:0",
				      &storm_protocol, NULL, &error);
	if (!ports[slot])
		printf("# %s\n", error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ports[slot]);
	struct storm_state *state = plait_port_state(ports[slot]);
	state->slot = slot;
	addresses[slot] = log_address(ports[slot]);
	opened++;
}

/* Does one thing with one port. */
static void step(void)
{
	unsigned slot = dice(PORTS), what = dice(16);
	if (!ports[slot])
		storm_open(slot);
	else if (what == 0)
		storm_close(slot);
	else if (what == 1 && addresses[dice(PORTS)].port > 0) {
		const struct plait_addr *to = &addresses[dice(PORTS)];
		bool can = !plait_port_peer(ports[slot]) && to->port > 0;
		int result = plait_port_connect(ports[slot], to, NULL);
		CU_ASSERT_EQUAL(result, can ? 0 : PLAIT_ERROR_INVALID);
		connects += can;
	} else
		storm_send(slot);
}

static void a_storm_leaves_nothing_behind(void)
{
	log_begin();
	for (unsigned i = 0; i < PORTS; i++)
		addresses[i] = log_parse("127.0.0.1:9");
	for (unsigned i = 0; i < STEPS; i++) {
		step();
		if (dice(10) == 0)
			loop_turn(rig.loop, false);
	}
	for (unsigned i = 0; i < PORTS; i++) {
		if (ports[i])
			storm_close(i);
	}
	log_turn();
	while (rig.loop->net->ports) /* closing ones may open others */
		for (unsigned i = 0; i < PORTS; i++) {
			if (ports[i])
				storm_close(i);
			loop_turn(rig.loop, false);
		}
	printf("# %u opened, %u connected, %u heard, %u refused\n", opened, connects, heard, refusals);
	CU_ASSERT_TRUE(opened > 500 && connects > 100 && heard > 1000 && refusals > 100);
	CU_ASSERT_EQUAL(started, stopped);
	CU_ASSERT_EQUAL(started + closed_early, opened);
	log_end();
}

SUITE_MAIN("port_storm", SUITE_TEST(a_storm_leaves_nothing_behind))
