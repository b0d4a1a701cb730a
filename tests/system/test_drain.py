#!/usr/bin/python3 -B
"""The server's end: it finishes what it owes, waits no longer than it was told, and goes at once when told
twice. And its beginning: any number of threads, either way of accepting."""
import errno
import pathlib
import random
import signal
import socket
import time

import harness
from harness import SCALE, Case, listener

MIB = 1024 * 1024
# Marks that let the server take a whole transfer off a client that does not read.
ROOMY = {"high": "16m", "low": "1m", "cap": "64m"}
DATA = random.Random(9).randbytes(8 * MIB)


def unread_by_server(client):
    """Bytes between this TCP client and the server's read(), as the kernel sees them."""
    ours, theirs = client.sock.getsockname()[1], client.sock.getpeername()[1]
    total = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(field.split(":")[1], 16) for field in fields[1:3])
        sending, receiving = (int(field, 16) for field in fields[4].split(":"))
        if (local, remote) == (ours, theirs):
            total += sending
        elif (local, remote) == (theirs, ours):
            total += receiving
    return total


class Drain(Case):
    def owed(self, server, name):
        """A client that the server owes all of DATA, since it has taken it and the client has not read."""
        client = server.connect(name, receive_buffer=16384)
        client.send(DATA)
        harness.wait_for(lambda: unread_by_server(client) == 0, what="the server to read all of it")
        return client

    def refuses(self, server, name):
        family, address = server.address(name)
        with socket.socket(family) as sock:
            return sock.connect_ex(address) in (errno.ECONNREFUSED, errno.ENOENT)

    def test_idle_clients_are_told_in_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.serve(
                listener("tcp", "tcp://127.0.0.1:0"),
                listener("tls", "tls://127.0.0.1:0"),
                listener("unix", "unix:echo.sock"),
                listener("udp", "udp://127.0.0.1:0"),
            )
            clients = [server.connect(name) for name in ("tcp", "tls", "unix")]
            for client in clients:
                client.exchange(b"hello")
            began = time.monotonic()
            server.send_signal(number)
            for client in clients:
                self.assertEqual(client.receive_to_end(), b"")
                client.close()
            self.assertEqual(server.wait(), 0)
            self.assertLess(time.monotonic() - began, 3 * SCALE)

    def test_open_transfers_finish_and_nobody_new_is_taken(self):
        server = self.serve(
            listener("tcp", "tcp://127.0.0.1:0", buffers=ROOMY),
            listener("tls", "tls://127.0.0.1:0", buffers=ROOMY),
            listener("unix", "unix:echo.sock"),
        )
        clients = [self.owed(server, name) for name in ("tcp", "tls")]
        server.send_signal(signal.SIGTERM)
        for name in ("tcp", "tls", "unix"):
            harness.wait_for(
                lambda name=name: self.refuses(server, name), what=f"{name} to refuse new clients"
            )
        self.assertTrue(server.alive())
        for client in clients:
            self.assertTrue(client.receive_to_end() == DATA, "not all that was owed came")
            client.close()
        self.assertEqual(server.wait(), 0)

    def test_a_slow_transfer_goes_on_past_the_close_timeout(self):
        server = self.serve(listener("tcp", "tcp://127.0.0.1:0", buffers=ROOMY, timeouts={"close": "1s"}))
        with self.owed(server, "tcp") as client:
            server.send_signal(signal.SIGTERM)
            received = bytearray()
            for _ in range(8):
                time.sleep(0.3)
                received += client.receive(MIB // 2)
            received += client.receive_to_end()
            self.assertTrue(received == DATA, "a slow reader was cut")
        self.assertEqual(server.wait(), 0)

    def test_who_takes_little_at_a_time_gets_it_all(self):
        for scheme in ("tcp", "tls"):
            server = self.serve(
                listener("echo", f"{scheme}://127.0.0.1:0", buffers=ROOMY, timeouts={"close": "500ms"})
            )
            with self.owed(server, "echo") as client:
                server.send_signal(signal.SIGTERM)
                received = bytearray()
                while len(received) < MIB:  # a kernel has room for more only when much of its buffer is free
                    time.sleep(0.05)
                    received += client.receive(16384)
                received += client.receive_to_end()
                self.assertTrue(received == DATA, f"{len(received)} of {len(DATA)} bytes came")
            self.assertEqual(server.wait(), 0)

    def test_drain_timeout_ends_those_who_do_not(self):
        server = self.serve(
            listener("tcp", "tcp://127.0.0.1:0", buffers=ROOMY, timeouts={"close": "1m"}), drain_timeout="1s"
        )
        with self.owed(server, "tcp"):
            began = time.monotonic()
            server.send_signal(signal.SIGTERM)
            server.wait(10)
            self.assertGreater(time.monotonic() - began, 0.9)
        harness.comment(f"exit status after a drain that was cut short: {server.status}")
        self.assertIn(server.status, (0, 1))

    def test_a_second_signal_stops_now(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)):
            server = self.serve(
                listener("tcp", "tcp://127.0.0.1:0", buffers=ROOMY, timeouts={"close": "1m"}),
                drain_timeout="1m",
            )
            with self.owed(server, "tcp"):
                server.send_signal(first)
                harness.wait_for(lambda: self.refuses(server, "tcp"), what="the drain to begin")
                time.sleep(0.5)
                self.assertTrue(server.alive())
                began = time.monotonic()
                server.send_signal(second)
                server.wait(5)
                self.assertLess(time.monotonic() - began, 3 * SCALE)
            harness.comment(f"exit status after a second signal: {server.status}")
            self.assertIn(server.status, (0, 1))

    def test_a_handshake_that_stalls_does_not_hold_up_the_end(self):
        server = self.serve(listener("tls", "tls://127.0.0.1:0"))
        with server.connect("tls", tls=False) as silent:
            time.sleep(0.3)
            began = time.monotonic()
            server.stop()
            self.assertLess(time.monotonic() - began, 5 * SCALE)
            silent.wait_end()

    def test_a_signal_while_it_binds(self):
        many = [listener(f"tcp{number}", "tcp://127.0.0.1:0") for number in range(50)]
        for _ in range(5):
            server = self.begin(*many)
            while server.alive() and b"listening on" not in server.log_file.read_bytes():
                pass  # the moment is short
            server.stop()

    def test_signals_in_a_storm_of_newcomers(self):
        server = self.serve(
            listener("tcp", "tcp://127.0.0.1:0"), listener("tls", "tls://127.0.0.1:0"), threads=4
        )

        def storm():
            for number in range(100_000):
                try:
                    with server.connect(("tcp", "tls")[number % 2], timeout=5) as client:
                        client.exchange(b"word")
                except (OSError, AssertionError):
                    if not server.alive() or self.refuses(server, "tcp"):
                        return number
            return None

        joins = [self.background(storm) for _ in range(4)]
        time.sleep(0.5)
        server.stop()
        for join in joins:
            self.assertGreater(join(), 0)


