#!/usr/bin/python3 -B
"""plait bench: exact counts, every byte checked, and a clear end with whatever server."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import harness
from harness import CERTS, Case, listener

ERRORS = ["connect", "tls", "reset", "closed", "mismatch", "lost"]


def bench(*args, timeout=60, **keywords):
    return harness.plait("bench", *args, timeout=timeout, **keywords)


class BenchCase(Case):
    def measure(self, *args, status=0, **keywords):
        """The report of a run, as JSON."""
        result = bench(*args, "--json", **keywords)
        self.assertEqual(result.returncode, status, result.stderr + result.stdout)
        return json.loads(result.stdout)

    def fine(self, *args, **keywords):
        report = self.measure(*args, **keywords)
        self.assertEqual(report["errors"], dict.fromkeys(ERRORS, 0), args)
        self.assertIsNone(report["failure"])
        self.assertGreater(report["rate"], 0)
        latency = report["latency_us"]
        self.assertTrue(0 < latency["p50"] <= latency["p99"] <= latency["p99.9"] <= latency["max"], latency)
        return report


class Kinds(BenchCase):
    """Each kind on each transport it knows does exactly what it was asked to, by a server of ours."""

    timeout_s = 120

    def setUp(self):
        super().setUp()
        self.server = self.serve(
            *(listener(f"{name}-tcp", "tcp://127.0.0.1:0", name) for name in ("echo", "line", "broadcast")),
            *(listener(f"{name}-tls", "tls://127.0.0.1:0", name) for name in ("echo", "line", "broadcast")),
            *(
                listener(f"{name}-unix", f"unix:{self.folder}/{name}.sock", name)
                for name in ("echo", "line", "broadcast")
            ),
            listener("echo-udp", "udp://127.0.0.1:0"),
        )

    def everywhere(self, kind, protocol, *args, **more):
        reports = []
        for scheme in ("tcp", "tls", "unix"):
            endpoint = self.server.endpoint(f"{protocol}-{scheme}")
            reports.append(self.fine(kind, endpoint, *args, **more))
        return reports

    def test_echo(self):
        for report in self.everywhere("echo", "echo", "-c", 7, "-d", 3, "-n", 1000, "--threads", 2):
            self.assertEqual(report["operations"], 1000)
            self.assertEqual(
                [report[key] for key in ("kind", "connections", "size", "depth", "threads")],
                ["echo", 7, 64, 3, 2],
            )
            expected = report["rate"] * 64
            self.assertAlmostEqual(report["bytes_per_second"], expected, delta=expected * 0.001)

    def test_sizes(self):
        for size in (1, 2, 16383, 16384, 16385, 131071, 1024 * 1024):
            for report in self.everywhere("echo", "echo", "-c", 2, "-d", 2, "-n", 20, "-s", size):
                self.assertEqual((report["operations"], report["size"]), (20, size))

    def test_line(self):
        for size in (1, 64, 16000):
            for report in self.everywhere("line", "line", "-c", 5, "-d", 16, "-n", 500, "-s", size):
                self.assertEqual(report["operations"], 500)

    def test_broadcast(self):
        for senders, threads in ((1, 1), (3, 2), (6, 3)):
            for report in self.everywhere(
                *("broadcast", "broadcast", "-c", 6, "-d", 4, "-n", 1000),
                *("--senders", senders, "--threads", threads),
            ):
                self.assertEqual((report["operations"], report["senders"]), (1000, senders))

    def test_a_broadcast_counts_whole_messages(self):
        report = self.fine("broadcast", self.server.endpoint("broadcast-tcp"), "-c", 8, "-n", 10)
        self.assertEqual(report["operations"], 14)

    def test_connect(self):
        for report in self.everywhere("connect", "echo", "-c", 5, "-n", 200, "--threads", 2):
            self.assertEqual((report["operations"], report["size"]), (200, 1))
        for name in ("echo-tcp", "echo-tls", "echo-unix"):
            self.assertFalse(self.server.ended("reset", name))

    def test_handshake(self):
        endpoint = self.server.endpoint("echo-tls")
        report = self.fine("handshake", endpoint, "-c", 5, "-n", 50, "--ca", CERTS / "ca.pem")
        self.assertEqual(report["operations"], 50)
        self.assertNotIn("resumed", report)
        report = self.fine("handshake", endpoint, "-c", 5, "-n", 50, "--resume")
        self.assertEqual(report["operations"], 50)
        self.assertGreaterEqual(report["resumed"], 45)
        self.assertFalse(self.server.ended("reset", "echo-tls"))

    def test_udp(self):
        for size, depth in ((8, 1), (64, 4), (1400, 100)):
            report = self.measure(
                "udp", self.server.endpoint("echo-udp"), "-c", 3, "-d", depth, "-n", 1000, "-s", size
            )
            self.assertEqual((report["operations"], report["errors"]["mismatch"]), (1000, 0))

    def test_time_ends_it(self):
        for kind in ("echo", "connect"):
            began = time.monotonic()
            report = self.fine(kind, self.server.endpoint("echo-tcp"), "-c", 5, "-t", 0.5)
            self.assertGreater(report["seconds"], 0.4)  # its clocks differ by milliseconds
            self.assertGreaterEqual(time.monotonic() - began, 0.5)
            self.assertGreater(report["operations"], 0)

    def test_idle_connections_are_held(self):
        report = self.fine(
            "echo", self.server.endpoint("echo-tls"), "-c", 2, "-n", 100, "--idle", 20, "--threads", 3
        )
        self.assertEqual((report["threads"], report["idle"], report["operations"]), (2, 20, 100))
        self.server.wait_reason("peer-closed", "echo-tls", count=22)

    def test_connections_end_in_order(self):
        self.fine("echo", self.server.endpoint("echo-tcp"), "-c", 10, "-d", 8, "-t", 0.2)
        self.server.wait_reason("peer-closed", "echo-tcp", count=10)
        self.assertFalse(self.server.ended("reset", "echo-tcp"))

    def test_a_servers_time_and_memory(self):
        report = self.fine("echo", self.server.endpoint("echo-tcp"), "-n", 5000, "--pid", self.server.pid)
        usage = report["server"]
        self.assertGreater(usage["cpu_us_per_operation"], 0)
        self.assertAlmostEqual(
            usage["user_us_per_operation"] + usage["system_us_per_operation"],
            usage["cpu_us_per_operation"],
            delta=0.001,
        )
        self.assertGreater(usage["resident_bytes"], 1024 * 1024)
        both = self.fine(
            "echo", self.server.endpoint("echo-tcp"), "-n", 5000, "--pid", f"{self.server.pid},{os.getpid()}"
        )
        self.assertGreater(both["server"]["resident_bytes"], usage["resident_bytes"])

    def test_a_report_for_people(self):
        result = bench("echo", self.server.endpoint("echo-tcp"), "-n", 1000, "--pid", self.server.pid)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for pattern in (
            r"^echo tcp://127\.0\.0\.1:\d+: 1 x 64 bytes in flight on each of 50 connections, 1 thread, ",
            r"^rate      \d+ operations/s, [\d.]+ MB/s, 1000 in all$",
            r"^latency   p50 [\d.]+ [um]?s, p99 [\d.]+ [um]?s, p99\.9 [\d.]+ [um]?s, max [\d.]+ [um]?s$",
            r"^server    [\d.]+ us of processor time an operation .* MiB resident$",
            r"^bench     [\d.]+ us of processor time an operation ",
            r"^errors    none$",
        ):
            self.assertRegex(result.stdout, re.compile(pattern, re.M))

    def test_ctrl_c_prints_what_was_measured(self):
        process = subprocess.Popen(
            [harness.PLAIT, "bench", "echo", self.server.endpoint("echo-tcp"), "-t", "300", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=harness.environment(),
        )
        harness.wait_for(lambda: self.server.memory() and self.connections() >= 50, what="the connections")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20 * harness.SCALE)
        self.assertEqual((process.returncode, err), (0, b""))
        report = json.loads(out)
        self.assertTrue(report["interrupted"])
        self.assertGreater(report["operations"], 0)

    def connections(self):
        return len(list(pathlib.Path(f"/proc/{self.server.pid}/fd").iterdir()))


class Fake:
    """A server of one's own making: serve(connection) is run on a thread for each connection."""

    def __init__(self, serve):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.endpoint = f"tcp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.serve = serve
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.socket.accept()[0]
                threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        with contextlib.suppress(OSError), connection:
            self.serve(connection)


