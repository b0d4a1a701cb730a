/* The supervisor of a test. */
#include "tests/unit/server/hearing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/suite.h"

/* Nobody's: what is sent there comes to nobody. */
#define PID 0x7ffffff0

struct supervisor supervisor;
struct channel_message message;
char folder[] = "/tmp/plait-hear-XXXXXX", file[64], denied[64];
int theirs[2];

void put(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	fputs(text, out);
	fclose(out);
}

void add_worker(unsigned at, enum worker_state state)
{
	int ends[2];
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	supervisor.workers[at] = (struct worker_process){ .state = state,
							  .number = at + 1,
							  .pid = PID,
							  .channel = ends[0],
							  .text = -1,
							  .read = -1,
							  .page_fd = -1 };
	theirs[at] = ends[1];
}

void hearing_begin(void)
{
	static const char text[] = NAMES("1s");
	struct problems problems;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/c.json", folder);
	snprintf(denied, sizeof(denied), "%s/denied", folder);
	put(file, text);
	put(denied, "192.0.2.1\n");
	problems_init(&problems);
	supervisor = (struct supervisor){ .file = file,
					  .text = channel_write_text(text, strlen(text)),
					  .config = config_load_text(file, text, strlen(text), &problems),
					  .signals = -1 };
	problems_fini(&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(supervisor.config);
	theirs[0] = theirs[1] = -1;
	add_worker(0, WORKER_SERVING);
}

void hearing_end(void)
{
	store_clear(&supervisor.store);
	for (unsigned i = 0; i < 2; i++) {
		if (theirs[i] >= 0)
			close(theirs[i]);
		if (supervisor.workers[i].state != WORKER_NONE)
			supervisor_let_go(&supervisor.workers[i]);
	}
	close(supervisor.text);
	config_free(&supervisor.config);
	lender_fini(&supervisor.lender);
	unlink(file);
	unlink(denied);
	rmdir(folder);
}

void say(unsigned who, enum channel_kind kind)
{
	message.kind = (uint16_t)kind;
	CU_ASSERT_EQUAL(channel_send(theirs[who], &message, -1, false), 0);
	memset(&message, 0, sizeof(message));
}

void hear(unsigned who)
{
	supervisor_hear(&supervisor, &supervisor.workers[who]);
}

int ask(unsigned who, enum channel_kind kind)
{
	int passed;
	say(who, kind);
	hear(who);
	memset(&message, 0, sizeof(message));
	CU_ASSERT_EQUAL(channel_receive(theirs[who], &message, &passed, false), 1);
	CU_ASSERT_EQUAL(message.kind, CHANNEL_REPLY);
	return passed;
}

void fill_bind(const char *name, unsigned number)
{
	memset(&message, 0, sizeof(message));
	struct channel_bind *bind = &message.u.bind;
	struct sockaddr_in *sin = (struct sockaddr_in *)&bind->sa;
	snprintf(bind->name, sizeof(bind->name), "%s", name);
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind->type = SOCK_STREAM;
	bind->number = number;
	bind->len = sizeof(*sin);
	bind->settings = (struct channel_settings){ .backlog = 8, .reuseaddr = 1, .mode = "0600" };
}

void keep_socket(unsigned who, uint64_t cookie)
{
	memset(&message, 0, sizeof(message));
	message.u.keep = (struct channel_keep){ .cookie = cookie, .name = "a" };
	say(who, CHANNEL_KEEP);
}

void serve(unsigned who, int as_read)
{
	memset(&message, 0, sizeof(message));
	message.u.number = as_read;
	CU_ASSERT_EQUAL(ask(who, CHANNEL_SERVES), -1);
	CU_ASSERT_EQUAL(message.u.reply.code, 0);
}
