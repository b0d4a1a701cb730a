#!/usr/bin/python3 -B
"""The servers that plait is measured against answer right: a comparison with one that does not would say nothing."""
import contextlib
import os
import pathlib
import socket
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import harness  # noqa: E402
import processes  # noqa: E402
from harness import BUILDDIR, CERTS, Case  # noqa: E402
from stream import Stream, client_context  # noqa: E402

PROGRAMS = BUILDDIR / "tests" / "bench"
FILES = {"tcp": (), "udp": (), "tls": (CERTS / "server.pem", CERTS / "server.key")}


class Servers(Case):
    @contextlib.contextmanager
    def server(self, program, *words):
        path = PROGRAMS / program
        if not os.access(path, os.X_OK):
            self.skipTest(f"{program} is not built; make bench-servers builds it")
        recipe = [path, *words, *FILES[words[-1] if words else "tcp"]]
        with processes.Server((recipe, {}, None), self.folder, cpu=None) as server:
            sockets = server.sockets()
            yield server
            harness.wait_for(lambda: server.sockets() == sockets, what="the end of all connections")
            self.assertIsNone(server.process.poll(), server.log())
            self.assertIsNone(harness.REPORTS.search(server.log()), server.log())

    def connect(self, server):
        scheme, port = server.endpoint.split(":")[0], int(server.endpoint.rsplit(":", 1)[1])
        sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        return Stream(sock, client_context(CERTS / "ca.pem") if scheme == "tls" else None)

    def check_echo(self, program, *words):
        with self.server(program, *words) as server:
            for data in (b"x", os.urandom(3 << 20)):
                with self.connect(server) as one, self.connect(server) as other:
                    one.exchange(data)
                    other.exchange(data[::-1])

    def test_echo(self):
        for transport in ("tcp", "tls"):
            self.check_echo("raw", "echo", transport)

    def test_echo_of_libraries(self):
        for transport in ("tcp", "tls"):
            self.check_echo("bufferevent", transport)
            # Built where its library is.
            if (PROGRAMS / "lws").exists():
                self.check_echo("lws", transport)
        if (PROGRAMS / "uv").exists():
            self.check_echo("uv")

    def test_lines(self):
        for transport in ("tcp", "tls"):
            with self.server("raw", "line", transport) as server, self.connect(server) as client:
                client.exchange(b"".join(b"line %d\n.\r\n" % number for number in range(50000)))
                for byte in b"slow\r\n":
                    client.send(bytes([byte]))
                self.assertEqual(client.receive_line(), b"slow")
                client.send(b"x" * 40000)
                with contextlib.suppress(OSError):
                    self.assertEqual(client.receive_to_end(), b"", "an endless line ends the connection")

    def test_broadcast(self):
        for transport in ("tcp", "tls"):
            with self.server("raw", "broadcast", transport) as server, contextlib.ExitStack() as stack:
                clients = []
                for number in range(1, 6):
                    clients.append(stack.enter_context(self.connect(server)))
                    self.assertEqual(clients[-1].receive_line(), b"welcome, you are number %d" % number)
                clients[1].send(b"hello\r\nall\r\n")
                for client in clients[:1] + clients[2:]:
                    self.assertEqual([client.receive_line() for _ in range(2)], [b"<2> hello", b"<2> all"])
                clients[0].reset()
                clients[4].send(b"bye\r\n")
                for client in clients[1:4]:
                    self.assertEqual(client.receive_line(), b"<5> bye")

    def test_datagrams(self):
        with self.server("raw", "echo", "udp") as server, socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.connect(("127.0.0.1", int(server.endpoint.rsplit(":", 1)[1])))
            for data in (b"", b"x", os.urandom(60000)):
                sock.send(data)
                self.assertEqual(sock.recv(65536), data)


if __name__ == "__main__":
    harness.main()
