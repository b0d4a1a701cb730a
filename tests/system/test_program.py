#!/usr/bin/python3 -B
"""Programs without a configuration, compiled against the public headers and linked with libplait; and what plugins of a
configured server do with its reactor."""
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess

import harness
from harness import BUILDDIR, CERTS, SCALE, SRCDIR, Case, listener
from stream import Stream

# "tidy", on another loop than "before", comes when it comes.
HOOKS = ["before: begun", "before: done", "during: begun", "during: done", "after: begun", "after: done"]

PLUGIN = r"""
#include <plait/plait.h>

static void running(void *arg)
{
	plait_log(PLAIT_LOG_INFO, "%s runs", (const char *)arg);
}

static struct plait_deferred *hook(void *arg)
{
	plait_log(PLAIT_LOG_INFO, "hook %s", (const char *)arg);
	return NULL;
}

static int start(struct plait_factory *factory, struct plait_error *error)
{
	struct plait_reactor *reactor = plait_factory_reactor(factory);
	struct plait_loop *loop = plait_reactor_loop(reactor, plait_reactor_loops(reactor) - 1);

	(void)error;
	plait_call_when_running(loop, running, "the factory's call");
	plait_call_later(loop, 1, running, "the factory's timer");
	plait_add_hook(loop, PLAIT_AFTER_SHUTDOWN, hook, "after");
	plait_add_hook(loop, PLAIT_BEFORE_SHUTDOWN, hook, "before");
	plait_add_hook(loop, PLAIT_DURING_SHUTDOWN, hook, "during");
	return 0;
}

static void made(struct plait_conn *conn)
{
	plait_close(conn);
}

PLAIT_PROTOCOL(busy, .factory_start = start, .made = made);
"""


def compile_with_plait(target, source, *flags):
    compiler = os.environ.get("CC", "cc").split()
    sanitize = [f"-fsanitize={harness.SANITIZER}"] if harness.SANITIZER else []
    include, library = f"-I{SRCDIR}/include", f"-L{BUILDDIR}/.libs"
    words = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pthread", *flags, *sanitize, include]
    subprocess.run([*compiler, *words, "-o", target, source, library, "-lplait"], check=True)
    target.chmod(0o755)


