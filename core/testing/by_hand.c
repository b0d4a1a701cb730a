/* What a test does by hand: the work of threads, the answers of resolvers, and the ends of connections being opened. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/base/container.h"
#include "core/net/client/attempt.h"
#include "core/testing/kit.h"

/* ---- threads ---- */

static struct plait_test *test_of_threads(struct threads *threads)
{
	return CONTAINER_OF(threads, struct plait_test, threads);
}

static int submit(struct threads *threads, struct work *work, struct plait_error *error)
{
	struct plait_test *test = test_of_threads(threads);
	struct kit_line *line = &test->works;
	if (test->over)
		return plait_error_set(error, PLAIT_ERROR_CLOSING, NULL, "the test ends");
	kit_line_add(line, work);
	return 0;
}

static bool cancel(struct threads *threads, struct work *work)
{
	return kit_line_remove(&test_of_threads(threads)->works, work);
}

static void configure(struct threads *threads, const struct plait_thread_settings *settings)
{
	(void)threads;
	(void)settings;
}

static bool stop(struct threads *threads)
{
	(void)threads;
	return true;
}

static void forget(struct threads *threads)
{
	(void)threads;
}

static const struct threads_kind by_hand = {
	.submit = submit, .cancel = cancel, .configure = configure, .stop = stop, .free = forget
};

unsigned plait_test_work(const struct plait_test *test)
{
	return test->works.count;
}

bool plait_test_run_work(struct plait_test *test)
{
	struct work *work = kit_line_take(&test->works);
	if (!work)
		return false;
	loop_enter(NULL); /* as on a thread, which has no loop */
	work->run(work);
	work->done(work);
	loop_enter(test->loop);
	plait_test_run(test);
	return true;
}

/* ---- names ---- */

/* Who asks knows its loop, and that its test. */
static struct plait_test *test_of_loop(struct plait_loop *loop)
{
	return CONTAINER_OF(loop->threads, struct plait_test, threads);
}

static void ask(struct resolve *resolve)
{
	kit_line_add(&test_of_loop(resolve->loop)->questions, resolve);
}

static void ask_no_more(struct resolve *resolve)
{
	kit_line_remove(&test_of_loop(resolve->loop)->questions, resolve);
}

static const struct resolver_ops resolver_by_hand = { .start = ask, .cancel = ask_no_more };

const char *plait_test_question(const struct plait_test *test)
{
	const struct resolve *resolve = kit_line_first(&test->questions);
	return resolve ? resolve->name : NULL;
}

/* The next word of a list, or false. */
static bool next_word(const char **list, char *word, size_t size)
{
	*list += strspn(*list, " ");
	size_t len = strcspn(*list, " ");
	if (len == 0 || len >= size)
		return false;
	memcpy(word, *list, len);
	word[len] = '\0';
	*list += len;
	return true;
}

bool plait_test_answer(struct plait_test *test, const char *addresses)
{
	struct socket_addresses found = { 0 }, one;
	char word[INET6_ADDRSTRLEN + 20];
	struct resolve *resolve = kit_line_take(&test->questions);
	if (!resolve)
		return false;
	while (addresses && found.count < SOCKET_ADDRESSES_MAX && next_word(&addresses, word, sizeof(word))) {
		if (resolver_literal(word, resolve->port, &one))
			found.items[found.count++] = one.items[0];
		else
			kit_fault(test, "\"%s\" is no address to answer with", word);
	}
	if (found.count > 0)
		resolve->fn(resolve, &found, NULL);
	else
		resolve->fn(resolve, NULL,
			    plait_failure(PLAIT_ERROR_MISSING, "there is no host \"%s\"", resolve->name));
	plait_test_run(test);
	return true;
}

/* ---- connections being opened ---- */

static int dial(struct attempt *attempt)
{
	kit_line_add(&test_of_loop(attempt->loop)->attempts, attempt);
	return 0;
}

static void hang_up(struct attempt *attempt)
{
	kit_line_remove(&test_of_loop(attempt->loop)->attempts, attempt);
}

static const struct attempt_ops attempts_by_hand = { .start = dial, .cancel = hang_up };

const char *plait_test_dialled(struct plait_test *test)
{
	const struct attempt *attempt = kit_line_first(&test->attempts);
	struct plait_addr addr;
	if (!attempt)
		return NULL;
	addr_from_sockaddr((const struct sockaddr *)&attempt->to, attempt->to_len, &addr);
	return plait_addr_format(&addr, test->dialled, sizeof(test->dialled));
}

bool plait_test_refuse(struct plait_test *test)
{
	struct attempt *attempt = kit_line_take(&test->attempts);
	if (!attempt)
		return false;
	attempt->fn(attempt, -1, ECONNREFUSED);
	plait_test_run(test);
	return true;
}

bool plait_test_pick_up(struct plait_test *test, struct plait_factory *factory)
{
	static const struct plait_addr addr = { .family = PLAIT_FAMILY_IPV4,
						.port = 50000,
						.u.bytes = { 127, 0, 0, 1 } };
	struct attempt *attempt = kit_line_take(&test->attempts);
	int ends[2];
	if (!attempt)
		return false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
		kit_fault(test, "no connection for a test: %s", strerror(errno));
		return false;
	}
	struct plait_conn *conn = conn_new(test->loop, factory, &transport_plain, ends[1], NULL, &addr, NULL);
	if (!conn)
		abort();
	conn_start(conn);
	attempt->fn(attempt, ends[0], 0);
	plait_test_run(test);
	return true;
}

/* ---- all of it ---- */

void kit_take_in_hand(struct plait_test *test)
{
	test->threads.kind = &by_hand;
	test->loop->threads = &test->threads;
	test->loop->net->resolver = &resolver_by_hand;
	test->loop->net->attempts = &attempts_by_hand;
}

void kit_count_unanswered(struct plait_test *test)
{
	unsigned left = test->questions.count + test->attempts.count;
	if (left > 0)
		kit_fault(test, "names and connections that nobody answered: %u", left);
}

void kit_drop_work(struct plait_test *test)
{
	test->over = true;
	if (test->works.count > 0)
		kit_fault(test, "work for threads that was not run: %u", test->works.count);
	for (struct work *work; (work = kit_line_take(&test->works));)
		work->drop(work);
}
