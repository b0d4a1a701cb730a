/* The channel between the supervisor and a worker: messages of one size over a SOCK_SEQPACKET pair, each with a descriptor
 * at most. Both ends check what comes; a worker may be of another version than its supervisor. */
#ifndef SERVER_SUPERVISOR_CHANNEL_H
#define SERVER_SUPERVISOR_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <plait/error.h>

/* A change that the other end would not understand makes it 2. */
#define CHANNEL_VERSION 1

enum channel_kind {
	/* Of the worker, each followed by a reply. */
	CHANNEL_BIND = 1, /* u.bind; the reply has the socket */
	CHANNEL_TEXT,     /* the reply has what was served last, a file in memory; or none */
	CHANNEL_READ,     /* the reply has the configuration as its file is, a file in memory */
	CHANNEL_PAGE,     /* the reply has the shared page */
	CHANNEL_OPEN,     /* u.open; the reply has the file, or the system's error as its number */
	CHANNEL_SERVES, /* u.number: 1, what CHANNEL_TEXT or CHANNEL_READ brought last; 0, what it served before. Ends a run of
			  * CHANNEL_KEEP */
	CHANNEL_STOPPING, /* it stops listening after the reply; else as CHANNEL_ENDING */

	/* Of the worker. */
	CHANNEL_KEEP,    /* u.keep: it serves by that socket */
	CHANNEL_READY,   /* it accepts; u.state: upgrade_state_version of its program */
	CHANNEL_NOTIFY,  /* u.text, for the service manager */
	CHANNEL_UPGRADE, /* it was asked for one */
	CHANNEL_RECYCLE, /* u.text: why it wants to be replaced */

	/* Of the supervisor. */
	CHANNEL_REPLY,    /* u.reply */
	CHANNEL_STOP,     /* u.number: the signal; drain, or the second time stop at once */
	CHANNEL_RELOAD,   /* read the configuration anew */
	CHANNEL_RETIRE,   /* another one serves: stop accepting, drain and end */
	CHANNEL_UPGRADED, /* u.reply: what came of it */

	/* Of the worker. New ones come last: the other end knows the numbers. */
	CHANNEL_ENDING, /* its end has begun; however it comes, nobody is to take its place */
	CHANNEL_KINDS
};

/* Of a socket to be bound; what struct socket_settings has of that. */
struct channel_settings {
	int64_t backlog, keepalive_count;
	uint64_t keepalive_idle_ms, keepalive_interval_ms;
	uint8_t nodelay, keepalive, v6only, reuseaddr, shared;
	char mode[8];
};

struct channel_bind {
	char name[65];
	int32_t type;
	uint32_t number, len;
	uint8_t share;
	struct sockaddr_storage sa;
	struct channel_settings settings;
};

struct channel_open {
	int32_t flags; /* open(2)'s */
	char path[4096];
};

struct channel_keep {
	uint64_t cookie; /* SO_COOKIE */
	char name[65];
};

struct channel_reply {
	int32_t code;    /* 0 or an enum plait_code */
	uint32_t number; /* to CHANNEL_TEXT: the worker's own, from 1 */
	char path[sizeof(((struct plait_error *)0)->path)];
	char text[sizeof(((struct plait_error *)0)->text)];
};

struct channel_message {
	uint32_t magic;
	uint16_t version, kind; /* enum channel_kind */
	union {
		struct channel_bind bind;
		struct channel_open open;
		struct channel_keep keep;
		struct channel_reply reply;
		char text[256];
		int32_t number;
		uint32_t state;
	} u;
};

/* Both ends, close-on-exec; the first one, the supervisor's, takes no descriptors where the kernel can refuse them (Linux
 * 6.16). 0, or -1 with errno. */
int channel_pair(int ends[2]);

/* Sends message, whose head it fills, with the descriptor passed (-1: none), which stays the caller's. wait: until there is
 * room; else it fails with EAGAIN. 0, or -1 with errno. */
int channel_send(int channel, struct channel_message *message, int passed, bool wait);

/* Whether the other end has so many messages yet to read that whoever repeats one can leave that. */
bool channel_is_behind(int channel);

/* In place of a descriptor that was passed, for which this process had none left. */
#define CHANNEL_LOST (-2)

/* 1 with message filled and *passed a descriptor of the caller's, or -1; 0 at the end; -1 with errno, EPROTO when what came
 * is none. wait: until there is one; else EAGAIN. Texts end. */
int channel_receive(int channel, struct channel_message *message, int *passed, bool wait);

/* Closes what a worker has, or had, too. It may have told a socket to wait for its peer then, which would be waited for here. */
void channel_discard(int fd);

/* Of a socket; what tells it from all others. */
uint64_t channel_cookie(int fd);

/* A sealed file in memory with that text: close-on-exec. Or -1 with errno. */
int channel_write_text(const char *text, size_t len);

/* What is in such a file, whoever made it: NUL-terminated, the caller's; the file stays open. NULL with errno. */
char *channel_read_text(int fd, size_t most, size_t *len);

#endif
