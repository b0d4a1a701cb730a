/* From the environment's list of descriptors to sockets by name and address. */
#include "core/server/systemd/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/config/config.h"

/* The first one's number is part of the protocol. */
#define FIRST_FD 3
#define MOST 1024

struct activated {
	int fd;
	char name[65];
	ino_t inode;
};

static struct activated *items;
static size_t item_count;

static unsigned long number_in(const char *name)
{
	const char *text = getenv(name);
	char *end;
	if (!text || !*text)
		return 0;
	unsigned long value = strtoul(text, &end, 10);
	return *end ? 0 : value;
}

/* Names stand between colons; where there are fewer of them, the rest has none. */
static void add(int fd, const char **names)
{
	struct stat found;
	size_t len = *names ? strcspn(*names, ":") : 0;
	struct activated *item = &items[item_count];
	*item = (struct activated){ .fd = fd };
	snprintf(item->name, sizeof(item->name), "%.*s", (int)(len < 64 ? len : 64), *names ? *names : "");
	if (*names)
		*names = (*names)[len] ? *names + len + 1 : NULL;
	if (fstat(fd, &found) < 0 || !S_ISSOCK(found.st_mode)) {
		log_write(PLAIT_LOG_WARNING, NULL, "LISTEN_FDS: descriptor %d (\"%s\") is no socket", fd,
			  item->name);
		return;
	}
	item->inode = found.st_ino;
	int flags = fcntl(fd, F_GETFL);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		log_write(PLAIT_LOG_WARNING, NULL, "LISTEN_FDS: descriptor %d (\"%s\"): %s", fd, item->name,
			  strerror(errno));
	else
		item_count++;
}

void activation_open(void)
{
	unsigned long count = number_in("LISTEN_PID") == (unsigned long)getpid() ? number_in("LISTEN_FDS")
										 : 0;
	const char *names = getenv("LISTEN_FDNAMES");
	char *copy = names ? strdup(names) : NULL;
	names = copy;
	if (count > MOST)
		count = MOST;
	items = count > 0 ? calloc(count, sizeof(*items)) : NULL;
	for (unsigned long i = 0; items && i < count; i++)
		add(FIRST_FD + (int)i, &names);
	free(copy);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

void activation_check(const struct config *config)
{
	const struct listener_config *listeners = config->listeners.items;
	for (size_t i = 0; i < item_count; i++) {
		bool named = false;
		for (size_t k = 0; k < config->listeners.count; k++)
			named = named || strcmp(listeners[k].name, items[i].name) == 0;
		if (!named)
			log_write(
				PLAIT_LOG_WARNING, NULL,
				"the service manager passed a socket \"%s\", which no listener is called: set "
				"FileDescriptorName= to a listener's name",
				items[i].name);
	}
}

static int option_of(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

static bool fits(const struct activated *item, const struct broker_socket *wanted)
{
	struct sockaddr_storage sa = { 0 }, sought = *wanted->sa;
	socklen_t len = sizeof(sa);
	if (option_of(item->fd, SO_TYPE) != wanted->type ||
	    getsockname(item->fd, (struct sockaddr *)&sa, &len) < 0)
		return false;
	if (wanted->type == SOCK_STREAM && option_of(item->fd, SO_ACCEPTCONN) != 1)
		return false;
	if (sa.ss_family == sought.ss_family && sa.ss_family != AF_UNIX && socket_any_port(&sought))
		socket_set_port(&sought, socket_port(item->fd));
	return socket_same_address(&sa, len, &sought, wanted->len);
}

static int refuse(const struct broker_socket *wanted, const char *found, struct plait_error *error)
{
	return plait_error_set(
		error, PLAIT_ERROR_REFUSED, NULL,
		"the service manager passed \"%s\" %s, which is not what the listener is bound to: let "
		"the socket unit and bind name the same address and kind%s",
		wanted->name, found, wanted->number > 0 ? ", with a socket for each loop (ReusePort=)" : "");
}

int activation_find(const struct broker_socket *wanted, struct plait_error *error)
{
	char found[256] = "";
	unsigned number = wanted->number;
	for (size_t i = 0; i < item_count; i++) {
		char text[160];
		if (strcmp(items[i].name, wanted->name) != 0)
			continue;
		if (!fits(&items[i], wanted)) {
			enum endpoint_scheme scheme = option_of(items[i].fd, SO_TYPE) == SOCK_DGRAM
							      ? ENDPOINT_UDP
							      : ENDPOINT_TCP;
			if (option_of(items[i].fd, SO_DOMAIN) == AF_UNIX)
				scheme = ENDPOINT_UNIX;
			text_append(found, sizeof(found), "%s%s", found[0] ? ", " : "",
				    socket_describe(scheme, items[i].fd, text, sizeof(text)));
		} else if (number-- == 0) {
			int fd = fcntl(items[i].fd, F_DUPFD_CLOEXEC, FIRST_FD);
			if (fd < 0)
				return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL,
						       "cannot take a socket: %s", strerror(errno));
			socket_adopt(fd, wanted->type, wanted->settings);
			return fd;
		}
	}
	if (number < wanted->number)
		return refuse(wanted, "too few sockets", error);
	return found[0] ? refuse(wanted, found, error) : PLAIT_ERROR_MISSING;
}

bool activation_has(int fd)
{
	struct stat found;
	if (item_count == 0 || fstat(fd, &found) < 0)
		return false;
	for (size_t i = 0; i < item_count; i++)
		if (items[i].inode == found.st_ino)
			return true;
	return false;
}
