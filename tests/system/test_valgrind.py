#!/usr/bin/python3 -B
"""valgrind sees no error and no leak, from the start through every kind of client to the end of a drain."""
import random
import re
import shutil
import subprocess

import harness
from harness import Case, listener

VALGRIND = [
    "valgrind",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect,possible",
    "--errors-for-leak-kinds=definite,indirect,possible",
    "--error-exitcode=99",
    "--track-fds=yes",
    "-v",
]


class Valgrind(Case):
    timeout_s = 120

    def setUp(self):
        if not shutil.which("valgrind"):
            self.skipTest("valgrind is not installed")
        if harness.SANITIZER:
            self.skipTest(f"built with the {harness.SANITIZER} sanitizer")
        tried = subprocess.run(
            ["valgrind", harness.PLAIT, "version"], capture_output=True, text=True, env=harness.environment()
        )
        if "debuginfo reader" in tried.stderr:
            self.skipTest("this valgrind cannot read what this compiler says for debuggers")
        super().setUp()

    def serve_under_valgrind(self, *listeners, **top):
        output = self.folder / "valgrind.%p"
        return self.serve(*listeners, _wrapper=[*VALGRIND, f"--log-file={output}"], _scale=10, **top)

    def verdict(self, server):
        """valgrind's report, once the server has drained."""
        server.stop(timeout=30)
        reports = sorted(self.folder.glob("valgrind.*"))
        self.assertEqual(len(reports), 2, "the supervisor's and the worker's")
        for report in reports:
            text = report.read_text()
            self.assertRegex(text, r"ERROR SUMMARY: 0 errors", text[-4000:])
            lost = re.search(r"still reachable: ([\d,]+) bytes", text)
            harness.comment(f"still reachable at the end: {lost.group(1) if lost else 0} bytes")

    def test_no_leak_and_no_error_after_a_drain(self):
        server = self.serve_under_valgrind(
            listener("tcp", "tcp://127.0.0.1:0"),
            listener("tls", "tls://127.0.0.1:0", timeouts={"handshake": "1s"}),
            listener("udp", "udp://127.0.0.1:0"),
            listener("unix", "unix:echo.sock"),
            listener("lines", "tls://127.0.0.1:0", "line", options={"max_length": 100, "too_long": "error"}),
            listener("chat", "tcp://127.0.0.1:0", "broadcast"),
            listener("chats", "tls://127.0.0.1:0", "broadcast"),
        )
        rng = random.Random(6)
        for name, tls in (("tcp", None), ("tls", "1.2"), ("tls", "1.3"), ("unix", None)):
            with server.connect(name, tls=tls) as client:
                client.exchange(rng.randbytes(300_000), rng, finish=True)
            server.connect(name, tls=tls).reset()
            with server.connect(name, tls=tls) as client:
                client.send(rng.randbytes(1000))
                client.truncate()
                client.wait_end()
        with server.connect("tls", tls=False) as client:
            client.send(b"no handshake at all, but many words\r\n" * 10)
            client.wait_end()
        with server.connect("tls", tls=False) as silent:
            with server.datagram_socket("udp") as sock:
                for size in (1, 1400, 65507):
                    sock.send(b"x" * size)
                    self.assertEqual(len(sock.recv(70000)), size)
            with server.connect("lines") as client:
                client.send(b"fits\r\n" + b"x" * 5000 + b"\r\nfits too\r\n" + b"no end")
                self.assertEqual(client.receive_line(), b"fits")
                self.assertIn(b"error", client.receive_line())
                self.assertEqual(client.receive_line(), b"fits too")
            crowd = [server.connect(("chat", "chats")[n % 2]) for n in range(10)]
            for client in crowd:
                client.receive_line()
            for client in crowd[:4]:
                client.send(b"hello\r\n")
            for client in crowd[4:]:
                for _ in range(4):
                    client.receive_line()
            crowd[0].reset()
            crowd[1].close()
            silent.wait_end()
        # The rest is connected when the drain begins, one of them with much that is owed to it.
        with server.connect("tcp", receive_buffer=16384) as owed:
            owed.send(b"y" * 50_000)
            self.verdict(server)
        for client in crowd[2:]:
            client.close()

    def test_no_leak_after_a_broken_config(self):
        file = self.write_config(
            listener("a", "tcp://127.0.0.1:0", "line", options={"max_length": "long"}),
            listener("a", "tls://127.0.0.1:0", tls="none"),
            listener("c", "tcp://host.invalid:1"),
        )
        result = subprocess.run(
            [*VALGRIND, harness.PLAIT, "check", file],
            capture_output=True,
            text=True,
            env=harness.environment(),
            timeout=60,
        )
        self.assertEqual(result.returncode, 1, result.stderr[-4000:])
        self.assertIn("ERROR SUMMARY: 0 errors", result.stderr)


if __name__ == "__main__":
    harness.main()
