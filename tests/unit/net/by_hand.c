/* Names and attempts that a test completes by hand, on the rig's clock. */
#include "tests/unit/net/by_hand.h"

#include <CUnit/CUnit.h>
#include <plait/failure.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/net/client/attempt.h"
#include "core/net/net.h"
#include "core/net/socket/resolver.h"
#include "tests/unit/net/recorder.h"

#define MOST 32

static struct rig *stage;
static struct resolve *question;
static struct attempt *attempts[MOST];
static unsigned count;
static int failing;

static const char *address_of(const struct sockaddr_storage *sa, socklen_t len)
{
	static char text[PLAIT_ADDR_TEXT];
	struct plait_addr addr;
	addr_from_sockaddr((const struct sockaddr *)sa, len, &addr);
	return plait_addr_format(&addr, text, sizeof(text));
}

static void resolver_start(struct resolve *resolve)
{
	CU_ASSERT_PTR_NULL(question);
	question = resolve;
	recorder_note("ask(%s)", resolve->name);
}

static void resolver_cancel(struct resolve *resolve)
{
	CU_ASSERT_PTR_EQUAL(question, resolve);
	recorder_note("forget(%s)", resolve->name);
	question = NULL;
}

static int attempt_start(struct attempt *attempt)
{
	recorder_note("try(%s)", address_of(&attempt->to, attempt->to_len));
	if (attempt->from_len > 0)
		recorder_note("from(%s)", address_of(&attempt->from, attempt->from_len));
	if (failing)
		return failing;
	CU_ASSERT_FATAL(count < MOST);
	attempts[count++] = attempt;
	return 0;
}

static void take(struct attempt *attempt)
{
	for (unsigned i = 0; i < count; i++) {
		if (attempts[i] == attempt) {
			memmove(&attempts[i], &attempts[i + 1], (--count - i) * sizeof(attempts[0]));
			return;
		}
	}
	CU_FAIL("an attempt that is not under way");
}

static void attempt_cancel(struct attempt *attempt)
{
	recorder_note("drop(%s)", address_of(&attempt->to, attempt->to_len));
	take(attempt);
}

void by_hand_init(struct rig *rig)
{
	static const struct resolver_ops resolver = { .start = resolver_start, .cancel = resolver_cancel };
	static const struct attempt_ops ops = { .start = attempt_start, .cancel = attempt_cancel };
	stage = rig;
	rig->loop->net->resolver = &resolver;
	rig->loop->net->attempts = &ops;
}

void by_hand_fini(void)
{
	CU_ASSERT_PTR_NULL(question);
	CU_ASSERT_EQUAL(count, 0);
	question = NULL;
	count = 0;
	failing = 0;
}

void by_hand_answer(const char *addresses)
{
	struct resolve *asked = question;
	struct socket_addresses found = { 0 };
	char list[512], *next = list;
	CU_ASSERT_PTR_NOT_NULL_FATAL(asked);
	question = NULL;
	snprintf(list, sizeof(list), "%s", addresses ? addresses : "");
	while (addresses && next) {
		struct socket_addresses one;
		CU_ASSERT_FATAL(resolver_literal(strsep(&next, " "), asked->port, &one));
		found.items[found.count++] = one.items[0];
	}
	asked->fn(asked, addresses ? &found : NULL,
		  addresses ? NULL : plait_failure(PLAIT_ERROR_MISSING, "no such name"));
	rig_run(stage);
}

static struct attempt *find(const char *address)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(address_of(&attempts[i]->to, attempts[i]->to_len), address) == 0)
			return attempts[i];
	}
	printf("# nobody tries %s\n", address);
	CU_FAIL_FATAL("nobody tries this address");
	return NULL;
}

int by_hand_accept(const char *address)
{
	struct attempt *attempt = find(address);
	int pair[2];
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	take(attempt);
	attempt->fn(attempt, pair[0], 0);
	rig_run(stage);
	return pair[1];
}

void by_hand_refuse(const char *address, int error)
{
	struct attempt *attempt = find(address);
	take(attempt);
	attempt->fn(attempt, -1, error);
	rig_run(stage);
}

void by_hand_fail_at_once(int error)
{
	failing = error;
}

unsigned by_hand_trying(void)
{
	return count;
}
