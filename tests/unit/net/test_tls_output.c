/* The TLS transport's writing: the sizes of its records, what a slow peer leaves over, and whose buffers are kept. */
#include <CUnit/CUnit.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

#define LARGE 16000 /* OpenSSL's buffers, and nothing else of it here */

static struct tls_pair_server server;
static struct tls_client *client;
static struct tls_pair pair;
static char data[200000];
static unsigned large_allocations;

static void *allocate(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	large_allocations += size > LARGE;
	return malloc(size);
}

static void *reallocate(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return realloc(old, size);
}

static void give_back(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	free(memory);
}

/* OpenSSL takes other functions only before its first allocation. */
__attribute__((constructor)) static void count_allocations(void)
{
	CRYPTO_set_mem_functions(allocate, reallocate, give_back);
}

static void greet_type(int type)
{
	server = tls_pair_server();
	client = tls_pair_client(&(struct tls_client_settings){ .verify = false });
	tls_pair_open_type(&pair, &server, client, type);
	CU_ASSERT_FATAL(tls_pair_handshake(&pair));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
}

static void greet(void)
{
	greet_type(SOCK_STREAM);
}

static void done(void)
{
	tls_pair_close(&pair);
	tls_client_free(&client);
	tls_pair_server_free(&server);
}

/* What one send of the server's was. */
struct flight {
	size_t size, records, smallest, largest;
};

static struct flight next_flight(void)
{
	static uint8_t wire[100000];
	struct flight flight = { .smallest = SIZE_MAX };
	ssize_t size = recv(transport_fd(&pair.client), wire, sizeof(wire), 0);
	if (size <= 0)
		return flight;
	flight.size = (size_t)size;
	for (size_t at = 0; at + 5 <= flight.size;) {
		size_t len = (size_t)wire[at + 3] << 8 | wire[at + 4];
		flight.records++;
		flight.smallest = len < flight.smallest ? len : flight.smallest;
		flight.largest = len > flight.largest ? len : flight.largest;
		at += 5 + len;
	}
	return flight;
}

static ssize_t write_out(size_t len)
{
	return pair.server.ops->write(&pair.server, data, len);
}

/* Packets keep what each send sent apart from the others; the ticket is the first. */
static void greet_in_packets(void)
{
	greet_type(SOCK_SEQPACKET);
	while (next_flight().size > 0)
		continue;
}

static void short_writes_are_one_record(void)
{
	greet_in_packets();
	CU_ASSERT_EQUAL(write_out(4096), 4096);
	struct flight flight = next_flight();
	CU_ASSERT_EQUAL(flight.records, 1);
	CU_ASSERT_EQUAL(next_flight().size, 0);
	done();
}

static void a_stream_starts_with_small_records_in_one_send(void)
{
	greet_in_packets();
	CU_ASSERT_EQUAL(write_out(sizeof(data)), 16384);
	struct flight flight = next_flight();
	CU_ASSERT_EQUAL(flight.records, 12);
	CU_ASSERT(flight.largest + 5 <= 1428); /* TCP over IPv6, with time stamps */
	CU_ASSERT_EQUAL(next_flight().size, 0);
	done();
}

static void a_stream_goes_on_with_whole_records(void)
{
	greet_in_packets();
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(write_out(sizeof(data)), 16384);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(next_flight().records, 12);
	CU_ASSERT_EQUAL(write_out(sizeof(data)), 16384);
	CU_ASSERT_EQUAL(next_flight().records, 1);
	tls_pair_advance(&pair, 999);
	CU_ASSERT_EQUAL(write_out(sizeof(data)), 16384);
	CU_ASSERT_EQUAL(next_flight().records, 1);
	tls_pair_advance(&pair, 1000); /* its window is small again */
	CU_ASSERT_EQUAL(write_out(sizeof(data)), 16384);
	CU_ASSERT_EQUAL(next_flight().records, 12);
	done();
}

/* Whether the client has got just what data begins with. */
static bool arrived(size_t len)
{
	static char got[sizeof(data)];
	size_t received = 0;
	ssize_t more;
	while ((more = pair.client.ops->read(&pair.client, got + received, sizeof(got) - received)) > 0)
		received += (size_t)more;
	return received == len && memcmp(got, data, len) == 0;
}

static void scattered_parts_fill_records(void)
{
	struct iovec parts[40];
	greet();
	for (size_t i = 0; i < 40; i++)
		parts[i] = (struct iovec){ .iov_base = data + i * 333, .iov_len = 333 };
	CU_ASSERT_EQUAL(pair.server.ops->writev(&pair.server, parts, 40), 40 * 333);
	CU_ASSERT(arrived(40 * 333));
	CU_ASSERT_EQUAL(pair.server.ops->writev(&pair.server, parts, 10), 10 * 333);
	CU_ASSERT(arrived(10 * 333));
	done();
}

/* An empty part may have no place at all, also where a record is filled from both sides of it. */
static void empty_parts_are_passed_over(void)
{
	struct iovec parts[] = {
		{ .iov_base = NULL, .iov_len = 0 },           { .iov_base = data, .iov_len = 333 },
		{ .iov_base = NULL, .iov_len = 0 },           { .iov_base = NULL, .iov_len = 0 },
		{ .iov_base = data + 333, .iov_len = 12000 }, { .iov_base = NULL, .iov_len = 0 },
	};
	greet();
	CU_ASSERT_EQUAL(pair.server.ops->writev(&pair.server, parts, 6), 12333);
	CU_ASSERT(arrived(12333));
	done();
}

