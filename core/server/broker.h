/* Where a server's sockets come from, and who answers for them: the process itself, or the supervisor, which keeps them when
 * the process ends. All on the boss's thread. */
#ifndef SERVER_BROKER_H
#define SERVER_BROKER_H

#include "core/config/read.h"
#include "core/net/socket/socket.h"

/* The control socket's, which no listener can have. */
#define BROKER_CONTROL_NAME "(control)"

struct broker_socket {
	const char *name; /* of the listener */
	int type;         /* SOCK_STREAM or SOCK_DGRAM */
	const struct sockaddr_storage *sa;
	socklen_t len;
	const struct socket_settings *settings;
	bool share;      /* one address, several sockets */
	unsigned number; /* which of these */
};

/* One that is served by. */
struct broker_kept {
	const char *name;
	int fd;
};

struct broker;

struct broker_ops {
	/* A bound socket, listening where that has a meaning; a descriptor, or a negative code with error filled. */
	int (*bind)(struct broker *broker, const struct broker_socket *wanted, struct plait_error *error);

	/* The text of the configuration, as config_read. */
	char *(*read)(struct broker *broker, const char *file, size_t *len, struct problems *problems);

	/* What is served from here on, or still, by these sockets. Others that bind returned are of no use any more. as_read:
	 * by the text that was read last; else by the one before. */
	void (*serve)(struct broker *broker, const struct broker_kept *sockets, size_t count, bool as_read);

	/* The server's end has begun: nobody is to take its place, whatever becomes of it. */
	void (*end)(struct broker *broker);

	/* The server is about to stop listening, for good. */
	void (*stop)(struct broker *broker);

	/* Whoever bound a UNIX socket takes its file away: the process itself. */
	bool own_paths;
};

struct broker {
	const struct broker_ops *ops;
};

/* The process itself. */
struct broker *broker_local(void);

/* Binds in this process; for brokers. */
int broker_bind_here(const struct broker_socket *wanted, struct plait_error *error);

#endif
