#!/usr/bin/python3 -B
"""Very many connections held at once, each of them alive; none costs much memory."""
import contextlib
import resource
import select
import socket

import harness
from harness import SCALE, Case, listener

HELD = 10_000


class Many(Case):
    timeout_s = 90

    def test_10000_connections_at_once(self):
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if soft < HELD + 500:
            self.skipTest(f"only {soft} descriptors are allowed here")
        server = self.serve(
            listener("echo", "tcp://127.0.0.1:0", limits={"connections": HELD + 100}),
            log={"level": "info", "format": "json"},
        )
        family, address = server.address("echo")
        before = server.memory()
        clients = []
        try:
            for _ in range(HELD):
                sock = socket.socket(family)
                sock.settimeout(20 * SCALE)
                clients.append(sock)
                sock.connect(address)
            for round_number in range(2):
                for number, sock in enumerate(clients):
                    sock.send(bytes([(number + round_number) % 256]))
                poll = select.epoll()
                waiting = {sock.fileno(): (number, sock) for number, sock in enumerate(clients)}
                for descriptor in waiting:
                    poll.register(descriptor, select.EPOLLIN)
                while waiting:
                    ready = poll.poll(20 * SCALE, 1000)
                    self.assertTrue(ready, f"{len(waiting)} connections got no answer")
                    for descriptor, _ in ready:
                        number, sock = waiting.pop(descriptor)
                        self.assertEqual(sock.recv(10), bytes([(number + round_number) % 256]))
                        poll.unregister(descriptor)
                poll.close()
            each = (server.memory() - before) / HELD
            harness.comment(f"{HELD} TCP connections: {each:.0f} bytes each")
            if not harness.SANITIZER:
                self.assertLess(each, 400)
        finally:
            for sock in clients:
                sock.close()
        # A newcomer is welcome when they have all gone.
        with server.connect("echo") as client:
            client.exchange(b"and one more", finish=True)

    def test_1000_tls_connections_at_once(self):
        held = 1000 // harness.LIGHTER
        server = self.serve(listener("echo", "tls://127.0.0.1:0"), log={"level": "info", "format": "json"})
        with server.connect("echo") as client:
            client.exchange(b"warm", finish=True)
        before = server.memory()
        clients = [server.connect("echo") for _ in range(held)]
        for number, client in enumerate(clients):
            client.send(b"%d\n" % number)
        for number, client in enumerate(clients):
            self.assertEqual(client.receive_line(b"\n"), b"%d" % number)
        each = (server.memory() - before) / held
        harness.comment(f"{held} TLS connections: {each:.0f} bytes each")
        if not harness.SANITIZER:
            self.assertLess(each, 16 * 1024)
        for client in clients:
            client.close()

    @staticmethod
    def one_too_many(server):
        """It may see the reset as early as in its connect()."""
        with contextlib.suppress(ConnectionError), server.connect("echo") as client:
            client.wait_end()

    def test_a_full_listener_serves_those_it_has(self):
        server = self.serve(
            listener("echo", "tcp://127.0.0.1:0", limits={"connections": 10}),
            listener("other", "tcp://127.0.0.1:0"),
            threads=1,
        )
        clients = [server.connect("echo") for _ in range(10)]
        for client in clients:
            client.exchange(b"one of ten")
        self.one_too_many(server)
        server.wait_reason("limit-connections")
        for client in clients:
            client.exchange(b"still here")
        with server.connect("other") as client:
            client.exchange(b"not my limit", finish=True)
        for client in clients:
            client.close()

        def admitted():
            with contextlib.suppress(AssertionError, OSError), server.connect("echo") as client:
                client.exchange(b"room again")
                return True

        harness.wait_for(admitted, what="room for a new connection")

    def test_a_limit_for_each_address(self):
        server = self.serve(listener("echo", "tcp://127.0.0.1:0", limits={"per_address": 3}), threads=1)
        clients = [server.connect("echo") for _ in range(3)]
        for client in clients:
            client.exchange(b"one of three")
        self.one_too_many(server)
        server.wait_reason("limit-address")
        for client in clients:
            client.exchange(b"still here", finish=True)


if __name__ == "__main__":
    harness.main()
