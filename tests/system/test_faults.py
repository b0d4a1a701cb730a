#!/usr/bin/python3 -B
"""One connection's failure is its own: storms of bad peers, while a good client streams unhindered."""
import contextlib
import random
import ssl
import time

import harness
from harness import SCALE, Case, listener, wait_for

MIB = 1024 * 1024
STORM = 600 // harness.LIGHTER


class Faults(Case):
    timeout_s = 90

    def setUp(self):
        super().setUp()
        self.rng = random.Random(11)
        self.server = self.serve(
            listener("tcp", "tcp://127.0.0.1:0"),
            listener("tls", "tls://127.0.0.1:0", timeouts={"handshake": "2s"}),
            listener("lines", "tls://127.0.0.1:0", "line"),
            listener("unix", "unix:echo.sock"),
            threads=2,
            log={"level": "info", "format": "json"},
        )
        self.good_ends = False
        self.rounds = 0
        self.good = [self.background(self.stream, name) for name in ("tcp", "tls")]

    def stream(self, name):
        """The good client: a stream for as long as the storm lasts, on one connection."""
        data = random.Random(name).randbytes(MIB)
        with self.server.connect(name) as client:
            while not self.good_ends:
                client.exchange(data)
                self.rounds += 1
            client.exchange(data, finish=True)

    def tearDown(self):
        wait_for(
            lambda: self.rounds > 2 or not all(join.running() for join in self.good), 30, "what the good clients say"
        )
        self.good_ends = True
        for join in self.good:
            join()
        self.assertGreater(self.rounds, 2)
        self.assertTrue(self.server.alive())
        for name in ("tcp", "tls", "lines", "unix"):
            with self.server.connect(name) as client:
                client.exchange(b"the server stays\r\n", finish=True)
        errors = [record for record in self.server.records() if record.get("level") == "error"]
        self.assertEqual(errors, [], "a peer's fault is no error of the server's")
        super().tearDown()

    def many(self, name, act, count=STORM, tls=None):
        for number in range(count):
            with contextlib.suppress(OSError, AssertionError, ssl.SSLError):
                with self.server.connect(name, tls=tls, timeout=5) as client:
                    act(client, number)

    def test_resets_at_every_moment(self):
        data = self.rng.randbytes(300_000)

        def act(client, number):
            if number % 4:
                client.send_some(data[: number * 500])
            if number % 3 == 0:
                client.receive_some()
            client.reset()

        self.many("tcp", act)
        self.many("tls", act, STORM // 3)

    def test_resets_in_the_handshake(self):
        hello = self.client_hello()

        def act(client, number):
            client.send(hello[: number % (len(hello) + 1)])
            client.reset()

        self.many("tls", act, tls=False)

    def client_hello(self):
        inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = harness.client_context(harness.CERTS / "ca.pem")
        with contextlib.suppress(ssl.SSLWantReadError):
            context.wrap_bio(inward, outward, server_hostname="localhost").do_handshake()
        return outward.read()

    def test_garbage_to_the_tls_port(self):
        hello = self.client_hello()

        def act(client, number):
            kind = number % 6
            if kind == 0:
                client.send(self.rng.randbytes(1 + number))
            elif kind == 1:
                client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            elif kind == 2:
                client.send(b"\0" * 70000)
            elif kind == 3:
                client.send(b"\x16\x03\x01\xff\xff" + self.rng.randbytes(70000))
            elif kind == 4:
                spoilt = bytearray(hello)
                spoilt[self.rng.randrange(len(spoilt))] ^= 1 << self.rng.randrange(8)
                client.send(spoilt)
            else:
                client.send(hello + self.rng.randbytes(200))
            client.truncate()
            client.wait_end()

        self.many("tls", act, STORM // 2, tls=False)
        self.server.wait_message("^TLS handshake failed", "tls")

    def test_broken_records_after_the_handshake(self):
        def act(client, number):
            client.exchange(b"fine so far")
            bad = [
                self.rng.randbytes(100),
                b"\x17\x03\x03\x00\x20" + self.rng.randbytes(32),
                b"\x17\x03\x03\xff\xff" + self.rng.randbytes(70000),
                b"\x15\x03\x03\x00\x02\x02\x28",
                b"\x17\x03\x03\x00\x00",
                b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",
            ][number % 6]
            client.sock.setblocking(True)
            client.sock.settimeout(5 * SCALE)
            client.sock.sendall(bad)
            client.truncate()
            while client.sock.recv(65536):
                pass

        for version in ("1.2", "1.3"):
            self.many("tls", act, STORM // 10, tls=version)
        self.server.wait_reason("tls-protocol", "tls")

    def test_handshakes_that_stall(self):
        hello = self.client_hello()
        stalled = []
        for number in range(STORM):
            client = self.server.connect("tls", tls=False)
            client.send(hello[: number % len(hello)])
            stalled.append(client)
        with self.server.connect("tls") as client:
            client.exchange(b"past them all", finish=True)
        began = time.monotonic()
        for client in stalled:
            client.wait_end()
            client.close()
        self.assertLess(time.monotonic() - began, 10 * SCALE)
        self.server.wait_message("^TLS handshake failed: timeout", "tls")

    def test_truncated_streams(self):
        def act(client, number):
            client.send(self.rng.randbytes(number * 100))
            client.truncate()
            client.wait_end()

        self.many("tls", act, STORM // 3)
        self.server.wait_reason("tls-truncated", "tls")

    def test_lines_without_end(self):
        def act(client, number):
            client.send(b"x" * (17000 + number * 100))
            client.wait_end()

        self.many("lines", act, STORM // 4)
        self.server.wait_reason("message-too-long", "lines")

    def test_unix_clients_who_vanish(self):
        def act(client, number):
            client.send_some(self.rng.randbytes(number * 300))

        self.many("unix", act)


if __name__ == "__main__":
    harness.main()
