#!/usr/bin/python3 -B
"""Bytes through echo come back identical over every kind of socket; half-closed clients get all of them."""
import errno
import os
import random
import socket
import stat
import time
import unittest

import harness
from harness import Case, listener, wait_for

MIB = 1024 * 1024
SIZES = (1, 2, 100, 1460, 16384, 16385, 65536, MIB + 1)
STREAM = 64 * MIB // harness.LIGHTER


class EchoStreams(Case):
    """Each kind of stream listener takes the same test."""

    timeout_s = 90

    def check(self, bind, version=None, **more):
        server = self.serve(listener("echo", bind, **more), threads=2)
        rng = random.Random(bind)
        server.exchange("echo", version, rng, SIZES, STREAM)
        return server

    def test_tcp(self):
        self.check("tcp://127.0.0.1:0")

    def test_unix_path(self):
        self.check("unix:echo.sock")

    def test_unix_abstract(self):
        self.check(f"unix:@plait-test-{os.getpid()}-{time.monotonic_ns()}")

    def check_tls(self, version, certificate, algorithm):
        server = self.check("tls://127.0.0.1:0", version, tls=certificate)
        with server.connect("echo", tls=version) as client:
            self.assertEqual(client.tls.version(), "TLSv" + version)
            self.assertIsNone(client.tls.compression())
            if version == "1.2":
                self.assertIn(algorithm, client.tls.cipher()[0])

    def test_tls_1_2_ecdsa(self):
        self.check_tls("1.2", "default", "ECDSA")

    def test_tls_1_2_rsa(self):
        self.check_tls("1.2", "rsa", "RSA")

    def test_tls_1_3_ecdsa(self):
        self.check_tls("1.3", "default", "ECDSA")

    def test_tls_1_3_rsa(self):
        self.check_tls("1.3", "rsa", "RSA")


class HalfClose(Case):
    """A client that ends its direction first still gets every byte, however late it reads."""

    def check(self, bind, tls=None):
        # The high mark lets the server take all of it while the client does not read.
        server = self.serve(listener("echo", bind, buffers={"high": "16m", "low": "1m", "cap": "32m"}))
        data = random.Random(7).randbytes(6 * MIB)
        with server.connect("echo", tls=tls, receive_buffer=16384) as client:
            client.send(data)
            client.finish()
            time.sleep(0.3)
            self.assertEqual(client.receive_to_end(), data)
        server.wait_reason("peer-closed", "echo")

    def test_tcp(self):
        self.check("tcp://127.0.0.1:0")

    def test_unix(self):
        self.check("unix:echo.sock")

    def test_tls_1_2(self):
        self.check("tls://127.0.0.1:0", "1.2")

    def test_tls_1_3(self):
        self.check("tls://127.0.0.1:0", "1.3")

    def test_a_half_close_before_any_byte(self):
        server = self.serve(listener("tcp", "tcp://127.0.0.1:0"), listener("tls", "tls://127.0.0.1:0"))
        for name in ("tcp", "tls"):
            with server.connect(name) as client:
                client.finish()
                self.assertEqual(client.receive_to_end(), b"")


class EchoDatagrams(Case):
    SIZES = (1, 2, 100, 1472, 1473, 8192, 9000, 16384, 32768, 65000, 65507)

    def check(self, bind, hosts):
        server = self.serve(listener("echo", bind), threads=4)
        rng = random.Random(1)
        for host in hosts:
            with server.datagram_socket("echo", host) as sock:
                for size in self.SIZES:
                    data = rng.randbytes(size)
                    sock.send(data)
                    self.assertEqual(sock.recv(70000), data, f"{size} bytes by way of {host}")

    def test_ipv4(self):
        self.check("udp://127.0.0.1:0", ["127.0.0.1"])

    def test_ipv6(self):
        self.check("udp://[::1]:0", ["::1"])

    def test_dual_stack(self):
        # A connected socket takes an answer only from the address it asked.
        self.check("udp://[::]:0", ["127.0.0.1", "127.0.0.5", "::1"])

    def test_a_broadcast_is_answered(self):
        for bind in ("udp://0.0.0.0:0", "udp://[::]:0"):
            server = self.serve(listener("echo", bind))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sock.settimeout(10)
                sock.bind(("127.0.0.1", 0))
                sock.sendto(b"who is there", ("127.255.255.255", server.port("echo")))
                data, source = sock.recvfrom(100)
                self.assertEqual(data, b"who is there", bind)
                self.assertEqual(source[1], server.port("echo"))
            server.stop()

    def test_an_empty_datagram_does_no_harm(self):
        server = self.serve(listener("echo", "udp://127.0.0.1:0"))
        with server.datagram_socket("echo") as sock:
            sock.send(b"")
            sock.send(b"after")
            self.assertIn(
                b"after", (sock.recv(100), sock.recv(100) if sock.recv(100, socket.MSG_PEEK) else b"")
            )

    def test_many_in_a_burst(self):
        server = self.serve(listener("echo", "udp://127.0.0.1:0"), threads=4)
        socks = [server.datagram_socket("echo") for _ in range(8)]
        for burst in range(20):
            for sock in socks:
                for number in range(16):
                    sock.send(b"%d %d %d" % (sock.fileno(), burst, number))
            for sock in socks:
                for number in range(16):
                    self.assertEqual(sock.recv(100), b"%d %d %d" % (sock.fileno(), burst, number))
        for sock in socks:
            sock.close()