def echo(connection, change=lambda data, number: data):
    """Echoes with a change to each piece."""
    number = 0
    while data := connection.recv(65536):
        connection.sendall(change(data, number))
        number += 1


class Troubles(BenchCase):
    """Servers that are not there, go away, lie or fall silent."""

    def fails(self, server, *args, kind="echo", error=None, words=(), endpoint=None):
        began = time.monotonic()
        result = bench(kind, endpoint or server.endpoint, "--json", *args)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertLess(time.monotonic() - began, 30 * harness.SCALE)
        if error:
            report = json.loads(result.stdout)
            self.assertGreater(report["errors"][error], 0, report)
            self.assertEqual(report["failure"].split()[0], result.stderr.split(": ", 1)[1].split()[0])
            return report
        self.assertEqual(result.stdout, "")
        return None

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = sock.getsockname()[1]
        self.fails(None, endpoint=f"tcp://127.0.0.1:{port}", words=["Connection refused", "is the server running"])
        self.fails(
            None,
            "-n",
            5,
            kind="connect",
            endpoint=f"tcp://127.0.0.1:{port}",
            error="connect",
            words=["Connection refused"],
        )
        path = self.folder / "none.sock"
        self.fails(None, endpoint=f"unix:{path}", words=[str(path), "No such file"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        result = bench("udp", f"udp://127.0.0.1:{port}")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("is the server running", result.stderr)

    def test_a_name_that_does_not_exist(self):
        self.fails(None, endpoint="tcp://nowhere.invalid:1", words=["nowhere.invalid"])

    def test_a_wrong_byte_is_seen(self):
        def flip(data, number):
            return data[:-1] + bytes([data[-1] ^ 1]) if number == 20 else data

        server = Fake(lambda connection: echo(connection, flip))
        report = self.fails(server, "-c", 2, "-s", 100, "-t", 20, error="mismatch", words=["from byte 100 of a message"])
        self.assertEqual(report["operations"], 40)
        self.assertEqual(report["errors"]["mismatch"], 2)

    def test_a_repeated_message_is_seen(self):
        last = {}

        def repeat(data, number):
            last.setdefault("data", data)
            return last["data"] if number == 5 else data

        self.fails(Fake(lambda connection: echo(connection, repeat)), "-c", 1, "-t", 20, error="mismatch")

    def test_another_connections_answer_is_seen(self):
        lock, swapped = threading.Lock(), []

        def serve(connection):
            first = connection.recv(65536)
            with lock:
                swapped.append(first)
            harness.wait_for(lambda: len(swapped) == 2)
            connection.sendall(swapped[1] if first == swapped[0] else swapped[0])
            connection.recv(1)

        report = self.fails(Fake(serve), "-c", 2, "-t", 20, error="mismatch")
        self.assertEqual(report["errors"]["mismatch"], 2)

    def test_more_than_was_asked_for_is_seen(self):
        server = Fake(lambda connection: echo(connection, lambda data, number: data + b"!" * (number == 3)))
        self.fails(server, "-c", 1, "-t", 20, error="mismatch", words=["more than it asked for"])

    def test_an_answer_before_its_question_is_seen(self):
        heard = []
        server = Fake(lambda connection: echo(connection, lambda data, number: heard.append(data) or data))
        self.fine("echo", server.endpoint, "-c", 1, "-n", 5)
        server = Fake(lambda connection: echo(connection, lambda data, number: b"".join(heard[:3])))
        self.fails(server, "-c", 1, "-t", 20, error="mismatch", words=["more than it asked for"])

    def test_a_line_that_ends_otherwise_is_seen(self):
        server = Fake(lambda connection: echo(connection, lambda data, number: data.replace(b"\r\n", b"\n")))
        self.fails(server, "-c", 1, "-t", 20, kind="line", error="mismatch")

    def test_an_end_is_seen(self):
        def serve(connection):
            for _ in range(10):
                connection.sendall(connection.recv(65536))
            connection.recv(65536)  # closing with it unread would be a reset

        report = self.fails(Fake(serve), "-c", 3, "-t", 20, error="closed", words=["the server ended it"])
        self.assertEqual(report["errors"]["closed"], 3)

    def test_a_reset_is_seen(self):
        def serve(connection):
            connection.sendall(connection.recv(65536))
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        self.fails(Fake(serve), "-c", 3, "-t", 20, error="reset")

    def test_silence_ends_it(self):
        def serve(connection):
            connection.sendall(connection.recv(65536))
            while connection.recv(65536):
                pass

        for kind in ("echo", "connect"):
            if kind == "connect":
                serve = lambda connection: connection.recv(65536) and connection.recv(65536)
            result = bench(kind, Fake(serve).endpoint, "-c", 3, "-t", 300, "--patience", 0.5, "--json")
            self.assertEqual(result.returncode, 1)
            self.assertIn("nothing came for 0.5 s", result.stderr)

    def test_a_server_that_does_not_end(self):
        """After a handshake its end is waited for, as long as for anything else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTS / "server.pem", CERTS / "server.key")

        def serve(connection):
            with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True) as tls:
                tls.recv(1)
                time.sleep(60)

        endpoint = Fake(serve).endpoint.replace("tcp:", "tls:")
        result = bench("handshake", endpoint, "-c", 2, "-t", 300, "--patience", 0.5, "--json")
        self.assertEqual(result.returncode, 1)
        self.assertIn("nothing came for 0.5 s, and 2 messages wait", result.stderr)

    def test_a_server_that_never_accepts(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as sock:
            for _ in range(3):  # its queue is full then
                full = socket.socket()
                full.setblocking(False)
                full.connect_ex(sock.getsockname())
                self.addCleanup(full.close)
            result = bench("echo", f"tcp://127.0.0.1:{sock.getsockname()[1]}", "-c", 3, "--patience", 0.5)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn("nothing more happens", result.stderr)

    def test_a_killed_server(self):
        for kind in ("echo", "connect"):
            server = self.serve(listener("echo", "tcp://127.0.0.1:0"))
            process = subprocess.Popen(
                [harness.PLAIT, "bench", kind, server.endpoint("echo"), "-t", "300", "--patience", "1", "--json"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=harness.environment(),
            )
            time.sleep(0.5 * harness.SCALE)
            server.kill()
            server.wait()
            out, _ = process.communicate(timeout=30 * harness.SCALE)
            self.assertEqual(process.returncode, 1)
            report = json.loads(out)
            self.assertGreater(report["operations"], 0)
            self.assertGreater(sum(report["errors"].values()), 0)
            self.servers.remove(server)

    def test_a_limit_of_connections(self):
        server = self.serve(listener("echo", "tcp://127.0.0.1:0", limits={"connections": 5}))
        result = bench("echo", server.endpoint("echo"), "-c", 10, "-t", 1)
        self.assertEqual((result.returncode, result.stdout) if result.returncode == 1 else 1, (1, result.stdout))
        self.assertRegex(result.stderr, "at once; has it a limit|the server ended it|it broke")

    def test_a_certificate_of_another_issuer(self):
        server = self.serve(listener("echo", "tls://127.0.0.1:0"))
        for kind in ("echo", "handshake"):
            result = bench(kind, server.endpoint("echo"), "--ca", CERTS / "client.pem", "--json")
            self.assertEqual(result.returncode, 1)
            self.assertIn("unable to get issuer certificate", result.stderr)

    def test_others_in_the_room_are_noticed(self):
        server = self.serve(listener("room", "tcp://127.0.0.1:0", "broadcast"))
        with server.connect("room") as other:
            chatting = threading.Event()

            def chat():
                with contextlib.suppress(OSError):
                    while not chatting.wait(0.05):
                        other.send(b"hello\r\n")

            thread = threading.Thread(target=chat, daemon=True)
            thread.start()
            result = bench("broadcast", server.endpoint("room"), "-c", 3, "-t", 20, timeout=60)
            chatting.set()
            thread.join()
        self.assertEqual(result.returncode, 1)
        self.assertIn("is the room ours alone?", result.stderr)

    def test_ones_own_line_is_noticed(self):
        server = self.serve(
            listener("room", "tcp://127.0.0.1:0", "broadcast", options={"echo_to_sender": True})
        )
        result = bench("broadcast", server.endpoint("room"), "-c", 3, "-t", 20)
        self.assertEqual(result.returncode, 1)
        self.assertIn("expected the head of another one's line", result.stderr)

    def test_lost_datagrams_are_sent_anew(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(0.2)
            done = threading.Event()

            def serve():
                seen = 0
                while not done.is_set():
                    with contextlib.suppress(TimeoutError):
                        data, source = sock.recvfrom(65536)
                        seen += 1
                        if seen % 25:
                            sock.sendto(data, source)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            endpoint = f"udp://127.0.0.1:{sock.getsockname()[1]}"
            result = bench("udp", endpoint, "-c", 2, "-d", 4, "-n", 100, "--json")
            done.set()
            thread.join()
        report = json.loads(result.stdout)
        self.assertEqual((result.returncode, report["operations"]), (0, 100))
        self.assertGreaterEqual(report["errors"]["lost"], 4)

    def test_a_wrong_datagram_is_seen(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))

            def serve():
                for number in range(100):
                    data, source = sock.recvfrom(65536)
                    sock.sendto(data[:-1] + b"!" if number == 50 else data, source)

            threading.Thread(target=serve, daemon=True).start()
            result = bench(
                *("udp", f"udp://127.0.0.1:{sock.getsockname()[1]}", "-c", 1, "-t", 20),
                *("--patience", 0.5, "--json"),
            )
        self.assertEqual(result.returncode, 1)
        self.assertEqual(json.loads(result.stdout)["errors"]["mismatch"], 1)


class Usage(BenchCase):
    def test_wrong_arguments_are_explained(self):
        tcp, udp, tls = "tcp://127.0.0.1:1", "udp://127.0.0.1:1", "tls://127.0.0.1:1"
        for args, words in (
            ((), "KIND is missing"),
            (("echo",), "ENDPOINT is missing"),
            (("ecoh", tcp), "did you mean echo?"),
            (("zzz", tcp), "there are echo, line, broadcast, connect, handshake, udp"),
            (("echo", "tcp:/x"), "tcp://HOST:PORT"),
            (("echo", "127.0.0.1:1"), "tcp://HOST:PORT"),
            (("echo", udp), "echo needs an endpoint of tcp://, tls://, unix:"),
            (("udp", tcp), "udp needs an endpoint of udp://"),
            (("handshake", tcp), "handshake needs an endpoint of tls://"),
            (("echo", "tcp://127.0.0.1:0"), "port 0"),
            (("echo", "tcp://*:1"), '"*"'),
            (("echo", tcp, tcp), "is a second"),
            (("echo", tcp, "-c"), "--connections needs a value, N"),
            (("echo", tcp, "-c", "0"), 'needs a number from 1 to 100000, and found "0"'),
            (("echo", tcp, "-c100001"), "from 1 to 100000"),
            (("echo", tcp, "-c", "-5"), 'found "-5"'),
            (("echo", tcp, "-c", "99999999999999999999"), "from 1 to 100000"),
            (("echo", tcp, "-s", "17m"), "from 1 to 16m"),
            (("echo", tcp, "-s", "0"), "from 1 to 16m"),
            (("echo", tcp, "-t", "soon"), "--time needs a time such as 10"),
            (("echo", tcp, "--json=yes"), "takes no value"),
            (("echo", tcp, "--thraeds", "2"), "did you mean --threads?"),
            (("echo", tcp, "-x"), 'unknown option "-x"'),
            (("echo", tcp, "-c", "100000", "-d", "4096"), "messages in flight"),
            (("echo", tcp, "--senders", "2"), "--senders has no meaning for echo"),
            (("echo", tls, "--resume"), "--resume has no meaning for echo"),
            (("connect", tcp, "--resume"), "--resume has a meaning for tls:// only"),
            (("echo", tcp, "--ca", "x"), "--ca has a meaning for tls:// only"),
            (("connect", tcp, "-s", "3"), "-s has no meaning for connect"),
            (("handshake", tls, "-d", "3"), "-d has no meaning for handshake"),
            (("broadcast", tcp, "-c", "1"), "at least 2"),
            (("broadcast", tcp, "-c", "5", "--senders", "6"), "at most the number of connections, 5"),
            (("broadcast", tcp, "--idle", "5"), "--idle has no meaning"),
            (("udp", udp, "-s", "7"), "at least 8"),
            (("udp", udp, "-s", "65508"), "at most 65507"),
            (("echo", tcp, "--pid", "1,x"), "expected the number of a process"),
        ):
            result = bench(*args)
            self.assertEqual((result.returncode, result.stdout), (2, ""), args)
            self.assertIn(words, result.stderr)
            self.assertRegex(result.stderr, r"^plait bench: .*; see plait bench --help\n$")

    def test_what_fails_later_exits_1(self):
        tcp = "tcp://127.0.0.1:1"
        for args, words in (
            (("echo", tcp, "--pid", "999999999"), "cannot read the times of process 999999999"),
            (("echo", "tls://127.0.0.1:1", "--ca", "/nonexistent"), "/nonexistent"),
        ):
            result = bench(*args)
            self.assertEqual((result.returncode, result.stdout), (1, ""), args)
            self.assertIn(words, result.stderr)

    def test_more_connections_than_descriptors(self):
        result = subprocess.run(
            ["sh", "-c", 'ulimit -n 100; exec "$0" bench echo tcp://127.0.0.1:1 -c 200', harness.PLAIT],
            capture_output=True,
            text=True,
            env=harness.environment(),
        )
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"200 connections need \d+ descriptors, and a process may have 100 here")

    def test_help_names_all(self):
        text = bench("--help").stdout
        for word in ("echo", "line", "broadcast", "connect", "handshake", "udp", "-c, --connections N", "(50)", "--pid"):
            self.assertIn(word, text)
        self.assertIn("bench KIND ENDPOINT", harness.plait("--help").stdout)


if __name__ == "__main__":
    harness.main()
