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


class Multicast(Case):
    GROUP = "239.1.2.3"

    def listen(self, bind, accept="least-loaded", **multicast):
        settings = {"groups": [self.GROUP + "%lo"], **multicast}
        return self.serve(
            listener("echo", bind, socket={"multicast": settings}), threads=2, accept=accept
        )

    @staticmethod
    def asker(stack):
        sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sock.settimeout(10 * harness.SCALE)
        return sock

    def check(self, bind, accept):
        server = self.listen(bind, accept)
        port = server.port("echo")
        with contextlib.ExitStack() as stack:
            for number in range(20):
                sock = self.asker(stack)
                sock.sendto(b"%d" % number, (self.GROUP, port))
                # One answer: of several loops one is in the group.
                self.assertEqual(sock.recvfrom(100), (b"%d" % number, ("127.0.0.1", port)))
                sock.sendto(b"last", ("127.0.0.1", port))
                self.assertEqual(sock.recv(100), b"last")

    def test_a_listener_hears_its_groups(self):
        self.check("udp://0.0.0.0:0", "least-loaded")

    def test_a_listener_of_both_families_does(self):
        self.check("udp://[::]:0", "least-loaded")

    def test_one_loop_of_many_does(self):
        self.check("udp://0.0.0.0:0", "reuseport")

    def test_several_servers_share_a_port(self):
        shared = {"shared": True, "multicast": {"groups": [self.GROUP + "%lo"]}}
        first = self.serve(listener("echo", "udp://0.0.0.0:0", socket=shared))
        port = first.port("echo")
        self.serve(listener("echo", f"udp://0.0.0.0:{port}", socket=shared))
        with contextlib.ExitStack() as stack:
            sock = self.asker(stack)
            sock.sendto(b"all", (self.GROUP, port))
            self.assertEqual([sock.recv(100), sock.recv(100)], [b"all", b"all"])

    def test_what_cannot_be_joined_is_told(self):
        for multicast, said in (
            ({"groups": ["239.1.2.3%nosuch0"]}, 'groups[0]: there is no interface "nosuch0"'),
            ({"groups": ["239.1.2.3%lo", "ff02::1%lo"]}, "groups[1]: a port on 0.0.0.0:"),
            ({"groups": ["239.1.2.3%lo", "239.1.2.3%127.0.0.1"]}, "groups[1]: cannot join 239.1.2.3 on lo: "),
            ({"interface": "nosuch0"}, 'interface: there is no interface "nosuch0"'),
        ):
            settings = listener("echo", "udp://0.0.0.0:0", socket={"multicast": multicast})
            result = harness.plait("run", self.write_config(settings))
            self.assertEqual(result.returncode, 1)
            self.assertIn("listeners[0].socket.multicast." + said, result.stderr)


if __name__ == "__main__":
    harness.main()