class Addresses(Case):
    def reach(self, server, name, host):
        with server.connect(name, host) as client:
            client.exchange(b"reached by way of " + host.encode(), finish=True)

    def test_ipv4_only(self):
        server = self.serve(listener("echo", "tcp://127.0.0.1:0"))
        self.reach(server, "echo", "127.0.0.1")
        with self.assertRaises(OSError):
            server.connect("echo", "::1")

    def test_ipv6_only(self):
        server = self.serve(
            listener("echo", "tcp://[::1]:0"), listener("only", "tcp://[::]:0", socket={"v6only": True})
        )
        for name in ("echo", "only"):
            self.reach(server, name, "::1")
            with self.assertRaises(OSError):
                server.connect(name, "127.0.0.1")

    def test_dual_stack(self):
        server = self.serve(listener("tcp", "tcp://[::]:0"), listener("tls", "tls://[::]:0"))
        for name in ("tcp", "tls"):
            self.reach(server, name, "127.0.0.1")
            self.reach(server, name, "::1")

    @unittest.skipUnless(harness.resolves("localhost"), "this machine has no localhost")
    def test_a_host_name(self):
        server = self.serve(listener("echo", "tcp://localhost:0"))
        self.assertIn(server.address("echo")[1][0], ("127.0.0.1", "::1"))
        self.reach(server, "echo", server.address("echo")[1][0])

    def test_port_0_gives_real_ports(self):
        server = self.serve(*(listener(f"echo{n}", "tcp://127.0.0.1:0") for n in range(5)))
        ports = {server.port(f"echo{n}") for n in range(5)}
        self.assertEqual(len(ports), 5)
        self.assertNotIn(0, ports)


class UnixSockets(Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "echo.sock"

    def echo_works(self, server):
        with server.connect("echo") as client:
            client.exchange(b"hello", finish=True)

    def refused(self, *words):
        result = harness.plait("run", self.write_config(listener("echo", f"unix:{self.path}")))
        self.assertEqual(result.returncode, 1, result.stderr)
        for word in ("echo", str(self.path), *words):
            self.assertIn(word, result.stderr)

    def test_mode(self):
        for mode in ("0600", "0666", "0660"):
            server = self.serve(listener("echo", f"unix:{self.path}", socket={"mode": mode}))
            found = self.path.stat()
            self.assertTrue(stat.S_ISSOCK(found.st_mode))
            self.assertEqual(f"{stat.S_IMODE(found.st_mode):04o}", mode)
            self.echo_works(server)
            server.stop()

    def test_the_file_goes_with_the_server(self):
        server = self.serve(listener("echo", f"unix:{self.path}"))
        self.assertTrue(self.path.exists())
        server.stop()
        self.assertFalse(self.path.exists())

    def test_a_stale_socket_is_replaced(self):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(self.path))
            stale.listen()
        self.echo_works(self.serve(listener("echo", f"unix:{self.path}")))

    def is_stale(self):
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(str(self.path)) == errno.ECONNREFUSED

    def test_what_a_killed_server_left_is_replaced(self):
        server = self.serve(listener("echo", f"unix:{self.path}"))
        server.process.kill()
        server.wait()
        wait_for(self.is_stale, what="the worker's end, too")
        self.assertTrue(self.path.exists())
        self.echo_works(self.serve(listener("echo", f"unix:{self.path}")))

    def test_a_live_servers_socket_is_left_alone(self):
        server = self.serve(listener("echo", f"unix:{self.path}"))
        self.refused()
        self.echo_works(server)

    def test_another_file_is_left_alone(self):
        self.path.write_text("precious")
        self.refused()
        self.assertEqual(self.path.read_text(), "precious")

    def test_a_missing_folder_is_named(self):
        self.path = self.folder / "none" / "echo.sock"
        self.refused()


if __name__ == "__main__":
    harness.main()
