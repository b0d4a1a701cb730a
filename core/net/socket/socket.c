/* Bound sockets. */
#include "core/net/socket/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/base/system_text.h"
#include "core/net/socket/unix_path.h"

static int resolve_unix(const struct endpoint *endpoint, struct socket_addresses *out)
{
	struct sockaddr_un *sun = (struct sockaddr_un *)&out->items[0].sa;
	size_t len = strlen(endpoint->path);
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, endpoint->path, len); /* endpoint_parse bounds it */
	if (endpoint->path[0] == '@') {
		sun->sun_path[0] = '\0';
		out->items[0].len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	} else {
		out->items[0].len = sizeof(*sun);
	}
	out->count = 1;
	return 0;
}

static bool have_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int socket_resolve(const struct endpoint *endpoint, struct socket_addresses *out, struct plait_error *error)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	const char *host = endpoint->host;
	char port[8];

	memset(out, 0, sizeof(*out));
	if (endpoint->scheme == ENDPOINT_UNIX)
		return resolve_unix(endpoint, out);
	/* One IPv6 socket takes both families, where there is IPv6. */
	if (strcmp(host, "*") == 0)
		host = have_ipv6() ? "::" : "0.0.0.0";
	snprintf(port, sizeof(port), "%u", endpoint->port);
	int failure = getaddrinfo(host, port, &hints, &found);
	if (failure)
		return plait_error_set(
			error, PLAIT_ERROR_MISSING, NULL,
			"cannot find the address of \"%s\": %s; correct the name, or write the address", host,
			failure == EAI_SYSTEM ? system_text(errno) : gai_strerror(failure));
	for (struct addrinfo *info = found; info && out->count < SOCKET_ADDRESSES_MAX; info = info->ai_next) {
		memcpy(&out->items[out->count].sa, info->ai_addr, info->ai_addrlen);
		out->items[out->count++].len = info->ai_addrlen;
	}
	freeaddrinfo(found);
	return 0;
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Whole seconds, as the kernel takes them, at least one. */
static int seconds(uint64_t ms)
{
	uint64_t s = (ms + 999) / 1000;
	return s < 1 ? 1 : s > 32767 ? 32767 : (int)s;
}

void socket_tune(int fd, const struct socket_settings *settings)
{
	if (settings->nodelay)
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (!settings->keepalive.enabled)
		return;
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(settings->keepalive.idle_ms));
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(settings->keepalive.interval_ms));
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)settings->keepalive.count);
}

/* Datagrams sent in answer leave from the address the question came to, even on a wildcard socket. */
static void ask_for_destination(int fd, int family)
{
	if (family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static int bind_error(const struct sockaddr *sa, socklen_t len, struct plait_error *error)
{
	struct plait_addr addr;
	char text[PLAIT_ADDR_TEXT];
	int code = errno;
	const char *remedy =
		code == EADDRINUSE
			? "; another program or listener has it: choose another port or stop that one"
		: code == EACCES        ? "; ports below 1024 need root or CAP_NET_BIND_SERVICE"
		: code == EADDRNOTAVAIL ? "; this machine has no such address"
					: "";
	addr_from_sockaddr(sa, len, &addr);
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot bind %s: %s%s",
			       plait_addr_format(&addr, text, sizeof(text)), system_text(code), remedy);
}

int socket_bind(int type, const struct sockaddr *sa, socklen_t len, const struct socket_settings *settings,
		bool share, struct plait_error *error)
{
	int family = sa->sa_family;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot make a socket: %s",
				       system_text(errno));
	if (family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, settings->v6only);
	if (family != AF_UNIX && (type == SOCK_STREAM ? settings->reuseaddr : settings->shared))
		set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (family != AF_UNIX && (share || (type == SOCK_DGRAM && settings->shared)))
		set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (type == SOCK_DGRAM)
		ask_for_destination(fd, family);
	else if (family != AF_UNIX)
		socket_tune(fd, settings); /* what it accepts inherits that */
	int result = 0;
	if (family == AF_UNIX)
		result = unix_path_listen(fd, (const struct sockaddr_un *)sa, len, settings->mode,
					  (int)settings->backlog, error);
	else if (bind(fd, sa, len) < 0 ||
		 /* with SO_REUSEADDR another listener is found here only */
		 (type == SOCK_STREAM && listen(fd, (int)settings->backlog) < 0))
		result = bind_error(sa, len, error);
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

static bool same_groups(const struct multicast_settings *a, const struct multicast_settings *b)
{
	if (a->groups.count != b->groups.count)
		return false;
	for (size_t i = 0; i < a->groups.count; i++)
		if (strcmp(a->groups.items[i], b->groups.items[i]) != 0)
			return false;
	const char *one = a->interface ? a->interface : "", *other = b->interface ? b->interface : "";
	return a->ttl == b->ttl && a->loopback == b->loopback && strcmp(one, other) == 0;
}

int socket_adjustable(const struct socket_settings *was, const struct socket_settings *is,
		      struct plait_error *error)
{
	const char *key = was->v6only != is->v6only                       ? "v6only"
			  : was->shared != is->shared                     ? "shared"
			  : was->broadcast != is->broadcast               ? "broadcast"
			  : !same_groups(&was->multicast, &is->multicast) ? "multicast"
									  : NULL;
	char path[32];
	if (!key)
		return 0;
	snprintf(path, sizeof(path), "socket.%s", key);
	return plait_error_set(
		error, PLAIT_ERROR_INVALID, path,
		"cannot change while the address is bound: restart the server, or take the change "
		"back");
}

void socket_adjust(int fd, const struct socket_settings *settings)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa), type_len = sizeof(int);
	int type = SOCK_DGRAM;
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_STREAM)
		return;
	if (sa.ss_family == AF_UNIX) {
		(void)unix_path_set_mode((const struct sockaddr_un *)&sa, settings->mode);
	} else {
		set(fd, IPPROTO_TCP, TCP_NODELAY, settings->nodelay);
		set(fd, SOL_SOCKET, SO_KEEPALIVE, settings->keepalive.enabled);
		socket_tune(fd, settings);
	}
	(void)listen(fd, (int)settings->backlog);
}