class Threads(Case):
    """However many loops there are, and whoever accepts: everybody is served."""

    def serve_many(self, **top):
        server = self.serve(
            listener("tcp", "tcp://127.0.0.1:0"),
            listener("tls", "tls://127.0.0.1:0"),
            listener("unix", "unix:echo.sock"),
            listener("udp", "udp://127.0.0.1:0"),
            log={"level": "info", "format": "json"},
            **top,
        )
        clients = [server.connect(("tcp", "tls", "unix")[n % 3]) for n in range(48)]
        for number, client in enumerate(clients):
            client.send(b"%d " % number * 1000)
        for number, client in enumerate(clients):
            self.assertTrue(client.receive(len(b"%d " % number * 1000)) == b"%d " % number * 1000)
            client.close()
        for _ in range(8):
            with server.datagram_socket("udp") as sock:
                sock.send(b"datagram")
                self.assertEqual(sock.recv(100), b"datagram")
        tasks = len(list(pathlib.Path(f"/proc/{server.pid}/task").iterdir()))
        server.stop()
        return tasks

    def test_number_of_threads(self):
        tasks = {}
        for threads in (1, 2, 4):
            tasks[threads] = self.serve_many(threads=threads)
        self.assertEqual(tasks[2] - tasks[1], 1)
        self.assertEqual(tasks[4] - tasks[2], 2)

    def test_threads_auto(self):
        self.serve_many(threads="auto")

    def test_accept_least_loaded(self):
        self.serve_many(threads=4, accept="least-loaded")

    def test_accept_reuseport(self):
        for threads in (1, 4):
            self.serve_many(threads=threads, accept="reuseport")

    def test_reuseport_has_a_socket_for_each_loop(self):
        server = self.serve(listener("tcp", "tcp://127.0.0.1:0"), threads=4, accept="reuseport")
        port = f":{server.port('tcp'):04X}"
        lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = [fields for fields in lines if fields[1].endswith(port) and fields[3] == "0A"]
        self.assertEqual(len(listening), 4)


if __name__ == "__main__":
    harness.main()
