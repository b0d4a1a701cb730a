#!/usr/bin/python3 -B
"""As systemd starts and watches a server: notification, watchdog, sockets by name; and the unit files."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import harness
from confined import ConfinedCase, needs_root
from control import PLUGINS
from harness import SCALE, SRCDIR, listener, receive

TCP = "tcp://127.0.0.1:0"

# Binds what it is told to, as systemd would, and becomes the program.
ACTIVATE = """
import json, os, socket, sys
wanted = json.loads(sys.argv[1])
made = []
for one in wanted["sockets"]:
    sock = socket.socket(getattr(socket, one["family"]), getattr(socket, one["type"]))
    address = one["address"]
    sock.bind(tuple(address) if isinstance(address, list) else address)
    if one["type"] == "SOCK_STREAM" and one.get("listen", True):
        sock.listen()
    made.append(os.dup(sock.fileno()))
for number, fd in enumerate([os.dup(os.dup(fd)) for fd in made]):
    os.dup2(fd, 100 + number)
for number in range(len(made)):
    os.dup2(100 + number, 3 + number)
os.closerange(3 + len(made), 200)
for number in range(len(made)):
    os.set_inheritable(3 + number, True)
os.environ.update(LISTEN_PID=str(os.getpid() + wanted.get("other", 0)), LISTEN_FDS=str(len(made)))
os.environ["LISTEN_FDNAMES"] = ":".join(one["name"] for one in wanted["sockets"])
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, name):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.sock.bind(name)
        self.sock.settimeout(20 * SCALE)
        self.senders = set()

    def close(self):
        self.sock.close()

    def hear(self):
        data, control, _, _ = self.sock.recvmsg(4096, 1024)
        for _, kind, said in control:
            if kind == socket.SCM_CREDENTIALS:
                self.senders.add(int.from_bytes(said[:4], sys.byteorder))
        return data.decode()

    def until(self, word):
        """All that was said, to the text that has that line."""
        said = []
        while True:
            text = self.hear()
            said.append(text)
            if word in text.split("\n") or any(line.startswith(word) for line in text.split("\n")):
                return said


