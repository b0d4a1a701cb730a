/* Receptions: places that are reserved for who may come, and given back. */
#include "core/net/reception.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/famine.h"
#include "core/net/net.h"
#include "core/net/proxy/preamble.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

static unsigned places, seats, woken;

static uint64_t reserve(struct admission *admission)
{
	(void)admission;
	if (places == 0)
		return 20;
	places--;
	return 0;
}

static void cancel(struct admission *admission)
{
	(void)admission;
	places++;
	errno = EIO;
}

static bool begin_handshake(struct admission *admission)
{
	(void)admission;
	if (seats == 0)
		return false;
	seats--;
	return true;
}

static void end_handshake(struct admission *admission)
{
	(void)admission;
	seats++;
}

static ssize_t handshake(struct transport *transport)
{
	(void)transport;
	return TRANSPORT_END;
}

static void on_room(struct reception_host *host, struct reception *reception)
{
	(void)host, (void)reception;
	woken++;
}

static struct admission admission;
static struct reception reception;
static struct reception_host host;

static void open_reception(bool secure, unsigned have_places, unsigned have_seats)
{
	static const struct transport_ops plain, tls = { .handshake = handshake };
	places = have_places, seats = have_seats, woken = 0;
	admission = (struct admission){ .reserve = reserve,
					.cancel = cancel,
					.begin_handshake = begin_handshake,
					.end_handshake = end_handshake };
	reception = (struct reception){ .admission = &admission };
	host = (struct reception_host){ .options.transport = secure ? &tls : &plain, .room = on_room };
	reception_init(&reception, &host);
}

static void a_place_is_reserved_and_given_back(void)
{
	for (int secure = 0; secure < 2; secure++) {
		open_reception(secure, 1, 1);
		CU_ASSERT_EQUAL(reception_reserve(&reception), 0);
		CU_ASSERT_EQUAL(places, 0);
		CU_ASSERT_EQUAL(seats, secure ? 0 : 1);
		CU_ASSERT_NOT_EQUAL(reception_reserve(&reception), 0);
		errno = EAGAIN;
		reception_cancel(&reception);
		CU_ASSERT_EQUAL(errno, EAGAIN);
		CU_ASSERT_EQUAL(places, 1);
		CU_ASSERT_EQUAL(seats, 1);
	}
}

static void a_place_without_a_seat_is_none(void)
{
	open_reception(true, 2, 1);
	CU_ASSERT_EQUAL(reception_reserve(&reception), 0);
	CU_ASSERT_NOT_EQUAL(reception_reserve(&reception), 0);
	CU_ASSERT_EQUAL(places, 1);
}

/* Somebody else may have wanted it meanwhile. */
static void who_waits_hears_of_a_place_that_is_given_back(void)
{
	open_reception(true, 1, 1);
	CU_ASSERT_EQUAL(reception_reserve(&reception), 0);
	reception_cancel(&reception);
	CU_ASSERT_EQUAL(woken, 0);
	CU_ASSERT_EQUAL(reception_reserve(&reception), 0);
	atomic_store(&host.waiting, 1);
	reception_cancel(&reception);
	CU_ASSERT_EQUAL(woken, 1);
}

/* In the middle of a connection, whose place it keeps. */
static void who_waits_hears_of_a_handshake_that_ends(void)
{
	open_reception(false, 1, 1);
	CU_ASSERT_TRUE(reception.owner.begin_handshake(&reception.owner));
	atomic_store(&host.waiting, 1);
	reception.owner.end_handshake(&reception.owner);
	CU_ASSERT_EQUAL(woken, 1);
	CU_ASSERT_EQUAL(seats, 1);
}

/* ---- who waits for a descriptor ---- */

static unsigned fed;

static void on_fed(struct famine_waiter *waiter)
{
	(void)waiter;
	fed++;
}

static enum plait_reason refuse(struct admission *of, const struct plait_addr *peer, bool *overflow)
{
	(void)of, (void)peer, (void)overflow;
	return PLAIT_REASON_LIMIT_CONNECTIONS;
}

/* Somebody waits for a descriptor, and one that is accepted meanwhile is closed in the end. */
static void a_socket_comes_and_goes(bool peer_ends)
{
	static const struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = 1 };
	struct famine_waiter waiter = { .wake = on_fed };
	struct sockaddr_storage sa = { 0 };
	struct rig rig;
	int ends[2];
	rig_init(&rig);
	struct doorstep doorstep = { .loop = rig.loop };
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	memcpy(&sa, &from, sizeof(from));
	fed = 0;
	famine_wait(&waiter);
	reception_receive(&reception, &doorstep, ends[0], &sa, sizeof(from));
	if (peer_ends)
		shutdown(ends[1], SHUT_WR);
	rig_run(&rig);
	CU_ASSERT_EQUAL(fed, 1);
	famine_end(&waiter);
	close(ends[1]);
	rig_fini(&rig);
}

static void who_waits_for_a_descriptor_gets_that_of_who_is_refused(void)
{
	static const struct net_settings settings = { .timeouts.preamble_ms = 1000 };
	static const struct network everybody = { .family = PLAIT_FAMILY_IPV4 };
	static const struct proxy_settings proxy = { .mode = PLAIT_PROXY_REQUIRED,
						     .networks = &everybody,
						     .network_count = 1 };
	struct plait_factory factory = { .name = (char[]){ "a" }, .settings = &settings };
	for (unsigned farewell = 0; farewell < 2; farewell++) {
		open_reception(false, 0, 0);
		admission.reserve = NULL;
		admission.admit = refuse;
		admission.farewell = farewell ? "there is no room" : NULL;
		reception.factory = &factory;
		a_socket_comes_and_goes(false);
	}
	open_reception(false, 0, 1); /* and of who goes before its PROXY header has come */
	admission.reserve = NULL;
	reception.factory = &factory;
	reception.proxy = &proxy;
	reception_init(&reception, &host);
	reception_use(&reception, 1);
	a_socket_comes_and_goes(true);
	CU_ASSERT_EQUAL(seats, 1);
}

SUITE_MAIN("reception", SUITE_TEST(a_place_is_reserved_and_given_back),
	   SUITE_TEST(a_place_without_a_seat_is_none),
	   SUITE_TEST(who_waits_hears_of_a_place_that_is_given_back),
	   SUITE_TEST(who_waits_hears_of_a_handshake_that_ends),
	   SUITE_TEST(who_waits_for_a_descriptor_gets_that_of_who_is_refused))