/* Each call offers the same bytes from another place and in other parts, as a queue may. */
static ssize_t offer(size_t from, size_t most, size_t split)
{
	size_t len = most - from < 40000 ? most - from : 40000;
	char *moved = malloc(len);
	memcpy(moved, data + from, len);
	size_t first = split < len ? split : len;
	struct iovec parts[] = { { .iov_base = moved, .iov_len = first },
				 { .iov_base = moved + first, .iov_len = len - first } };
	ssize_t took = first < len ? pair.server.ops->writev(&pair.server, parts, 2)
				   : pair.server.ops->write(&pair.server, moved, len);
	free(moved);
	return took;
}

/* The client reads only when the server cannot write. */
static void to_a_slow_reader(int send_buffer)
{
	static char got[sizeof(data) + 65536];
	size_t sent = 0, received = 0;
	unsigned blocked = 0;
	greet();
	setsockopt(transport_fd(&pair.server), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
	for (size_t call = 0; received < sizeof(data); call++) {
		ssize_t took = sent < sizeof(data) ? offer(sent, sizeof(data), call * 777 % 20000 + 1)
						   : TRANSPORT_WANT_WRITE;
		if (took > 0) {
			sent += (size_t)took;
			continue;
		}
		CU_ASSERT_EQUAL_FATAL(took, TRANSPORT_WANT_WRITE);
		blocked++;
		ssize_t arrived = pair.client.ops->read(&pair.client, got + received, 65536);
		CU_ASSERT_FATAL(arrived > 0 || arrived == TRANSPORT_WANT_READ || arrived == TRANSPORT_PART);
		received += arrived > 0 ? (size_t)arrived : 0;
	}
	CU_ASSERT(blocked > 3);
	CU_ASSERT_EQUAL(received, sizeof(data));
	CU_ASSERT_EQUAL(memcmp(got, data, sizeof(data)), 0);
	done();
}

static void a_slow_reader_gets_all_of_it(void)
{
	for (int send_buffer = 4000; send_buffer < 40000; send_buffer += 5000)
		to_a_slow_reader(send_buffer);
}

static void a_record_once_begun_is_finished_as_it_is(void)
{
	static char got[sizeof(data)];
	ssize_t took = 0;
	size_t sent = 0;
	greet();
	while (took >= 0) {
		took = write_out(sizeof(data));
		sent += took > 0 ? (size_t)took : 0;
	}
	CU_ASSERT(sent > 65536);
	tls_pair_advance(&pair, 2000); /* another record would be a small one */
	for (size_t received = 0; received < sent;) {
		ssize_t arrived = pair.client.ops->read(&pair.client, got, sizeof(got));
		CU_ASSERT_FATAL(arrived > 0);
		received += (size_t)arrived;
	}
	CU_ASSERT_EQUAL(write_out(sizeof(data)), 16384);
	CU_ASSERT(arrived(16384));
	done();
}

static void the_end_comes_after_what_is_held_back(void)
{
	static char got[65536];
	int send_buffer = 4000;
	greet();
	setsockopt(transport_fd(&pair.server), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer));
	CU_ASSERT_EQUAL(write_out(16384), TRANSPORT_WANT_WRITE);
	CU_ASSERT_EQUAL(pair.server.ops->shutdown(&pair.server), TRANSPORT_WANT_WRITE);
	size_t received = 0;
	for (int i = 0; i < 100 && received < 16384; i++) {
		ssize_t arrived = pair.client.ops->read(&pair.client, got, sizeof(got));
		received += arrived > 0 ? (size_t)arrived : 0;
		pair.server.ops->shutdown(&pair.server);
	}
	CU_ASSERT_EQUAL(received, 16384);
	CU_ASSERT_EQUAL(pair.client.ops->read(&pair.client, got, sizeof(got)), TRANSPORT_END);
	done();
}

/* How many large blocks the server's side of one message there and back takes. */
static unsigned cost_of_a_message(void)
{
	char got[64];
	CU_ASSERT_EQUAL(pair.client.ops->write(&pair.client, data, 64), 64);
	large_allocations = 0;
	CU_ASSERT_EQUAL(pair.server.ops->read(&pair.server, got, 64), 64);
	CU_ASSERT_EQUAL(pair.server.ops->write(&pair.server, got, 64), 64);
	unsigned cost = large_allocations;
	CU_ASSERT_EQUAL(pair.client.ops->read(&pair.client, got, 64), 64);
	return cost;
}

static void who_speaks_again_and_again_keeps_its_buffers(void)
{
	greet();
	CU_ASSERT_EQUAL(cost_of_a_message(), 2);
	tls_pair_advance(&pair, 1);
	cost_of_a_message();
	cost_of_a_message();
	for (int i = 0; i < 10; i++) {
		tls_pair_advance(&pair, 100);
		CU_ASSERT_EQUAL(cost_of_a_message(), 0);
	}
	tls_pair_advance(&pair, 1000);
	CU_ASSERT_EQUAL(cost_of_a_message(), 2); /* they were given back */
	tls_pair_advance(&pair, 5000);
	CU_ASSERT_EQUAL(cost_of_a_message(), 2);
	CU_ASSERT_EQUAL(cost_of_a_message(), 2); /* all at once is not again and again */
	done();
}

SUITE_MAIN("tls_output", SUITE_TEST(short_writes_are_one_record),
	   SUITE_TEST(a_stream_starts_with_small_records_in_one_send),
	   SUITE_TEST(a_stream_goes_on_with_whole_records), SUITE_TEST(scattered_parts_fill_records),
	   SUITE_TEST(empty_parts_are_passed_over), SUITE_TEST(a_slow_reader_gets_all_of_it),
	   SUITE_TEST(a_record_once_begun_is_finished_as_it_is),
	   SUITE_TEST(the_end_comes_after_what_is_held_back),
	   SUITE_TEST(who_speaks_again_and_again_keeps_its_buffers))