class Notify(ConfinedCase):
    def setUp(self):
        super().setUp()
        self.manager = Manager(str(self.folder / "notify"))
        self.addCleanup(self.manager.close)

    def start(self, name=None, watchdog=None, **top):
        env = {"NOTIFY_SOCKET": name or str(self.folder / "notify")}
        if watchdog:
            env["WATCHDOG_USEC"] = str(watchdog)
        return self.serve(listener("a", TCP), _env=env, **top)

    def test_ready_reload_and_stop(self):
        for supervise in (True, False):
            with self.subTest(supervise=supervise):
                server = self.start(supervise=supervise)
                self.assertEqual(self.manager.until("READY=1")[-1], "READY=1")
                self.assertIn("STATUS=serving: listeners 1, connections 0", self.manager.until("STATUS="))
                server.send_signal(signal.SIGHUP)
                said = self.manager.until("RELOADING=1")[-1]
                self.assertRegex(said, r"^RELOADING=1\nMONOTONIC_USEC=\d{6,}$")
                self.assertEqual(self.manager.until("READY=1")[-1], "READY=1\nSTATUS=serving, reloaded")
                server.file.write_text("{")
                server.send_signal(signal.SIGHUP)
                self.assertIn("refused", self.manager.until("READY=1")[-1])
                server.stop()
                self.manager.until("STOPPING=1")
                # systemd hears one process only, the one that it has started.
                self.assertEqual(self.manager.senders, {server.process.pid})
                self.manager.senders.clear()

    def test_children_are_not_taken_for_the_server(self):
        env = {"NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "30000000", "LISTEN_FDS": "0"}
        server = self.prisoner(_env=env)
        self.manager.until("READY=1")
        for name in env:
            self.assertEqual(self.attempt(server, f"getenv {name}"), "ENOENT", name)
        self.assertEqual(self.attempt(server, "getenv PATH"), "done")

    def test_upgrade(self):
        """The program that takes the place of this one goes on telling; systemd's main process is the same."""
        server = self.start(watchdog=200000)
        self.manager.until("READY=1")
        os.kill(server.process.pid, signal.SIGUSR2)
        server.wait_message("^supervisor: upgraded to plait ")
        said = self.manager.until("READY=1")
        self.assertNotIn("STOPPING=1", "\n".join(said))
        self.manager.until("WATCHDOG=1")
        self.assertEqual(self.manager.senders, {server.process.pid})

    def test_an_abstract_name(self):
        name = f"@plait-{os.getpid()}"
        other = Manager("\0" + name[1:])
        self.addCleanup(other.close)
        self.start(name)
        other.until("READY=1")

    def test_a_manager_that_is_busy(self):
        """There is room for what is said when it has read something of what it was told before; who never reads is not
        waited for."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
            others.setblocking(False)
            others.connect(str(self.folder / "notify"))

            def fill():
                with contextlib.suppress(BlockingIOError):
                    while True:
                        others.send(b"X_FULL=1")

            fill()
            server = self.start(supervise=False)
            server.wait_message("^ready")
            self.manager.until("READY=1")
            server.stop()
            self.manager.until("STOPPING=1")
            fill()
            server = self.start(supervise=False)
            server.wait_message("^ready")
            server.stop()

    @needs_root
    def test_in_a_sandbox(self):
        server = self.start(user="nobody", sandbox={"landlock": "required", "seccomp": "required"}, watchdog=200000)
        self.manager.until("READY=1")
        self.manager.until("WATCHDOG=1")
        self.manager.until("WATCHDOG=1")
        server.send_signal(signal.SIGHUP)
        self.manager.until("RELOADING=1")

    def test_watchdog_hears_of_a_loop_that_stands_still(self):
        """The plugin holds a loop; the boss turns, and says nothing."""
        env = {"NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "200000"}
        held = self.folder / "held"
        held.touch()
        server = self.serve(
            listener("h", TCP, "hold", options={"file": str(held)}),
            plugins=[str(PLUGINS / "hold.so")],
            threads=1,
            watchdog="off",
            supervise=False,
            _env=env,
        )
        self.manager.until("WATCHDOG=1")
        with server.connect("h") as client:
            client.send(b"hold")
            # At most a round that was under way comes to its end.
            self.manager.sock.settimeout(1 * SCALE)
            with self.assertRaises(TimeoutError):
                for _ in range(3):
                    self.manager.until("WATCHDOG=1")
            self.manager.sock.settimeout(20 * SCALE)
            held.unlink()
            self.manager.until("WATCHDOG=1")

    def test_nobody_there(self):
        server = self.start(name=str(self.folder / "no-such"))
        self.assertTrue(server.alive())
        server.wait_message("cannot tell the service manager anything: .*No such file")


class Activation(ConfinedCase):
    def activated(self, sockets, *listeners, begin=False, other=0, **top):
        code = json.dumps({"sockets": sockets, "other": other})
        start = self.begin if begin else self.serve
        return start(*listeners, _wrapper=(sys.executable, "-c", ACTIVATE, code), **top)

    def tcp(self, name, port=0, **more):
        return {"name": name, "family": "AF_INET", "type": "SOCK_STREAM", "address": ["127.0.0.1", port], **more}

    def test_by_name(self):
        path = str(self.folder / "u.sock")
        for supervise in (True, False):
            with self.subTest(supervise=supervise):
                server = self.activated(
                    [
                        {"name": "u", "family": "AF_UNIX", "type": "SOCK_STREAM", "address": path},
                        self.tcp("a"),
                        {**self.tcp("d"), "type": "SOCK_DGRAM"},
                        self.tcp("nobody"),
                    ],
                    listener("a", TCP),
                    listener("d", "udp://127.0.0.1:0"),
                    listener("u", f"unix:{path}"),
                    supervise=supervise,
                )
                server.wait_message('passed a socket "nobody", which no listener is called')
                for name in ("a", "u"):
                    with server.connect(name) as client:
                        client.exchange(b"hello")
                with server.datagram_socket("d") as sock:
                    sock.send(b"hello")
                    self.assertEqual(receive(sock, 5), b"hello")
                server.send_signal(signal.SIGHUP)
                server.wait_message("^reloaded ")
                server.stop()
                # It is systemd's file, whose socket goes on listening.
                self.assertTrue(os.path.exists(path))
                os.unlink(path)

    def test_it_is_the_same_socket(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = self.activated([self.tcp("a", port)], listener("a", f"tcp://127.0.0.1:{port}"))
        self.assertEqual(server.port("a"), port)
        with server.connect("a") as client:
            client.exchange(b"hello")

    def refused(self, sockets, expected, *listeners):
        server = self.activated(sockets, *(listeners or [listener("a", "tcp://127.0.0.1:1")]), begin=True)
        self.assertEqual(server.wait(), 1)
        self.assertRegex(server.log(), expected)

    def test_what_does_not_fit(self):
        self.refused([self.tcp("a")], r'listeners\[0\].bind: .*passed "a" tcp://127.0.0.1:\d+, which is not what')
        datagrams = {**self.tcp("a"), "type": "SOCK_DGRAM"}
        self.refused([datagrams], r'passed "a" udp://127.0.0.1', listener("a", TCP))
        self.refused([self.tcp("a", listen=False)], r'passed "a" tcp://127.0.0.1', listener("a", TCP))

    def test_for_another_process(self):
        server = self.activated([self.tcp("nobody")], listener("a", TCP), other=1)
        self.assertFalse([text for text in server.messages() if "service manager" in text])


class Units(ConfinedCase):
    def unit(self, name):
        """As it is installed."""
        text = (SRCDIR / "systemd" / name).read_text()
        for word, value in {"@bindir@": "/bin", "@sysconfdir@": "/etc"}.items():
            text = text.replace(word, value)
        return text.replace("/bin/plait", shutil.which("true"))

    def test_they_are_understood(self):
        program = shutil.which("systemd-analyze")
        if not program:
            self.skipTest("systemd-analyze is not installed")
        for name in ("plait.service", "plait@.service", "plait.socket"):
            (self.folder / name).write_text(self.unit(name + ".in"))
        for name in ("plait.service", "plait@x.service", "plait.socket"):
            result = subprocess.run(
                [program, "verify", "--man=no", self.folder / name], capture_output=True, text=True, timeout=60
            )
            ours = [line for line in result.stderr.splitlines() if str(self.folder) in line or "plait" in line]
            self.assertEqual((result.returncode, ours), (0, []), result.stderr)

    def test_they_allow_what_servers_call(self):
        """And the calls by which the sandbox is entered, which @system-service of Debian 12's systemd does not have."""
        program = shutil.which("systemd-analyze")
        if not program:
            self.skipTest("systemd-analyze is not installed")
        listed = subprocess.run([program, "syscall-filter"], capture_output=True, text=True, timeout=60).stdout
        groups, words = {}, []
        for line in listed.splitlines():
            if line.startswith("@"):
                words = groups.setdefault(line, [])
            elif line.startswith("    "):
                words.append(line.strip())

        def expand(word):
            return {word}.union(*(expand(item) for item in groups.get(word, ())))

        source = (SRCDIR / "core/server/privilege/syscalls.c").read_text()
        wanted = set(re.findall(r"^\t(?:SERVES|SPAWNS)\((\w+)\)", source, re.M))
        wanted |= {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp", "capset"}
        for name in ("plait.service", "plait@.service"):
            given = re.findall(r"^SystemCallFilter=(.*)$", self.unit(name + ".in"), re.M)
            allowed = set().union(*(expand(word) for word in "@default".split() + " ".join(given).split()))
            self.assertEqual(sorted(wanted - allowed), [], name)


harness.main()
