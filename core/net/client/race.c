/* Happy eyeballs. */
#include "core/net/client/race.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/container.h"
#include "core/base/system_text.h"
#include "core/base/text.h"
#include "core/net/net.h"

enum stage { STAGE_WAITING, STAGE_TRYING, STAGE_FAILED };

struct runner {
	struct attempt attempt;
	struct race *race;
	enum stage stage;
	int error; /* of one that failed */
};

struct race {
	struct plait_loop *loop;
	const struct race_settings *settings;
	race_fn *fn;
	void *arg;
	struct timer stagger;
	struct task task; /* begins, and ends: sockets stay until the end of a turn */
	bool freed;
	unsigned count, next, trying;
	struct runner runners[];
};

static void on_attempt(struct attempt *attempt, int fd, int error);
static void on_task(struct task *task);
static void on_stagger(struct timer *timer);

static const struct plait_addr *source(const struct race_settings *settings, int family)
{
	return family == AF_INET ? &settings->bind4 : &settings->bind6;
}

/* With an address of ours of one family, the other's addresses cannot be reached from it. */
static bool reachable(const struct race_settings *settings, int family)
{
	bool any = settings->bind4.family || settings->bind6.family;
	return family == AF_UNIX || !any || source(settings, family)->family;
}

static bool same(const struct attempt *attempt, const struct sockaddr_storage *sa, socklen_t len)
{
	return attempt->to_len == len && memcmp(&attempt->to, sa, len) == 0;
}

static void add(struct race *race, const struct sockaddr_storage *sa, socklen_t len)
{
	for (unsigned i = 0; i < race->count; i++) {
		if (same(&race->runners[i].attempt, sa, len))
			return;
	}
	if (race->count == race->settings->attempts || !reachable(race->settings, sa->ss_family))
		return;
	struct runner *runner = &race->runners[race->count++];
	struct attempt *attempt = &runner->attempt;
	runner->race = race;
	attempt->loop = race->loop;
	attempt->to = *sa;
	attempt->to_len = len;
	attempt->settings = race->settings->socket;
	attempt->fn = on_attempt;
	attempt->from.ss_family = AF_UNSPEC;
	const struct plait_addr *from = source(race->settings, sa->ss_family);
	if (from->family && sa->ss_family != AF_UNIX)
		attempt->from_len = addr_to_sockaddr(from, sa->ss_family, &attempt->from);
}

/* The next address from at on that is, or is not, of the family. */
static unsigned seek(const struct socket_addresses *addresses, unsigned at, int family, bool is)
{
	while (at < addresses->count && (addresses->items[at].sa.ss_family == family) != is)
		at++;
	return at;
}

/* The first family is that of the first address; from then on they take turns. */
static void interleave(struct race *race, const struct socket_addresses *addresses)
{
	int family = addresses->items[0].sa.ss_family;
	unsigned first = 0, other = seek(addresses, 0, family, false);
	while (first < addresses->count || other < addresses->count) {
		if (first < addresses->count)
			add(race, &addresses->items[first].sa, addresses->items[first].len);
		if (other < addresses->count)
			add(race, &addresses->items[other].sa, addresses->items[other].len);
		first = seek(addresses, first + 1, family, true);
		other = seek(addresses, other + 1, family, false);
	}
}

struct race *race_start(struct plait_loop *loop, const struct socket_addresses *addresses,
			const struct race_settings *settings, race_fn *fn, void *arg)
{
	struct race *race = calloc(1, sizeof(*race) + addresses->count * sizeof(struct runner));
	if (!race)
		return NULL;
	race->loop = loop;
	race->settings = settings;
	race->fn = fn;
	race->arg = arg;
	timer_init(&race->stagger, on_stagger);
	task_init(&race->task, on_task);
	interleave(race, addresses);
	loop_defer(loop, &race->task);
	return race;
}

static void fail(struct runner *runner, int error)
{
	runner->stage = STAGE_FAILED;
	runner->error = error;
}

static void lose(struct race *race)
{
	race->fn(race->arg, -1, NULL, 0);
}

/* Starts the next attempt, and more until one is under way. */
static void go_on(struct race *race)
{
	loop_stop_timer(race->loop, &race->stagger);
	while (race->next < race->count) {
		struct runner *runner = &race->runners[race->next++];
		int error = race->loop->net->attempts->start(&runner->attempt);
		if (error) {
			fail(runner, error);
			continue;
		}
		runner->stage = STAGE_TRYING;
		race->trying++;
		if (race->next < race->count)
			loop_start_timer(race->loop, &race->stagger,
					 loop_now(race->loop) + race->settings->stagger_ms);
		return;
	}
	if (race->trying == 0)
		lose(race);
}

static void on_stagger(struct timer *timer)
{
	go_on(CONTAINER_OF(timer, struct race, stagger));
}

static void cancel_all(struct race *race)
{
	loop_stop_timer(race->loop, &race->stagger);
	for (unsigned i = 0; i < race->count; i++) {
		struct runner *runner = &race->runners[i];
		if (runner->stage == STAGE_TRYING) {
			race->loop->net->attempts->cancel(&runner->attempt);
			fail(runner, ECANCELED);
		}
	}
	race->trying = 0;
}

static void on_attempt(struct attempt *attempt, int fd, int error)
{
	struct runner *runner = CONTAINER_OF(attempt, struct runner, attempt);
	struct race *race = runner->race;
	fail(runner, error);
	race->trying--;
	if (fd < 0) {
		go_on(race);
		return;
	}
	cancel_all(race);
	race->fn(race->arg, fd, (struct sockaddr *)&attempt->to, attempt->to_len);
}

static void on_task(struct task *task)
{
	struct race *race = CONTAINER_OF(task, struct race, task);
	if (race->freed)
		free(race);
	else
		go_on(race);
}

void race_free(struct race **race_at)
{
	struct race *race = *race_at;
	*race_at = NULL;
	if (!race)
		return;
	cancel_all(race);
	race->freed = true;
	loop_defer(race->loop, &race->task);
}

const char *race_describe(const struct race *race, char *out, size_t size)
{
	*out = '\0';
	for (unsigned i = 0; i < race->count; i++) {
		const struct runner *runner = &race->runners[i];
		struct plait_addr addr;
		char text[PLAIT_ADDR_TEXT];
		if (runner->stage == STAGE_WAITING)
			break;
		addr_from_sockaddr((const struct sockaddr *)&runner->attempt.to, runner->attempt.to_len,
				   &addr);
		text_append(out, size, "%s", i > 0 ? "; " : "");
		if (addr.family != PLAIT_FAMILY_UNIX)
			text_append(out, size, "%s: ", plait_addr_format(&addr, text, sizeof(text)));
		text_append(out, size, "%s",
			    runner->stage == STAGE_TRYING ? "no answer" : system_text(runner->error));
	}
	if (race->count == 0)
		text_append(out, size,
			    "none of its addresses is of the family of the address to connect from");
	return out;
}
