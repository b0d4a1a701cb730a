#!/usr/bin/python3 -B
"""Datagrams over real sockets: coalesced by the sender, by the server, from peers of both families at once."""
import contextlib
import random
import socket

import harness
from harness import Case, listener

UDP_SEGMENT, UDP_GRO = 103, 104  # Linux


def coalescing(sock, size):
    """Whether what sock sends is cut into datagrams of that size by the kernel."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
        return True
    return False


class Trains(Case):
    # Sizes of one datagram that a path of 1500 bytes takes, and of all of them together that one call takes.
    SHAPES = ((1, 64), (64, 64), (1200, 40), (1472, 44), (1000, 3))

    def check(self, bind, host):
        server = self.serve(listener("echo", bind))
        rng = random.Random(7)
        with server.datagram_socket("echo", host) as sock:
            for size, count in self.SHAPES:
                if not coalescing(sock, size):
                    return
                data = rng.randbytes(size * count - size // 3)
                sock.send(data)
                got = [sock.recv(70000) for _ in range(count)]
                self.assertEqual(got, [data[at : at + size] for at in range(0, len(data), size)])

    def test_ipv4(self):
        self.check("udp://127.0.0.1:0", "127.0.0.1")

    def test_ipv6(self):
        self.check("udp://[::1]:0", "::1")

    def test_ipv4_on_a_dual_stack_wildcard(self):
        self.check("udp://[::]:0", "127.0.0.5")

    def test_a_receiver_that_coalesces(self):
        server = self.serve(listener("echo", "udp://[::]:0"))
        rng = random.Random(8)
        data = rng.randbytes(1200 * 40)
        with server.datagram_socket("echo", "127.0.0.1") as sock:
            if not coalescing(sock, 1200):
                return
            sock.setsockopt(socket.SOL_UDP, UDP_GRO, 1)
            sock.send(data)
            got = b""
            while len(got) < len(data):
                got += sock.recv(70000)
            self.assertEqual(got, data)

    def test_one_socket_answers_each_from_the_address_it_asked(self):
        server = self.serve(listener("echo", "udp://[::]:0"))
        with contextlib.ExitStack() as stack:
            socks = [
                stack.enter_context(server.datagram_socket("echo", host))
                for host in ("127.0.0.1", "127.0.0.2", "::1", "127.0.0.1", "127.0.0.3", "::1")
            ]
            for burst in range(30):
                for number in range(8):  # in turn, and in runs
                    for index, sock in enumerate(socks):
                        sock.send(b"%d %d %d" % (burst, number, index))
                for index, sock in enumerate(socks):
                    for number in range(8):
                        self.assertEqual(sock.recv(100), b"%d %d %d" % (burst, number, index))
                for index, sock in enumerate(socks):
                    for number in range(8):
                        sock.send(b"%d %d %d" % (burst, number, index))
                for index, sock in enumerate(socks):
                    for number in range(8):
                        self.assertEqual(sock.recv(100), b"%d %d %d" % (burst, number, index))

    def test_one_asker_of_many_addresses(self):
        for bind in ("udp://0.0.0.0:0", "udp://[::]:0"):
            server = self.serve(listener("echo", bind))
            port = server.port("echo")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(10 * harness.SCALE)
                for burst in range(30):
                    asked = [f"127.0.0.{1 + burst * number // 20 % 4}" for number in range(12)]
                    for number, host in enumerate(asked):
                        sock.sendto(b"%02d" % number, (host, port))
                    for number, host in enumerate(asked):
                        self.assertEqual(sock.recvfrom(100), (b"%02d" % number, (host, port)))


if __name__ == "__main__":
    harness.main()
