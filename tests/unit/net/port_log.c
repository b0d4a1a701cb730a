/* Datagram ports on real sockets of one loop, which write down what happens to them. */
#include "tests/unit/net/port_log.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/net/net.h"

struct rig rig;
struct port_log port_log;
static unsigned descriptors;

static unsigned count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;
	while (folder && readdir(folder))
		count++;
	closedir(folder);
	return count;
}

void log_begin(void)
{
	memset(&port_log, 0, sizeof(port_log));
	descriptors = count_descriptors();
	rig_init(&rig);
}

void log_end(void)
{
	rig_fini(&rig);
	CU_ASSERT_EQUAL(count_descriptors(), descriptors);
}

/* What goes over a wire is handed on by a thread of the kernel's when there is much to do. */
#define PATIENCE_MS 5000

void log_turn(void)
{
	for (unsigned i = 0; i < 5; i++)
		loop_turn(rig.loop, false);
}

static void note(struct plait_port *port, const char *event, const void *data, size_t len)
{
	struct log_state *state = plait_port_state(port);
	size_t used = strlen(port_log.events), room = sizeof(port_log.events) - used;
	snprintf(port_log.events + used, room, "%s%s%s%s%s%.*s%s", used > 0 ? " " : "",
		 state->name ? state->name : "", state->name ? ":" : "", event, data ? "(" : "", (int)len,
		 data ? (const char *)data : "", data ? ")" : "");
}

static void enter(void)
{
	CU_ASSERT_FALSE(port_log.inside);
	port_log.inside = true;
}

static void started(struct plait_port *port)
{
	enter();
	note(port, "started", NULL, 0);
	if (port_log.on_started)
		port_log.on_started(port);
	port_log.inside = false;
}

static void stopped(struct plait_port *port)
{
	enter();
	note(port, "stopped", NULL, 0);
	CU_ASSERT_EQUAL(plait_send(port, plait_port_local(port), "late", 4), PLAIT_ERROR_CLOSING);
	if (port_log.on_stopped)
		port_log.on_stopped(port);
	port_log.inside = false;
}

static void datagram(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	enter();
	note(port, "datagram", data, len);
	if (port_log.on_datagram)
		port_log.on_datagram(port, from, data, len);
	port_log.inside = false;
}

static void refused(struct plait_port *port, const struct plait_addr *peer)
{
	enter();
	note(port, "refused", NULL, 0);
	CU_ASSERT_PTR_NOT_NULL(plait_port_peer(port));
	CU_ASSERT_TRUE(plait_addr_equal(peer, plait_port_peer(port)));
	if (port_log.on_refused)
		port_log.on_refused(port);
	port_log.inside = false;
}

const struct plait_protocol log_protocol = {
	PLAIT_PROTOCOL_HEAD("log"), .port_size = sizeof(struct log_state),
	.datagram = datagram,       .port_started = started,
	.port_stopped = stopped,    .refused = refused,
};

void log_wait(size_t len)
{
	for (unsigned i = 0; i < PATIENCE_MS && strlen(port_log.events) < len; i++) {
		usleep(1000);
		loop_turn(rig.loop, false);
	}
}

bool log_saw(const char *events)
{
	log_wait(strlen(events));
	bool same = strcmp(port_log.events, events) == 0;
	if (!same)
		printf("# saw \"%s\" instead of \"%s\"\n", port_log.events, events);
	port_log.events[0] = '\0';
	return same;
}

struct plait_port *log_open(const char *endpoint, const struct plait_port_settings *settings)
{
	struct plait_error error = { 0 };
	struct plait_port *port = plait_port_open(rig.loop, endpoint, &log_protocol, settings, &error);
	if (!port)
		printf("# %s: %s\n", endpoint, error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(port);
	return port;
}

void log_name(struct plait_port *port, const char *name)
{
	struct log_state *state = plait_port_state(port);
	state->name = name;
}

struct plait_addr log_parse(const char *text)
{
	struct plait_addr addr;
	CU_ASSERT_EQUAL(plait_addr_parse(text, &addr, NULL), 0);
	return addr;
}

struct plait_addr log_address(const struct plait_port *port)
{
	struct plait_addr at = *plait_port_local(port);
	struct plait_addr any = { .family = at.family };
	if (plait_addr_same_host(&at, &any)) {
		at = log_parse(at.family == PLAIT_FAMILY_IPV4 ? "127.0.0.1:1" : "[::1]:1");
		at.port = plait_port_local(port)->port;
	}
	return at;
}

int log_send(struct plait_port *port, const struct plait_addr *to, const char *text)
{
	return plait_send(port, to, text, strlen(text));
}

void log_echo(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	CU_ASSERT_EQUAL(plait_send(port, from, data, len), 0);
}

int log_socket(struct plait_addr *at)
{
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*at = log_parse("127.0.0.1:0");
	socklen_t len = addr_to_sockaddr(at, AF_INET, &sa);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sa, len), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	addr_from_sockaddr((struct sockaddr *)&sa, len, at);
	return fd;
}

void log_say(int fd, const struct plait_addr *to, const char *text)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(to, AF_INET, &sa);
	CU_ASSERT_EQUAL(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&sa, len),
			(ssize_t)strlen(text));
}

bool log_heard(int fd, const char *text)
{
	char got[256] = "";
	ssize_t len = recv(fd, got, sizeof(got) - 1, 0);
	if (text ? len == (ssize_t)strlen(text) && strcmp(got, text) == 0 : len < 0)
		return true;
	printf("# heard %zd \"%s\" instead of \"%s\"\n", len, got, text ? text : "nothing");
	return false;
}
