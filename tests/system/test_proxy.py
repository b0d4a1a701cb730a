#!/usr/bin/python3 -B
"""The PROXY protocol: what comes before a connection, from whom, and what becomes of who does not keep to it."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import harness
from harness import BUILDDIR, CERTS, SCALE, Case, listener, wait_for
from stream import Stream, client_context

PLUGIN = BUILDDIR / "tests" / "system" / ".libs" / "proxied.so"
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
CURL = shutil.which("curl")
LINES = 10  # of one kind that the log writes in a second
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 203.0.113.7 198.51.100.9 4711 443\r\n"
HERE = ["127.0.0.0/8"]


def v2(rest, family=0x11, command=0x21):
    return SIGNATURE + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest


def tlv(number, value):
    return bytes([number]) + len(value).to_bytes(2, "big") + value


def inet(source="203.0.113.7", destination="198.51.100.9", ports=(4711, 443)):
    packed = socket.inet_aton(source) + socket.inet_aton(destination)
    return packed + b"".join(port.to_bytes(2, "big") for port in ports)


TLS = tlv(0x20, b"\7\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"client"))
V2 = v2(inet() + tlv(1, b"h2") + tlv(2, b"a.test") + tlv(5, b"id-1") + TLS + tlv(0x30, b"ns") + tlv(0xE0, b"own"))
BAD = {
    "256 in an address": b"PROXY TCP4 256.0.2.1 192.0.2.2 1 2\r\n",
    "a port with a leading zero": b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
    "a port above 65535": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
    "v4 and v6": b"PROXY TCP4 192.0.2.1 ::1 1 2\r\n",
    "tcp6 with v4": b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    "a line that does not end": b"PROXY UNKNOWN " + b"x" * 200,
    "short addresses": v2(inet()[:11]),
    "command 2": v2(inet(), command=0x22),
    "family 9": v2(inet(), family=0x91),
    "an addition that overruns": v2(inet() + b"\1\0\2x"),
    "a wrong checksum": v2(inet() + tlv(3, b"abcd")),
    "a header of 5000 bytes": v2(inet() + tlv(4, b"x" * 4985)),
}


def accepted(server, names):
    """How many sockets of these listeners' connections the server has."""
    ports = {f":{server.port(name):04X}" for name in names}
    rows = [row.split() for row in pathlib.Path(f"/proc/{server.pid}/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[1][-5:] in ports and row[3] == "01"}
    links = set()
    for link in pathlib.Path(f"/proc/{server.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            links.add(os.readlink(link))
    return sum(f"socket:[{inode}]" in links for inode in inodes)


class Proxied(Case):
    def setUp(self):
        super().setUp()
        self.clients = []

    def tearDown(self):
        for sock in self.clients:
            sock.close()
        super().tearDown()

    def serve_proxied(self, mode="required", trusted=None, **more):
        setting = {"mode": mode, "trusted": HERE if trusted is None else trusted}
        return self.serve(
            listener("tcp", "tcp://127.0.0.1:0", "proxied", proxy_protocol=setting, **more),
            listener("tls", "tls://127.0.0.1:0", "proxied", proxy_protocol=setting, **more),
            plugins=["echo", "line", "broadcast", str(PLUGIN)],
        )

    def raw(self, server, name="tcp"):
        family, address = server.address(name)
        sock = socket.socket(family, socket.SOCK_STREAM)
        self.clients.append(sock)
        sock.settimeout(20 * SCALE)
        sock.connect(address)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def stream(self, server, name, header):
        """A client behind a proxy that has sent its header; TLS, if any, begins behind it."""
        sock = self.raw(server, name)
        sock.sendall(header)
        return Stream(sock, client_context(CERTS / "ca.pem") if name == "tls" else None, timeout=20 * SCALE)

    def line(self, sock):
        """What the protocol says first."""
        got = b""
        while not got.endswith(b"\n"):
            more = sock.recv(1)
            self.assertTrue(more, f"the connection ended after {got!r}")
            got += more
        return got.decode().rstrip()

    def stream_line(self, stream):
        return bytes(stream.receive_line(b"\n")).decode().rstrip()

    def assert_refused(self, server, name="tcp", data=b""):
        """As soon as it comes."""
        with self.assertRaises(ConnectionError):
            self.assert_reset(self.raw(server, name), data)
            raise ConnectionError("later")

    def assert_reset(self, sock, data=b""):
        """Once it has sent data, of which nothing may be answered."""
        with self.assertRaises(ConnectionError):
            sock.sendall(data)
            got = sock.recv(4096)
            raise AssertionError(f"it got {got!r}")


class Headers(Proxied):
    def check_line(self, line, server, name, header):
        self.assertIn("peer=203.0.113.7:4711 local=198.51.100.9:443", line)
        self.assertIn("real_peer=127.0.0.1:", line)
        self.assertIn(f"real_local=127.0.0.1:{server.port(name)}", line)
        self.assertIn("v1" if header is V1 else "v2", line)
        if header is V2:
            self.assertIn("id=id-1 authority=a.test alpn=h2 netns=ns path=- tls=TLSv1.3 cn=client verified=1", line)
            self.assertTrue(line.endswith("custom=own"), line)

    def test_name_the_connection(self):
        server = self.serve_proxied()
        for name in ("tcp", "tls"):
            for header in (V1, V2):
                with self.subTest(name=name, header=header), self.stream(server, name, header) as client:
                    self.check_line(self.stream_line(client), server, name, header)
                    client.send(b"hello")
                    self.assertEqual(client.receive(5), b"hello")
        opened = [one for one in server.records() if one.get("message", "").startswith("opened")]
        self.assertEqual({one["peer"] for one in opened}, {"203.0.113.7:4711"})

    def test_come_with_the_first_bytes(self):
        server = self.serve_proxied()
        for header in (V1, V2):
            sock = self.raw(server)
            sock.sendall(header + b"hello")
            self.check_line(self.line(sock), server, "tcp", header)
            self.assertEqual(sock.recv(100), b"hello")

    def test_come_byte_by_byte(self):
        server = self.serve_proxied()
        for header in (V1, V2):
            sock = self.raw(server)
            for byte in header + b"hello":
                sock.send(bytes([byte]))
            self.check_line(self.line(sock), server, "tcp", header)
            got = b""
            while len(got) < 5:
                got += sock.recv(100)
            self.assertEqual(got, b"hello")

    def test_before_tls_in_one_segment(self):
        """The handshake's first bytes lie behind the header, and stay where OpenSSL reads them."""
        server = self.serve_proxied()
        sock = self.raw(server, "tls")
        context = client_context(CERTS / "ca.pem")
        with Stream(sock, context, handshake=False) as client:
            with contextlib.suppress(Exception):
                client.tls.do_handshake()
            client.out = memoryview(V2 + client.outward.read())
            client.handshake()
            self.check_line(self.stream_line(client), server, "tls", V2)

    def test_that_keep_the_real_addresses(self):
        server = self.serve_proxied()
        cases = (
            v2(b"", 0, 0x20),
            v2(inet(), 0x91, 0x20),
            v2(b"", 0),
            v2(inet(), 0x12),
            b"PROXY UNKNOWN\r\n",
            b"PROXY UNKNOWN 203.0.113.7 198.51.100.9 1 2\r\n",
        )
        for header in cases:
            with self.subTest(header=header):
                sock = self.raw(server)
                sock.sendall(header)
                line = self.line(sock)
                here = "127.0.0.1:%d" % sock.getsockname()[1]
                there = "127.0.0.1:%d" % server.port("tcp")
                self.assertIn(f"peer={here} local={there} ", line)
                self.assertIn(f"addressed=0 real_peer={here} real_local={there}", line)

    def test_of_ipv6_and_unix(self):
        server = self.serve_proxied()
        six = bytes.fromhex("20010db8" + "0" * 22 + "01" + "20010db8" + "0" * 22 + "02") + b"\0\1\0\2"
        sock = self.raw(server)
        sock.sendall(v2(six, 0x21))
        self.assertIn("peer=[2001:db8::1]:1 local=[2001:db8::2]:2 ", self.line(sock))
        sock = self.raw(server)
        sock.sendall(v2(b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0"), 0x31))
        line = self.line(sock)
        self.assertIn("peer=unix local=unix ", line)
        self.assertIn("path=/run/a ", line)

    def test_over_a_unix_socket(self):
        path = self.folder / "socket"
        server = self.serve(
            listener(
                "unix", f"unix:{path}", "proxied", proxy_protocol={"mode": "required", "trusted": ["unix"]}
            ),
            plugins=["echo", "line", "broadcast", str(PLUGIN)],
        )
        sock = self.raw(server, "unix")
        for at in range(0, len(V2), 7):
            sock.sendall(V2[at : at + 7])
        self.assertIn("peer=203.0.113.7:4711 local=198.51.100.9:443", self.line(sock))

    def test_who_may_come_over_a_unix_socket(self):
        """Its peers have no addresses, but headers tell some."""
        server = self.serve(
            listener(
                "unix",
                f"unix:{self.folder}/socket",
                "proxied",
                proxy_protocol={"mode": "required", "trusted": ["unix"]},
                deny=["203.0.113.2"],
            ),
            plugins=["echo", "line", "broadcast", str(PLUGIN)],
        )
        for source, served in (("203.0.113.1", True), ("203.0.113.2", False)):
            sock = self.raw(server, "unix")
            sock.sendall(v2(inet(source)))
            if served:
                self.assertIn(f"peer={source}:4711", self.line(sock))
            else:
                self.assertEqual(sock.recv(1), b"")
        server.wait_message("^denied: ", "unix")

    def test_on_every_loop(self):
        """Connections whose header is read on one loop go on to the others, header and all."""
        server = self.serve_proxied()
        socks = [self.raw(server) for _ in range(50)]
        for number, sock in enumerate(socks):
            sock.sendall(v2(inet(ports=(number + 1, 443)) + tlv(5, b"%d" % number)))
        for number, sock in enumerate(socks):
            line = self.line(sock)
            self.assertIn(f"peer=203.0.113.7:{number + 1} ", line)
            self.assertIn(f" id={number} ", line)


class Refused(Proxied):
    def test_bad_headers(self):
        server = self.serve_proxied()
        for number, (what, header) in enumerate(BAD.items(), 1):
            for name in ("tcp", "tls"):
                with self.subTest(what=what, name=name):
                    sock = self.raw(server, name)
                    self.assert_reset(sock, header)
                    server.wait_message("^proxy-header: ", name, min(number, LINES))

    def test_bad_headers_where_they_are_optional(self):
        """What begins as a header is one, or nothing."""
        server = self.serve_proxied("optional")
        for number, (what, header) in enumerate(BAD.items(), 1):
            with self.subTest(what=what):
                sock = self.raw(server)
                self.assert_reset(sock, header)
                server.wait_message("^proxy-header: ", "tcp", min(number, LINES))

    def test_no_header(self):
        server = self.serve_proxied()
        for number, data in enumerate((b"GET / HTTP/1.1\r\n", b"\x16\3\1\2\0\1", b"P\0"), 1):
            sock = self.raw(server)
            sock.sendall(data)
            self.assert_reset(sock)
            server.wait_message("^proxy-header: it begins without one", "tcp", number)

    def test_a_header_that_ends_in_the_middle(self):
        server = self.serve_proxied()
        for number, header in enumerate((V1, V2), 1):
            sock = self.raw(server)
            sock.sendall(header[:-1])
            sock.shutdown(socket.SHUT_WR)
            self.assert_reset(sock)
            server.wait_message("^proxy-header: it ends in the middle", "tcp", number)

    def test_who_is_not_trusted(self):
        server = self.serve_proxied(trusted=["10.0.0.0/8", "::/0", "127.0.0.2"])
        for name in ("tcp", "tls"):
            self.assert_refused(server, name, V1)
            server.wait_message("^proxy-header: its address is not among", name)

    def test_who_comes_and_goes_did_nothing_wrong(self):
        server = self.serve_proxied()
        self.raw(server).shutdown(socket.SHUT_WR)
        records = wait_for(
            lambda: [one for one in server.records() if one.get("message", "").startswith("peer-closed")],
            what="a line about it",
        )
        self.assertEqual([one["level"] for one in records], ["debug"])

    def test_whom_the_protocol_does_not_want(self):
        server = self.serve_proxied()
        sock = self.raw(server)
        sock.sendall(v2(inet("203.0.113.66")))
        self.assert_reset(sock)
        server.wait_reason("refused", "tcp")


class Optional(Proxied):
    def test_headers_of_who_is_not_trusted_are_data(self):
        server = self.serve_proxied("optional", ["10.0.0.0/8"])
        for header in (V1, V2):
            sock = self.raw(server)
            sock.sendall(header)
            line = self.line(sock)
            self.assertEqual(line, "peer=127.0.0.1:%d local=127.0.0.1:%d" % (sock.getsockname()[1], server.port("tcp")))
            got = b""
            while len(got) < len(header):
                got += sock.recv(4096)
            self.assertEqual(got, header)

    def test_who_is_not_trusted_need_not_speak_first(self):
        server = self.serve_proxied("optional", ["10.0.0.0/8"])
        self.assertIn("peer=127.0.0.1:", self.line(self.raw(server)))

    def test_with_and_without(self):
        server = self.serve_proxied("optional")
        for name in ("tcp", "tls"):
            with self.stream(server, name, V2) as client:
                self.assertIn("peer=203.0.113.7:4711 ", self.stream_line(client))
            with self.stream(server, name, b"") as client:
                if name == "tcp":
                    client.send(b"x")
                line = self.stream_line(client)
                self.assertIn("peer=127.0.0.1:", line)
                self.assertNotIn(" v", line)

    def test_what_begins_like_a_header_and_is_none(self):
        """However slowly: what may be a header stays in the socket until it surely is one, and nobody spins."""
        server = self.serve_proxied("optional")
        for data in (b"PROD", b"PX", b"\r\n\r\n\0\r\nQUIT\r"):
            sock = self.raw(server)
            for byte in data[:-1]:
                sock.send(bytes([byte]))
            sock.sendall(data[-1:])
            self.assertIn("peer=127.0.0.1:", self.line(sock))
            got = b""
            while len(got) < len(data):
                got += sock.recv(4096)
            self.assertEqual(got, data)

    def test_a_header_in_three_parts(self):
        server = self.serve_proxied("optional")
        for header in (V1, V2):
            sock = self.raw(server)
            for part in (header[:3], header[3:20], header[20:] + b"x"):
                sock.sendall(part)
                wait_for(lambda: pathlib.Path(f"/proc/{server.pid}").exists())
            self.assertIn("peer=203.0.113.7:4711 ", self.line(sock))
            self.assertEqual(sock.recv(10), b"x")


class Bounds(Proxied):
    def test_time(self):
        for mode in ("required", "optional"):
            server = self.serve_proxied(mode, timeouts={"preamble": "300ms"})
            socks = []
            for name in ("tcp", "tls"):
                for data in (b"", b"PRO", V1[:20], V2[:30]):
                    sock = self.raw(server, name)
                    sock.sendall(data)
                    socks.append(sock)
            for sock in socks:
                self.assert_reset(sock)
            for name in ("tcp", "tls"):
                server.wait_message("^timeout-preamble: ", name, 4)
            server.stop()

    def test_time_of_who_dribbles(self):
        server = self.serve_proxied(timeouts={"preamble": "500ms"})
        sock = self.raw(server)
        with self.assertRaises(ConnectionError):
            for byte in V2 * 100:
                sock.send(bytes([byte]))
                time.sleep(0.02)
        server.wait_message("^timeout-preamble: ", "tcp")

    def test_connections_of_an_address(self):
        """The proxied one: proxies are few, and their clients many."""
        server = self.serve_proxied(limits={"per_address": 1})
        for name in ("tcp", "tls"):
            first = self.stream(server, name, v2(inet("203.0.113.1")))
            self.stream_line(first)
            other = self.stream(server, name, v2(inet("203.0.113.2")))
            self.stream_line(other)
            sock = self.raw(server, name)
            sock.sendall(v2(inet("203.0.113.1")))
            self.assert_reset(sock)
            server.wait_message("^limit-address: ", name)
            refused = [one for one in server.records() if one.get("message", "").startswith("limit-address")]
            self.assertEqual(refused[-1]["peer"], "203.0.113.1:4711")
            first.sock.close()
            wait_for(lambda: self.comes_in(server, name, "203.0.113.1"), what="its place to be free")
            other.sock.close()

    def comes_in(self, server, name, source):
        sock = self.raw(server, name)
        sock.sendall(v2(inet(source)))
        try:
            Stream(sock, client_context(CERTS / "ca.pem") if name == "tls" else None).receive(1)
            return True
        except (OSError, AssertionError):
            return False
        finally:
            sock.close()

    def test_all_connections(self):
        server = self.serve_proxied(limits={"connections": 2})
        socks = [self.raw(server) for _ in range(3)]
        for number, sock in enumerate(socks):
            sock.sendall(v2(inet(f"203.0.113.{number}")))
            if number < 2:
                self.line(sock)
        self.assert_reset(socks[2])
        server.wait_message("^limit-connections: ", "tcp")

    def test_how_many_headers_are_awaited(self):
        server = self.serve_proxied(limits={"handshakes": 3})
        waiting = [self.raw(server) for _ in range(3)]
        self.assert_refused(server)
        server.wait_message("^limit-handshakes: ", "tcp")
        for sock in waiting:
            sock.sendall(V1)
            self.line(sock)
        sock = self.raw(server)
        sock.sendall(V1)
        self.assertIn("203.0.113.7", self.line(sock))

    def test_who_may_come(self):
        """The lists are about whom the header names."""
        server = self.serve_proxied(deny=["203.0.113.2", "127.0.0.0/8"])
        for name in ("tcp", "tls"):
            self.assertTrue(self.comes_in(server, name, "203.0.113.1"))
            self.assertFalse(self.comes_in(server, name, "203.0.113.2"))
            server.wait_message("^denied: ", name)
        denied = [one for one in server.records() if one.get("message", "").startswith("denied")]
        self.assertEqual(denied[-1]["peer"].split(":")[0], "203.0.113.2")

    def test_who_waits_for_room(self):
        """A place is one's before the header comes, and free again when a bad one, or none, has come."""
        for mode in ("required", "optional"):
            limits = {"connections": 1, "handshakes": 1, "over": "wait"}
            server = self.serve_proxied(mode, limits=limits, deny=["203.0.113.2"])
            for name in ("tcp", "tls"):
                for data in (*BAD.values(), b"", v2(inet("203.0.113.2"))):
                    sock = self.raw(server, name)
                    with contextlib.suppress(OSError):
                        sock.sendall(data)
                        sock.shutdown(socket.SHUT_WR)
                        while sock.recv(4096):
                            pass
                    sock.close()
                first = self.stream(server, name, V2)
                self.assertIn("203.0.113.7", self.stream_line(first))
                second = self.raw(server, name)
                second.sendall(v2(inet("203.0.113.1")))
                server.wait_message("^newcomers wait", name)
                first.sock.close()
                tls = client_context(CERTS / "ca.pem") if name == "tls" else None
                self.assertIn("203.0.113.1", self.stream_line(Stream(second, tls, timeout=20 * SCALE)))
                second.close()
            self.assertFalse([text for text in server.messages() if text.startswith("limit-")])
            server.stop()

    def test_the_end_of_the_server(self):
        server = self.serve_proxied(timeouts={"preamble": "10m"})
        socks = [self.raw(server), self.raw(server, "tls")]
        socks[0].sendall(V2[:20])
        wait_for(lambda: accepted(server, ["tcp", "tls"]) == 2, what="both to be accepted")
        server.stop()
        for sock in socks:
            self.assert_reset(sock)
        self.assertEqual(len([text for text in server.messages() if text.startswith("drain: ")]), 2)


class Reload(Proxied):
    def reload(self, server, change):
        change(server.config["listeners"])
        server.file.write_text(json.dumps(server.config))
        before = len(server.messages())
        server.send_signal(signal.SIGHUP)
        wait_for(
            lambda: [text for text in server.messages()[before:] if text.startswith("reloaded")],
            what="the reload",
        )

    def test_whom_to_trust(self):
        """Who waits with a header is judged as when it came; newcomers as they are judged now."""
        server = self.serve_proxied()
        waiting = self.raw(server)
        waiting.sendall(V2[:20])
        wait_for(lambda: accepted(server, ["tcp"]) == 1, what="it to be accepted")

        def trust_others(listeners):
            listeners[0]["proxy_protocol"] = {"mode": "required", "trusted": ["10.0.0.0/8"]}

        self.reload(server, trust_others)
        self.assert_refused(server, data=V2)
        waiting.sendall(V2[20:])
        self.assertIn("peer=203.0.113.7:4711 ", self.line(waiting))
        with self.stream(server, "tls", V2) as client:
            self.assertIn("peer=203.0.113.7:4711 ", self.stream_line(client))

    def test_without_the_listener(self):
        server = self.serve_proxied(timeouts={"preamble": "10m"})
        waiting = self.raw(server)
        waiting.sendall(V2[:20])
        wait_for(lambda: accepted(server, ["tcp"]) == 1, what="it to be accepted")
        self.reload(server, lambda listeners: listeners.pop(0))
        self.assert_reset(waiting)
        server.wait_message("^drain: ", "tcp")


class Clients(Proxied):
    def test_curl(self):
        if not CURL:
            self.skipTest("curl is not installed")
        server = self.serve_proxied()
        for name, scheme in (("tcp", "http"), ("tls", "https")):
            done = subprocess.run(
                [CURL, "-sS", "--http0.9", "--haproxy-protocol", "--cacert", str(CERTS / "ca.pem"), "-m", "2"]
                + [f"{scheme}://localhost:{server.port(name)}/", "-4"],
                capture_output=True,
                text=True,
                timeout=60 * SCALE,
            )
            found = re.search(r"peer=(\S+) local=(\S+) v1 addressed=1 real_peer=(\S+) real_local=(\S+)", done.stdout)
            self.assertTrue(found, done.stdout + done.stderr)
            self.assertEqual(found.group(1), found.group(3))
            self.assertEqual(found.group(2), found.group(4))
            self.assertIn("GET / HTTP", done.stdout)

    def haproxy(self, server, *fronts):
        """Starts one with a frontend for each (name, options of the bind line, options of the server line)."""
        if not HAPROXY:
            self.skipTest("haproxy is not installed")
        ports = []
        text = "global\n maxconn 100\n ssl-server-verify none\ndefaults\n mode tcp\n timeout connect 10s\n"
        text += " timeout client 60s\n timeout server 60s\n"
        held = []
        for name, bind, options in fronts:
            sock = socket.socket()
            sock.bind(("127.0.0.1", 0))
            held.append(sock)
            ports.append(sock.getsockname()[1])
            text += f"listen front{len(ports)}\n bind 127.0.0.1:{ports[-1]} {bind}\n"
            text += " unique-id-format id-%pid-%rt\n"
            text += f" server one 127.0.0.1:{server.port(name)} {options}\n"
        path = self.folder / "haproxy.cfg"
        path.write_text(text)
        for sock in held:
            sock.close()
        log = open(self.folder / "haproxy.log", "wb")
        process = subprocess.Popen([HAPROXY, "-db", "-f", str(path)], stdout=log, stderr=log)
        log.close()
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def listens():
            if process.poll() is not None:
                raise AssertionError((self.folder / "haproxy.log").read_text())
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ports[-1]), 1):
                return True

        wait_for(listens, what="haproxy")
        return ports

    def through(self, port, tls=None, name="localhost"):
        sock = socket.create_connection(("127.0.0.1", port), 20 * SCALE)
        here = "127.0.0.1:%d" % sock.getsockname()[1]
        with Stream(sock, tls, name=name, timeout=20 * SCALE) as client:
            line = self.stream_line(client)
            client.send(b"hello")
            self.assertEqual(client.receive(5), b"hello")
        return here, line

    def test_haproxy(self):
        server = self.serve_proxied()
        pem = self.folder / "front.pem"
        pem.write_text((CERTS / "server.pem").read_text() + (CERTS / "server.key").read_text())
        pem.chmod(0o600)
        options = "proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher,cert-sig,cert-key"
        ports = self.haproxy(
            server,
            ("tcp", "", "send-proxy"),
            ("tcp", "", "send-proxy-v2"),
            ("tls", "", "send-proxy-v2"),
            ("tcp", "", f"send-proxy-v2 {options}"),
            ("tcp", f"ssl crt {pem} alpn echo", f"send-proxy-v2-ssl-cn {options}"),
        )
        context = client_context(CERTS / "ca.pem")
        for number, (tls, version) in enumerate(((None, 1), (None, 2), (context, 2), (None, 2))):
            here, line = self.through(ports[number], tls)
            self.assertIn(f"peer={here} local=127.0.0.1:{ports[number]} v{version} addressed=1", line)
        self.assertIn(" id=id-", line)
        context = client_context(CERTS / "ca.pem")
        context.set_alpn_protocols(["echo"])
        here, line = self.through(ports[4], context)
        self.assertIn(f"peer={here} ", line)
        self.assertIn("authority=localhost alpn=echo ", line)
        self.assertIn("tls=TLSv1.3 cn=- verified=0", line)

    def test_haproxys_health_checks(self):
        server = self.serve_proxied()
        self.haproxy(server, ("tcp", "", "send-proxy-v2 check inter 100 check-send-proxy"))
        wait_for(
            lambda: [text for text in server.messages("tcp") if "opened" in text][3:], what="some checks to come"
        )
        self.assertFalse([text for text in server.messages() if text.startswith("proxy-header")])


if __name__ == "__main__":
    harness.main()