class Program(Case):
    process = None

    def begin_program(self, *args):
        program = self.folder / "program"
        compile_with_plait(program, SRCDIR / "tests/system/program.c")
        self.process = subprocess.Popen(
            [program, *args],
            bufsize=0,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=harness.environment(),
        )
        self.addCleanup(self.end)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 20 * SCALE)
        self.assertTrue(ready, "the program says nothing")
        return self.process.stdout.readline().decode().rstrip("\n")

    def finish(self, expect=0):
        """All that is left of its output, as lines; and its log."""
        output, log = self.process.communicate(timeout=20 * SCALE)
        self.assertEqual(self.process.returncode, expect, log.decode())
        self.assertNotRegex(log.decode(), harness.REPORTS)
        return output.decode().splitlines(), log.decode()

    def serve_endpoints(self, *endpoints):
        self.begin_program("serve", CERTS / "server.pem", CERTS / "server.key", *endpoints)
        addresses = [self.line() for _ in endpoints]
        self.assertEqual(self.line(), "ready")
        return [re.fullmatch("listening on (.*)", address).group(1) for address in addresses]

    def open(self, address):
        """A client Stream."""
        if address.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(address[5:])
        else:
            sock = socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])))
        sock.settimeout(20 * SCALE)
        tls = harness.client_context(CERTS / "ca.pem", None) if address.startswith("tls:") else None
        return Stream(sock, tls, timeout=20 * SCALE)

    def test_timers_end_it_and_hooks_come_in_order(self):
        self.begin_program("timers")
        lines, log = self.finish()
        self.assertEqual(lines.pop(), "ended: 0")
        lines.remove("tidy")
        ticks = lines[: -len(HOOKS)]
        self.assertEqual(lines[-len(HOOKS) :], HOOKS)
        self.assertEqual(sorted(ticks), sorted(["running", "tick", "tick", "tick", "stopped ticking"]))
        self.assertEqual(ticks[-1], "stopped ticking")
        self.assertRegex(log, "a shutdown hook failed: nothing to tidy .*from fail at .*program.c")

    def test_it_says_all_of_tls(self):
        tls = {"certificate": str(CERTS / "expired.pem"), "key": str(CERTS / "expired.key"), "max_version": "1.2"}
        self.begin_program("serve", json.dumps(tls), "", "tls://127.0.0.1:0")
        address = re.fullmatch("listening on (.*)", self.line()).group(1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as sock:
            with context.wrap_socket(sock) as client:
                self.assertEqual(client.version(), "TLSv1.2")
        self.assertEqual(self.line(), "ready")
        self.process.send_signal(signal.SIGTERM)
        log = self.finish()[1]
        self.assertIn("tls://127.0.0.1:0: tls.certificate: ", log)
        self.assertRegex(log, r"expired\.pem: certificate 1 \(localhost\) expired on \d{4}-\d\d-\d\d ")

    def test_it_serves_every_scheme_and_ends_by_a_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            path = self.folder / "socket"
            addresses = self.serve_endpoints(
                "tcp://127.0.0.1:0", "tls://127.0.0.1:0", f"unix:{path}", "udp://127.0.0.1:0"
            )
            clients = [self.open(address) for address in addresses[:3]]
            for client in clients:
                client.exchange(b"hello")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(20 * SCALE)
                sock.connect(("127.0.0.1", int(addresses[3].rsplit(":", 1)[1])))
                sock.send(b"hello")
                self.assertEqual(sock.recv(100), b"hello")
            self.process.send_signal(number)
            heard = [self.line()]
            while heard[-1] != "before: done":  # until then there is no end for anybody
                heard.append(self.line())
            self.assertEqual(sorted(heard), sorted(["tidy", *HOOKS[:2]]))
            for client in clients:
                self.assertEqual(client.receive_to_end(), b"")
                client.close()
            lines, _ = self.finish()
            self.assertEqual(lines.pop(), "ended: 0")
            self.assertEqual([line for line in lines if line.startswith("lost")], ["lost: drain"] * 3)
            # Connections and the hook during the shutdown end side by side; after comes after both.
            self.assertEqual(lines[-2:], HOOKS[-2:])
            self.assertIn("during: done", lines)
            self.assertFalse(path.exists())

    def test_it_begins_tls_on_open_connections(self):
        for address in self.serve_endpoints("tcp://127.0.0.1:0", f"unix:{self.folder / 'socket'}"):
            with self.open(address) as plain:
                plain.exchange(b"hello")
                plain.send(b"STARTTLS")
                self.assertEqual(plain.receive(3), b"go.")
                self.assertEqual(self.line(), "TLS: 0")
                with Stream(plain.sock, harness.client_context(CERTS / "ca.pem"), timeout=20 * SCALE) as tls:
                    tls.exchange(b"hello")
            self.assertRegex(self.line(), "lost: ")

    def test_a_second_signal_stops_at_once(self):
        (address,) = self.serve_endpoints("tcp://127.0.0.1:0")
        with self.open(address) as client:
            client.exchange(b"hello")
            self.process.send_signal(signal.SIGTERM)
            self.assertIn(self.line(), ("tidy", "before: begun"))
            self.process.send_signal(signal.SIGTERM)
            client.wait_end()
            lines, log = self.finish(expect=1)
        self.assertEqual(lines.pop(), "ended: -10")  # it was open
        self.assertNotIn("after: begun", lines)
        self.assertIn("stopping now", log)

    def test_what_is_wrong_is_told(self):
        self.begin_program("serve", "x", "y", "tcp://127.0.0.1:http")
        lines, log = self.finish(expect=1)
        self.assertEqual(lines, ["ended: -1"])
        self.assertIn("tcp://127.0.0.1:http: bind: ", log)
        self.assertIn("expected a port", log)


class Plugin(Case):
    """What a plugin's factory gives the loops to do."""

    def setUp(self):
        super().setUp()
        (self.folder / "mine").mkdir(mode=0o755)
        source = self.folder / "busy.c"
        source.write_text(PLUGIN)
        compile_with_plait(self.folder / "mine" / "busy.so", source, "-shared", "-fPIC")

    def listener(self):
        return listener("busy", "unix:busy.sock", "busy")

    def test_the_configured_server_does_it_too(self):
        server = self.serve(self.listener(), plugins=["./mine/busy.so"], threads=3)
        server.wait_message("the factory's call runs")
        server.wait_message("the factory's timer runs")
        server.stop()
        log = server.log()
        places = [log.index(f"hook {phase}") for phase in ("before", "during", "after")]
        self.assertEqual(places, sorted(places))

    def test_a_check_does_nothing_of_it(self):
        config = self.write_config(self.listener(), plugins=["./mine/busy.so"])
        result = harness.plait("check", config)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        self.assertFalse((self.folder / "busy.sock").exists())

    def test_a_check_starts_no_thread_and_binds_nothing(self):
        trace = self.folder / "trace"
        if harness.SANITIZER:
            self.skipTest("its runtime has threads of its own")
        config = self.write_config(self.listener(), plugins=["./mine/busy.so"])
        try:
            done = subprocess.run(
                [
                    "strace",
                    "-f",
                    "-o",
                    trace,
                    "-e",
                    "trace=clone,clone3,bind,listen",
                    harness.PLAIT,
                    "check",
                    config,
                ],
                env=harness.environment(),
                capture_output=True,
                timeout=60 * SCALE,
            )
        except FileNotFoundError:
            self.skipTest("there is no strace")
        if done.returncode != 0 or not trace.exists():
            self.skipTest("strace does not work here")
        self.assertNotRegex(trace.read_text(), r"clone|bind|listen")


if __name__ == "__main__":
    harness.main()