void socket_adopt(int fd, int type, const struct socket_settings *settings)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0 || sa.ss_family == AF_UNIX)
		return;
	if (type == SOCK_DGRAM)
		ask_for_destination(fd, sa.ss_family);
	else
		socket_adjust(fd, settings);
}

bool socket_any_port(const struct sockaddr_storage *sa)
{
	struct plait_addr addr;
	addr_from_sockaddr((const struct sockaddr *)sa, sizeof(*sa), &addr);
	return addr.port == 0;
}

bool socket_same_address(const struct sockaddr_storage *a, socklen_t a_len, const struct sockaddr_storage *b,
			 socklen_t b_len)
{
	struct plait_addr one, other;
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_UNIX) {
		size_t head = offsetof(struct sockaddr_un, sun_path);
		const char *path = ((const struct sockaddr_un *)a)->sun_path;
		const char *its = ((const struct sockaddr_un *)b)->sun_path;
		if (path[0] != '\0') /* the rest of the array does not count */
			return strncmp(path, its, sizeof(((struct sockaddr_un *)0)->sun_path)) == 0;
		return a_len == b_len && memcmp(path, its, a_len - head) == 0;
	}
	addr_from_sockaddr((const struct sockaddr *)a, a_len, &one);
	addr_from_sockaddr((const struct sockaddr *)b, b_len, &other);
	return plait_addr_equal(&one, &other);
}

uint16_t socket_port(int fd)
{
	struct sockaddr_storage sa;
	struct plait_addr addr = { 0 };
	socklen_t len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		addr_from_sockaddr((struct sockaddr *)&sa, len, &addr);
	return addr.port;
}

void socket_set_port(struct sockaddr_storage *sa, uint16_t port)
{
	if (sa->ss_family == AF_INET)
		((struct sockaddr_in *)sa)->sin_port = htons(port);
	else if (sa->ss_family == AF_INET6)
		((struct sockaddr_in6 *)sa)->sin6_port = htons(port);
}

void socket_peer_process(int fd, struct plait_addr *addr)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return;
	addr->u.peer.pid = (uint32_t)cred.pid;
	addr->u.peer.uid = cred.uid;
	addr->u.peer.gid = cred.gid;
}

const char *socket_describe(enum endpoint_scheme scheme, int fd, char *out, size_t size)
{
	struct sockaddr_storage sa;
	struct plait_addr addr = { 0 };
	char text[PLAIT_ADDR_TEXT];
	socklen_t len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		len = 0;
	if (scheme == ENDPOINT_UNIX) {
		const struct sockaddr_un *sun = (struct sockaddr_un *)&sa;
		size_t path_len = len - offsetof(struct sockaddr_un, sun_path);
		if (sun->sun_path[0] == '\0')
			snprintf(out, size, "unix:@%.*s", (int)path_len - 1, sun->sun_path + 1);
		else
			snprintf(out, size, "unix:%.*s", (int)path_len, sun->sun_path);
		return out;
	}
	addr_from_sockaddr((struct sockaddr *)&sa, len, &addr);
	snprintf(out, size, "%s://%s", endpoint_scheme_name(scheme),
		 plait_addr_format(&addr, text, sizeof(text)));
	return out;
}
