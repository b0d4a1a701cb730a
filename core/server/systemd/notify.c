/* The protocol is so small that libsystemd, for it alone, would be a dependency more than it saves. */
#include "core/server/systemd/notify.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/text.h"

#define PATIENCE_MS 1000
#define TRIES 10

static struct {
	int fd;    /* connected; -1: there is no manager */
	bool deaf; /* it was waited for in vain */
	char *socket, *watchdog, *watchdog_pid;
	uint64_t watchdog_ms;
	notify_fn *fn;
	void *arg;
} manager = { .fd = -1 };

/* A path, or "@name" of an abstract one. -1: it is none, or nobody is there. */
static int connect_to(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(sun.sun_path))
		return -1;
	memcpy(sun.sun_path, name, len);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	int result = -1;
	while (fd >= 0 && (result = connect(fd, (const struct sockaddr *)&sun, size)) < 0 && errno == EINTR)
		;
	if (fd >= 0 && result < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static char *take(const char *name)
{
	const char *value = getenv(name);
	char *copy = value && *value ? strdup(value) : NULL;
	unsetenv(name);
	return copy;
}

/* The watchdog may be meant for another process that we were started by. */
static uint64_t watchdog_of(const char *usec, const char *pid)
{
	if (!usec || (pid && strtoul(pid, NULL, 10) != (unsigned long)getpid()))
		return 0;
	char *end;
	unsigned long long value = strtoull(usec, &end, 10);
	return *end || value == 0 ? 0 : value < 2000 ? 1 : value / 1000;
}

void notify_open(void)
{
	manager.socket = take("NOTIFY_SOCKET");
	manager.watchdog = take("WATCHDOG_USEC");
	manager.watchdog_pid = take("WATCHDOG_PID");
	if (!manager.socket)
		return;
	manager.fd = connect_to(manager.socket);
	if (manager.fd < 0)
		log_write(PLAIT_LOG_WARNING, NULL,
			  "cannot tell the service manager anything: NOTIFY_SOCKET (%s): %s", manager.socket,
			  errno ? strerror(errno) : "no such address");
	else
		manager.watchdog_ms = watchdog_of(manager.watchdog, manager.watchdog_pid);
}

void notify_restore(void)
{
	if (manager.socket)
		setenv("NOTIFY_SOCKET", manager.socket, 1);
	if (manager.watchdog)
		setenv("WATCHDOG_USEC", manager.watchdog, 1);
}

void notify_hide(void)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
}

uint64_t notify_watchdog_ms(void)
{
	return manager.watchdog_ms;
}

bool notify_wanted(void)
{
	return manager.fd >= 0;
}

void notify_through(notify_fn *fn, void *arg)
{
	manager.fn = fn;
	manager.arg = arg;
}

/* Its queue may be as short as ten messages while the machine starts. Who does not read is waited for once: a server that is
 * ready serves, whoever was to know. */
static bool has_room(void)
{
	struct pollfd wait = { .fd = manager.fd, .events = POLLOUT };
	int found;
	if (manager.deaf)
		return false;
	while ((found = poll(&wait, 1, PATIENCE_MS)) < 0 && errno == EINTR)
		;
	manager.deaf = found <= 0;
	return !manager.deaf;
}

static void send_text(const char *text)
{
	if (manager.fn) {
		manager.fn(text, manager.arg);
		return;
	}
	for (unsigned tries = 0; tries < TRIES; tries++) {
		if (send(manager.fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
			manager.deaf = false;
			return;
		}
		if (errno != EINTR && (errno != EAGAIN || !has_room()))
			return;
	}
}

void notify_send(const char *format, ...)
{
	char text[NOTIFY_MOST + 1];
	va_list args;
	if (!notify_wanted())
		return;
	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len > 0 && len <= NOTIFY_MOST)
		send_text(text);
}

void notify_reloading(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu",
		    (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}

void notify_forward(const char *text)
{
	static const char *const allowed[] = { "READY=1", "RELOADING=1", "MONOTONIC_USEC=",
					       "STATUS=", "STOPPING=1",  "WATCHDOG=1" };
	char out[NOTIFY_MOST + 1] = "";
	if (!notify_wanted())
		return;
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		bool known = false;
		for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
			known = known || strncmp(line, allowed[i], strlen(allowed[i])) == 0;
		if (known)
			text_append(out, sizeof(out), "%s%.*s", out[0] ? "\n" : "", (int)len, line);
		line += len + (line[len] == '\n');
	}
	if (out[0])
		send_text(out);
}
