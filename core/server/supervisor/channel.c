/* Messages with descriptors, between processes that may not be of one version. */
#include "core/server/supervisor/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x706c7377u

/* So many may come with a message. What there is no room for the kernel would close, as it is (channel_discard). */
#define DESCRIPTORS_MAX 253

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

union control {
	char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int channel_pair(int ends[2])
{
	static const int none = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	(void)setsockopt(ends[0], SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof(none));
	return 0;
}

void channel_discard(int fd)
{
	static const struct linger none;
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

int channel_send(int channel, struct channel_message *message, int passed, bool wait)
{
	union control control;
	struct iovec part = { .iov_base = message, .iov_len = sizeof(*message) };
	struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
	message->magic = MAGIC;
	message->version = CHANNEL_VERSION;
	if (passed >= 0) {
		memset(&control, 0, sizeof(control));
		head.msg_control = control.bytes;
		head.msg_controllen = CMSG_SPACE(sizeof(int));
		struct cmsghdr *one = CMSG_FIRSTHDR(&head);
		one->cmsg_level = SOL_SOCKET;
		one->cmsg_type = SCM_RIGHTS;
		one->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(one), &passed, sizeof(int));
	}
	ssize_t sent;
	do {
		sent = sendmsg(channel, &head, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/* The kernel counts what it holds, which for a message is up to twice its size, and of these there is room for 25 by default. */
bool channel_is_behind(int channel)
{
	int unread;
	return ioctl(channel, SIOCOUTQ, &unread) == 0 && unread > 8 * (int)sizeof(struct channel_message);
}

/* The first one; all others are closed. -1: none. */
static int take_descriptor(struct msghdr *head)
{
	int first = -1;
	for (struct cmsghdr *one = CMSG_FIRSTHDR(head); one; one = CMSG_NXTHDR(head, one)) {
		if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(one) + i * sizeof(int), sizeof(int));
			if (first < 0)
				first = fd;
			else
				channel_discard(fd);
		}
	}
	return first;
}

static void end_texts(struct channel_message *message)
{
	switch ((enum channel_kind)message->kind) {
	case CHANNEL_BIND:
		message->u.bind.name[sizeof(message->u.bind.name) - 1] = '\0';
		message->u.bind.settings.mode[sizeof(message->u.bind.settings.mode) - 1] = '\0';
		return;
	case CHANNEL_OPEN: message->u.open.path[sizeof(message->u.open.path) - 1] = '\0'; return;
	case CHANNEL_KEEP: message->u.keep.name[sizeof(message->u.keep.name) - 1] = '\0'; return;
	case CHANNEL_NOTIFY:
	case CHANNEL_RECYCLE: message->u.text[sizeof(message->u.text) - 1] = '\0'; return;
	case CHANNEL_REPLY:
	case CHANNEL_UPGRADED:
		message->u.reply.path[sizeof(message->u.reply.path) - 1] = '\0';
		message->u.reply.text[sizeof(message->u.reply.text) - 1] = '\0';
		return;
	default: return;
	}
}

int channel_receive(int channel, struct channel_message *message, int *passed, bool wait)
{
	union control control;
	struct iovec part = { .iov_base = message, .iov_len = sizeof(*message) };
	struct msghdr head = { .msg_iov = &part,
			       .msg_iovlen = 1,
			       .msg_control = control.bytes,
			       .msg_controllen = sizeof(control.bytes) };
	ssize_t got;
	*passed = -1;
	do { /* who ends and has not read all has said something all the same, which comes after that */
		got = recvmsg(channel, &head, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	} while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	if (got < 0)
		return -1;
	int fd = take_descriptor(&head);
	if (got == 0) { /* the end; or a message of no length, which may bring some, too */
		if (fd >= 0)
			channel_discard(fd);
		return 0;
	}
	if ((size_t)got != sizeof(*message) || (head.msg_flags & MSG_TRUNC) || message->magic != MAGIC ||
	    message->version != CHANNEL_VERSION || message->kind == 0 || message->kind >= CHANNEL_KINDS) {
		if (fd >= 0)
			channel_discard(fd);
		errno = EPROTO;
		return -1;
	}
	end_texts(message);
	/* Here there was no descriptor left for it. */
	*passed = fd < 0 && (head.msg_flags & MSG_CTRUNC) ? CHANNEL_LOST : fd;
	return 1;
}

uint64_t channel_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

int channel_write_text(const char *text, size_t len)
{
	int fd = memfd_create("plait-configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;
	while (fd >= 0 && done < len) {
		ssize_t written = write(fd, text + done, len - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)written;
	}
	if (fd >= 0)
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	return fd;
}

char *channel_read_text(int fd, size_t most, size_t *len)
{
	struct stat found;
	if (fstat(fd, &found) < 0)
		return NULL;
	if (!S_ISREG(found.st_mode) || found.st_size < 0 || (uint64_t)found.st_size > most) {
		errno = EPROTO;
		return NULL;
	}
	size_t size = (size_t)found.st_size;
	char *text = malloc(size + 1);
	*len = 0;
	while (text && *len < size) {
		ssize_t got = pread(fd, text + *len, size - *len, (off_t)*len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			free(text);
			return NULL;
		}
		*len += (size_t)got;
	}
	if (text)
		text[*len] = '\0';
	return text;
}
