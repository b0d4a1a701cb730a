/* Handshakes that fail for reasons of this process are an occasion to try one. */
#include "core/server/supervisor/health.h"

#include "core/base/log.h"
#include "core/loop/loop.h"
#include "core/net/net.h"
#include "core/net/tls/warm_up.h"
#include "core/server/reactor.h"

#define LOOK_MS 1000

/* So many within a second are no accident. */
#define FAILURES 3

/* What OpenSSL says when it cannot go on, whoever is at fault. */
static const enum handshake_failure suspicious[] = {
	HANDSHAKE_INTERNAL, HANDSHAKE_MALFORMED, HANDSHAKE_CIPHER, HANDSHAKE_GROUP, HANDSHAKE_SIGNATURE,
};

static unsigned long long count(const struct plait_reactor *reactor)
{
	unsigned long long sum = 0;
	for (unsigned i = 0; i < plait_reactor_loops(reactor); i++) {
		const struct net_counters *counters = &plait_reactor_loop(reactor, i)->net->counters;
		for (size_t k = 0; k < sizeof(suspicious) / sizeof(suspicious[0]); k++)
			sum += atomic_load(&counters->handshakes_failed[suspicious[k]]);
	}
	return sum;
}

static void look(void *arg)
{
	struct health *health = arg;
	struct plait_reactor *reactor = health->reactor;
	struct plait_error error;
	unsigned long long failures = count(reactor);
	bool many = failures - health->failures >= FAILURES;
	health->failures = failures;
	if (reactor->shutdown)
		return;
	if (many && tls_warm_up(&error) < 0)
		health->lost(health->arg, error.text);
	plait_call_later(reactor->boss, LOOK_MS, look, health);
}

void health_watch(struct health *health)
{
	plait_call_later(health->reactor->boss, LOOK_MS, look, health);
}
