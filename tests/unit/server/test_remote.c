/* What a worker hears that is busy, or waits for answers. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/loop/loop.h"
#include "core/server/supervisor/inside.h"
#include "core/server/supervisor/remote.h"
#include "tests/unit/suite.h"

static int supervisor;
static unsigned heard[CHANNEL_KINDS];

static void say(enum channel_kind kind)
{
	struct channel_message message;
	memset(&message, 0, sizeof(message));
	message.kind = (uint16_t)kind;
	CU_ASSERT_EQUAL(channel_send(supervisor, &message, -1, false), 0);
}

static void hear(void *arg, const struct channel_message *message)
{
	(void)arg;
	heard[message->kind]++;
}

/* As one that serves, with many sockets to ask for. */
static void reloads_leave_room_for_the_word_to_stop(void)
{
	struct channel_message question;
	struct plait_error error;
	int ends[2], passed;
	CU_ASSERT_EQUAL_FATAL(channel_pair(ends), 0);
	struct remote *remote = remote_new(ends[1]);
	struct plait_loop *loop = loop_new(0, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
	supervisor = ends[0];
	for (unsigned i = 0; i < 20; i++) {
		say(CHANNEL_RELOAD);
		say(CHANNEL_RELOAD);
		if (i == 19)
			say(CHANNEL_STOP);
		say(CHANNEL_REPLY);
		memset(&question, 0, sizeof(question));
		question.kind = CHANNEL_PAGE;
		CU_ASSERT_EQUAL(remote_ask(remote, &question, &passed, &error), 0);
		CU_ASSERT_EQUAL(channel_receive(supervisor, &question, &passed, false), 1);
	}
	remote_listen(remote, loop, hear, NULL);
	for (unsigned i = 0; i < 5; i++)
		loop_turn(loop, false);
	CU_ASSERT_EQUAL(heard[CHANNEL_RELOAD], 1);
	CU_ASSERT_EQUAL(heard[CHANNEL_STOP], 1);
	remote_free(&remote);
	loop_free(&loop);
	close(supervisor);
}

/* It does not read for a while, and is told to reload meanwhile. */
static void there_is_room_for_what_is_said_once(void)
{
	struct worker_process worker = { 0 };
	struct channel_message message;
	int ends[2], passed;
	CU_ASSERT_EQUAL_FATAL(channel_pair(ends), 0);
	supervisor = worker.channel = ends[0];
	for (unsigned i = 0; i < 300; i++)
		supervisor_tell(&worker, CHANNEL_RELOAD, 0);
	say(CHANNEL_REPLY);
	CU_ASSERT_TRUE(supervisor_tell(&worker, CHANNEL_STOP, SIGTERM));
	memset(heard, 0, sizeof(heard));
	while (channel_receive(ends[1], &message, &passed, false) > 0)
		heard[message.kind]++;
	CU_ASSERT(heard[CHANNEL_RELOAD] > 0);
	CU_ASSERT_EQUAL(heard[CHANNEL_REPLY], 1);
	CU_ASSERT_EQUAL(heard[CHANNEL_STOP], 1);
	close(ends[0]);
	close(ends[1]);
}

/* The other end may be another program: what it says is to be understood, if only to be told why it is refused. */
static void numbers_of_messages_stay(void)
{
	static const enum channel_kind kinds[] = {
		CHANNEL_BIND,    CHANNEL_TEXT,     CHANNEL_READ,   CHANNEL_PAGE,  CHANNEL_OPEN,
		CHANNEL_SERVES,  CHANNEL_STOPPING, CHANNEL_KEEP,   CHANNEL_READY, CHANNEL_NOTIFY,
		CHANNEL_UPGRADE, CHANNEL_RECYCLE,  CHANNEL_REPLY,  CHANNEL_STOP,  CHANNEL_RELOAD,
		CHANNEL_RETIRE,  CHANNEL_UPGRADED, CHANNEL_ENDING,
	};
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		CU_ASSERT_EQUAL(kinds[i], i + 1);
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(reloads_leave_room_for_the_word_to_stop),
		SUITE_TEST(numbers_of_messages_stay),
		SUITE_TEST(there_is_room_for_what_is_said_once),
	};
	return suite_run("remote", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
