/* The program of test_supervisor_hostile.py: takes the place of plait's in an upgrade, and speaks to the supervisor as a worker
 * that is not its own master any more. What it does stands in a file beside it. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/server/supervisor/channel.h"
#include "core/server/supervisor/upgrade.h"

static int channel;

static void tell(enum channel_kind kind, const char *text)
{
	struct channel_message message;
	memset(&message, 0, sizeof(message));
	message.kind = (uint16_t)kind;
	snprintf(message.u.text, sizeof(message.u.text), "%s", text);
	if (channel_send(channel, &message, -1, true) < 0)
		_exit(1);
}

static void hear_reply(void)
{
	struct channel_message message;
	int passed;
	do {
		if (channel_receive(channel, &message, &passed, true) <= 0)
			_exit(1);
		if (passed >= 0)
			close(passed);
	} while (message.kind != CHANNEL_REPLY);
}

/* Asks without end, and quicker than is answered. */
static void flood(void)
{
	for (;;)
		tell(CHANNEL_READ, "");
}

/* Says nonsense, and does not hear that nobody listens any more. */
static void be_deaf(void)
{
	(void)!write(channel, "what?", 5);
	for (;;)
		pause();
}

/* As one that is told to end before it serves. */
static void stop(void)
{
	tell(CHANNEL_STOPPING, "");
	hear_reply();
	exit(0);
}

/* Takes sockets that nobody serves by, and ends. */
static void bind_many(void)
{
	for (unsigned i = 0; i < 100; i++) {
		struct channel_message message;
		memset(&message, 0, sizeof(message));
		message.kind = CHANNEL_BIND;
		struct channel_bind *bind = &message.u.bind;
		struct sockaddr_in *sin = (struct sockaddr_in *)&bind->sa;
		sin->sin_family = AF_INET;
		sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		strcpy(bind->name, "fault");
		bind->type = SOCK_STREAM;
		bind->number = i;
		bind->share = 1;
		bind->len = sizeof(*sin);
		bind->settings.backlog = 8;
		if (channel_send(channel, &message, -1, true) < 0)
			_exit(1);
		hear_reply();
	}
	raise(SIGKILL);
}

static void say_ready(uint32_t state)
{
	struct channel_message message;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_READY;
	message.u.state = state;
	if (channel_send(channel, &message, -1, true) < 0)
		_exit(1);
	tell(CHANNEL_TEXT, ""); /* with the reply all before it has been heard */
	hear_reply();
	raise(SIGKILL);
}

/* Is ready, and has not said what it serves. */
static void come_early(void)
{
	say_ready(upgrade_state_version());
}

/* Is of a program whose supervisor is another one. */
static void be_another(void)
{
	tell(CHANNEL_SERVES, "");
	say_ready(upgrade_state_version() + 1);
}

/* Speaks to the service manager for the whole server. */
static void pretend(void)
{
	tell(CHANNEL_NOTIFY, "MAINPID=1\nSTATUS=pretends\nFDSTORE=1");
	tell(CHANNEL_TEXT, "");
	hear_reply();
	raise(SIGKILL);
}

static const struct {
	const char *name;
	void (*fn)(void);
} moods[] = {
	{ "flood", flood },      { "deaf", be_deaf },     { "stop", stop },       { "bind", bind_many },
	{ "early", come_early }, { "other", be_another }, { "pretend", pretend },
};

int main(int argc, char **argv)
{
	char path[4096], mood[32] = "";
	const char *number = getenv("PLAIT_WORKER_CHANNEL");
	snprintf(path, sizeof(path), "%s.mood", argc > 0 ? argv[0] : "");
	FILE *file = fopen(path, "re");
	if (!file || !fgets(mood, sizeof(mood), file) || !number)
		return 2;
	fclose(file);
	channel = atoi(number);
	for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++)
		if (strcmp(moods[i].name, mood) == 0)
			moods[i].fn();
	return 2;
}
