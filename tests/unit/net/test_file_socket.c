/* Files over real sockets: by sendfile, without a signal. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/container.h"
#include "tests/unit/net/filing.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static struct transport_ops counting; /* the plain transport */
static uint64_t by_sendfile;

static ssize_t counted(struct transport *transport, int file, uint64_t offset, size_t len)
{
	ssize_t sent = transport_plain.sendfile(transport, file, offset, len);
	by_sendfile += sent > 0 ? (uint64_t)sent : 0;
	return sent;
}

static void tcp_pair(int fds[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(bind(listening, (struct sockaddr *)&at, sizeof(at)) == 0);
	CU_ASSERT_FATAL(listen(listening, 1) == 0);
	CU_ASSERT_FATAL(getsockname(listening, (struct sockaddr *)&at, &len) == 0);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(connect(fds[1], (struct sockaddr *)&at, sizeof(at)) == 0);
	fds[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CU_ASSERT_FATAL(fds[0] >= 0);
	close(listening);
}

static void unix_pair(int fds[2])
{
	CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

static void gone(struct conn_owner *owner, const struct plait_addr *peer)
{
	(void)peer;
	CONTAINER_OF(owner, struct rig_client, owner)->conn = NULL;
}

/* The fixture's client, over a socket whose other end is returned. */
static int begin(void (*pair)(int fds[2]))
{
	static const struct plait_addr peer = { .family = PLAIT_FAMILY_IPV4 };
	int fds[2];
	filing_begin();
	rig_leave(&client);
	recorder_reset();
	pair(fds);
	counting = transport_plain;
	counting.sendfile = counted;
	by_sendfile = 0;
	client = (struct rig_client){ .rig = &rig, .owner = { .gone = gone } };
	memory_init(&client.memory, rig.loop);
	client.conn = conn_new(rig.loop, listener.factory, &counting, fds[0], NULL, &peer, &client.owner);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
	conn_start(client.conn);
	return fds[1];
}

static bool arrives(int fd, const void *bytes, size_t len)
{
	static uint8_t got[FILING_LARGE];
	size_t total = 0;
	while (total < len) {
		loop_turn(rig.loop, false);
		ssize_t some = recv(fd, got + total, len - total, MSG_DONTWAIT);
		if (some == 0)
			return false;
		total += some > 0 ? (size_t)some : 0;
	}
	return memcmp(got, bytes, len) == 0;
}

static void goes_by_sendfile(void (*pair)(int fds[2]))
{
	struct filing filing = { 0 };
	int fd = begin(pair);
	plait_write(client.conn, "head", 4);
	filing_send(filing_file(FILING_LARGE), 0, PLAIT_TO_END, &filing);
	plait_write(client.conn, "tail", 4);
	CU_ASSERT_TRUE(arrives(fd, "head", 4) && arrives(fd, filing_content, FILING_LARGE) &&
		       arrives(fd, "tail", 4));
	CU_ASSERT_EQUAL(by_sendfile, FILING_LARGE);
	CU_ASSERT_TRUE(filing.fired == 1 && filing.sent == FILING_LARGE);
	close(fd);
	done();
}

static void tcp_sends_files_by_sendfile(void)
{
	goes_by_sendfile(tcp_pair);
}

static void unix_sockets_do_too(void)
{
	goes_by_sendfile(unix_pair);
}

/* The peer takes some and goes: no signal, and the descriptor is closed. */
static void peer_goes(void (*pair)(int fds[2]))
{
	struct filing filing = { 0 };
	struct linger at_once = { .l_onoff = 1 };
	int file = filing_file(FILING_LARGE), fd = begin(pair);
	filing_send(file, 0, PLAIT_TO_END, &filing);
	CU_ASSERT_TRUE(arrives(fd, filing_content, 100000));
	CU_ASSERT_EQUAL(filing.fired, 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	while (client.conn)
		loop_turn(rig.loop, true);
	CU_ASSERT_TRUE(filing.fired == 1 && filing.code == PLAIT_ERROR_GONE);
	CU_ASSERT_FALSE(filing_is_open(file));
	CU_ASSERT_TRUE(recorder_saw("made lost(reset)"));
	done();
}

static void a_reset_fails_the_file(void)
{
	peer_goes(tcp_pair);
	peer_goes(unix_pair);
}

/* On UNIX sockets the first send after the peer's end would raise it. */
static void a_broken_pipe_raises_no_signal(void)
{
	int fd = begin(unix_pair), file = filing_file(10);
	sigset_t pending;
	const char *text;
	signal(SIGPIPE, SIG_DFL);
	close(fd);
	CU_ASSERT_EQUAL(transport_plain.sendfile(&client.conn->transport, file, 0, 10), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_RESET);
	sigpending(&pending);
	CU_ASSERT_FALSE(sigismember(&pending, SIGPIPE));
	close(file);
	done();
}

static void what_the_transport_says_of_files(void)
{
	int fd = begin(unix_pair), file = filing_file(10), ends[2];
	struct transport *transport = &client.conn->transport;
	CU_ASSERT_EQUAL(transport_plain.sendfile(transport, file, 4, 100), 6);
	CU_ASSERT_EQUAL(transport_plain.sendfile(transport, file, 10, 100), TRANSPORT_END);
	unix_pair(ends);
	CU_ASSERT_EQUAL(transport_plain.sendfile(transport, ends[0], 0, 100), TRANSPORT_UNABLE);
	close(ends[0]);
	close(ends[1]);
	while (transport_plain.write(transport, filing_content, FILING_LARGE) > 0)
		;
	CU_ASSERT_EQUAL(transport_plain.sendfile(transport, file, 0, 10), TRANSPORT_WANT_WRITE);
	close(file);
	close(fd);
	done();
}

SUITE_MAIN("files over sockets", SUITE_TEST(tcp_sends_files_by_sendfile), SUITE_TEST(unix_sockets_do_too),
	   SUITE_TEST(a_reset_fails_the_file), SUITE_TEST(a_broken_pipe_raises_no_signal),
	   SUITE_TEST(what_the_transport_says_of_files))
