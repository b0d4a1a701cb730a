#!/usr/bin/python3 -B
"""The log: every JSON line parses, a peer's bytes do no harm in it, repeated lines are counted instead."""
import json
import os
import re
import socket
import subprocess

import harness
from harness import BUILDDIR, SRCDIR, Case, listener

SOURCE = r"""
#include <plait/plait.h>

/* Logs each line of a peer, at info. */
static void parrot_message(struct plait_conn *conn, const void *message, size_t len)
{
	plait_log_conn(conn, PLAIT_LOG_INFO, "said: %.*s", (int)len, (const char *)message);
	plait_write(conn, "ok\n", 3);
}

PLAIT_PROTOCOL(parrot,
	.summary = "logs what it hears",
	.framing = &plait_line_framing,
	.message = parrot_message);
"""


class Log(Case):
    def parrot(self, **log):
        source, plugin = self.folder / "parrot.c", self.folder / "parrot.so"
        source.write_text(SOURCE)
        compiler = os.environ.get("CC", "cc").split()
        flags = [f"-fsanitize={harness.SANITIZER}"] if harness.SANITIZER else []
        subprocess.run(
            [
                *compiler,
                "-shared",
                "-fPIC",
                *flags,
                f"-I{SRCDIR}/include",
                "-o",
                plugin,
                source,
                f"-L{BUILDDIR}/.libs",
                "-lplait",
            ],
            check=True,
        )
        self.folder.chmod(0o700)
        plugin.chmod(0o755)
        return self.serve(
            listener("parrot", "tls://127.0.0.1:0", "parrot"),
            plugins=[str(plugin)],
            log={"level": "info", "format": "json", **log},
        )

    def say(self, server, text):
        with server.connect("parrot") as client:
            client.send(text + b"\r\n")
            self.assertEqual(client.receive(3), b"ok\n")
            client.finish()
            client.receive_to_end()

    def test_json_lines_parse_and_bytes_are_escaped(self):
        server = self.parrot()
        evil = [
            b"plain",
            b'quote " and \\ backslash',
            b"\x1b[2J\x07",
            b"\xff\xfe\xc0\xaf\xed\xa0\x80",
            b'"}\n{"level":"error"',
            "grüße ∞ \u202e".encode(),
            b"%s%n%d",
            b"\x7f\x80\x9b\xc2\x9b",
            b"\t\r tab",
            b"A" * 10000,
        ]
        for text in evil:
            self.say(server, text)
        server.stop()
        lines = server.log_file.read_bytes().split(b"\n")
        self.assertEqual(lines.pop(), b"")
        said = 0
        for line in lines:
            self.assertNotRegex(line, rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae")
            self.assertLessEqual(len(line), 4096)
            record = json.loads(line.decode("utf-8"))
            self.assertRegex(record["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(record["level"], ("error", "warning", "info", "debug"))
            self.assertIsInstance(record["message"], str)
            if record["message"].startswith("said: "):
                said += 1
                self.assertEqual(record["listener"], "parrot")
                self.assertGreater(record["conn"], 0)
                self.assertRegex(record["peer"], r"^127\.0\.0\.1:\d+$")
        self.assertEqual(said, len(evil))

    def test_human_lines(self):
        server = self.parrot()
        file = self.write_config(
            listener("parrot", f"tcp://127.0.0.1:{server.port('parrot')}", "parrot"),
            plugins=[str(self.folder / "parrot.so")],
            log={"format": "human"},
        )
        server.stop()
        with open(self.folder / "human.log", "wb") as log:
            process = subprocess.Popen(
                [harness.PLAIT, "run", file], stdin=subprocess.DEVNULL, stderr=log, env=harness.environment()
            )
        try:
            text = (self.folder / "human.log").read_text
            harness.wait_for(lambda: "listening on" in text(), what="the listening line")
            with server.connect("parrot", tls=False) as client:
                client.send(b"\x1b[31mred\xff\n\r\n")
                self.assertEqual(client.receive(3), b"ok\n")
            process.terminate()
            self.assertEqual(process.wait(20 * harness.SCALE), 0)
        finally:
            process.kill()
            process.wait()
        for line in text().splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info|debug) ")
        said = [line for line in text().splitlines() if "said: " in line]
        self.assertEqual(len(said), 1)
        self.assertRegex(said[0], r" parrot#\d+ 127\.0\.0\.1:\d+: said: \\x1b\[31mred\\xff\\n$")

    def test_repeated_lines_are_limited(self):
        server = self.parrot()
        count = 3000
        with server.connect("parrot") as client:
            client.send(b"again and again\r\n" * count)
            client.receive(3 * count)
            client.finish()
            client.receive_to_end()
        server.stop()
        messages = server.messages()
        written = [text for text in messages if text == "said: again and again"]
        self.assertLess(len(written), count // 10)
        self.assertGreater(len(written), 0)
        held = sum(
            int(match.group(1)) for text in messages if (match := re.search(r"(\d+) more lines? like", text))
        )
        self.assertEqual(len(written) + held, count, "not every line is accounted for")

    def test_a_storms_sum_needs_no_later_line(self):
        server = self.parrot()
        with server.connect("parrot") as client:
            client.send(b"again and again\r\n" * 100)
            client.receive(300)
            server.wait_message(r"^\.\.\. \d+ more lines like")

    def test_levels(self):
        for level, shown in (
            ("error", set()),
            ("warning", set()),
            ("info", {"info"}),
            ("debug", {"debug", "info"}),
        ):
            server = harness.Server(
                self.folder,
                self.config(listener("echo", "unix:echo.sock"), log={"level": level, "format": "json"}),
            )
            self.servers.append(server)

            def served():
                # Above info no line tells that it listens.
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.settimeout(5 * harness.SCALE)
                    if sock.connect_ex(str(self.folder / "echo.sock")):
                        return False
                    sock.send(b"hello")
                    return sock.recv(5) == b"hello"

            harness.wait_for(served, what="the server")
            server.stop()
            records = [one for one in server.records() if not one["message"].startswith("serving as root")]
            self.assertEqual({record["level"] for record in records}, shown)


if __name__ == "__main__":
    harness.main()
