#!/usr/bin/python3 -B
"""The sandbox: what a plugin that was taken over may still do, and what the server itself still can."""
import ctypes
import json
import os
import platform
import shutil
import signal
import sys
import unittest

import harness
from confined import ConfinedCase, status_of
from harness import CERTS, listener

TCP = "tcp://127.0.0.1:0"
LIBC = ctypes.CDLL(None, use_errno=True)
LANDLOCK = LIBC.syscall(444, None, ctypes.c_size_t(0), 1)
SWAPON = {"x86_64": 167, "aarch64": 224}.get(platform.machine())
AF_PACKET, AF_KEY = 17, 15

# As a service manager's SystemCallFilter=: the numbers are Landlock's three, and seccomp's.
FORBID = """
import ctypes, os, platform, struct, sys
calls = [444, 445, 446, {"x86_64": 317, "aarch64": 277}[platform.machine()]]
rows = [(0x20, 0, 0, 0)] + [(0x15, len(calls) - i, 0, call) for i, call in enumerate(calls)]
rows += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050001)]
items = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in rows))
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
filter = struct.pack("@HP", len(rows), ctypes.addressof(items))
if libc.prctl(22, 2, filter, 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
"""

needs_landlock = unittest.skipUnless(LANDLOCK > 0, "this kernel has no Landlock")
needs_seccomp = unittest.skipUnless(SWAPON, "there is no list of system calls for this architecture")


@needs_landlock
class Landlock(ConfinedCase):
    def test_files(self):
        outside = self.folder / "outside"
        inside = self.folder / "config"
        for folder in (outside, inside):
            folder.mkdir()
            (folder / "file").write_text("secret")
        shutil.copy(harness.BUILDDIR / "tests/system/.libs/prisoner.so", inside / "prisoner.so")
        self.path = inside / "control.sock"
        (outside / "granted").mkdir()
        (outside / "granted" / "file").write_text("known")
        server = self.serve(
            listener("p", TCP, "prisoner"),
            _folder=inside,
            control="control.sock",
            plugins=[str(inside / "prisoner.so")],
            sandbox={
                "landlock": "required",
                "read": [str(outside / "granted")],
                "write": ["../outside/granted"],
            },
        )
        server.wait_message("^control socket on ")
        self.assertEqual(self.attempt(server, f"read {inside}/file"), "done")
        self.assertEqual(self.attempt(server, f"write {inside}/file"), "EACCES")
        self.assertEqual(self.attempt(server, f"read {outside}/file"), "EACCES")
        self.assertEqual(self.attempt(server, f"write {outside}/new"), "EACCES")
        self.assertEqual(self.attempt(server, f"read {outside}/granted/file"), "done")
        self.assertEqual(self.attempt(server, f"write {outside}/granted/new"), "done")
        for path in ("/etc/shadow", "/etc", "/", "/root", "/proc/1/status"):
            self.assertEqual(self.attempt(server, f"read {path}"), "EACCES", path)
        for path in ("/etc/hosts", "/dev/urandom", "/proc/self/status"):
            self.assertEqual(self.attempt(server, f"read {path}"), "done", path)
        self.assertEqual(self.attempt(server, "write /dev/null"), "done")
        said = self.privilege()["landlock"]
        self.assertEqual((said["applied"], said["version"]), (True, LANDLOCK))
        self.assertIn("landlock: required, in force", self.run_plait("status", server.file))
        self.assertEqual(status_of(self.served_by())["NoNewPrivs"], "1")

    @unittest.skipUnless(LANDLOCK >= 6, "this kernel's Landlock does not stop signals")
    def test_signals(self):
        server = self.prisoner(sandbox={"landlock": "required"})
        self.assertEqual(self.attempt(server, f"kill {os.getpid()}"), "EPERM")
        self.assertEqual(self.attempt(server, f"kill {self.served_by()}"), "done")

    def test_honest_about_everything(self):
        """Who grants "/" has no sandbox, whatever it is called."""
        self.prisoner(sandbox={"landlock": "on", "read": ["/"]})
        said = self.privilege()["landlock"]
        self.assertFalse(said["applied"])
        self.assertIn("granted", said["why"])

    def test_a_granted_path_that_is_not_there(self):
        server = self.prisoner(sandbox={"landlock": "on", "read": ["no/such"]})
        server.wait_message("^sandbox: .*/no/such cannot be granted: No such file")

    def test_reload(self):
        """New code, another certificate and a changed configuration; and a file elsewhere, which a supervisor opens."""
        self.check_reload(True)

    def test_reload_without_a_supervisor(self):
        self.check_reload(False)

    def check_reload(self, supervise):
        certs, plugins = self.folder / "certs", self.folder / "plugins"
        for folder in (certs, plugins):
            folder.mkdir()
        for name in ("server.pem", "server.key"):
            shutil.copy(CERTS / name, certs / name)
        tls = {"default": {"certificate": "certs/server.pem", "key": "certs/server.key"}}
        libraries = harness.BUILDDIR / "tests/system/.libs"
        shutil.copy(libraries / "edition_one.so", plugins / "edition.so")
        server = self.serve_control(
            listener("a", "tls://127.0.0.1:0", "edition"),
            plugins=[str(plugins / "edition.so")],
            tls=tls,
            supervise=supervise,
            sandbox={"landlock": "required", "seccomp": "required"},
        )
        with server.connect("a") as client:
            self.assertEqual(client.receive_line(b"\n"), b"one plain")
        # As who renews them does it: other files, under the same names.
        for folder, name, source in (
            (certs, "server.pem", CERTS / "server-rsa.pem"),
            (certs, "server.key", CERTS / "server-rsa.key"),
            (plugins, "edition.so", libraries / "edition_two.so"),
        ):
            shutil.copy(source, folder / "fresh")
            os.replace(folder / "fresh", folder / name)
        self.assertIn("the plugin's code", self.run_plait("reload", server.file))
        with server.connect("a") as client:
            self.assertEqual(client.receive_line(b"\n"), b"two plain")
        tls["default"]["key"] = str(CERTS / "server-rsa.key")
        server.file.write_text(json.dumps(dict(server.config, tls=tls)))
        text = self.run_plait("reload", server.file, expect=0 if supervise else 1)
        if not supervise:
            self.assertIn("Permission denied; the server has given up the right to", text)
        with server.connect("a") as client:
            self.assertEqual(client.receive_line(b"\n"), b"two plain")
        self.assertFalse([text for text in server.messages() if "was refused by seccomp" in text])

    def test_sockets_and_names(self):
        """A listener that comes with a reload, its address by name; and one that is a file."""
        server = self.prisoner(
            bind=f"unix:{self.folder}/p.sock",
            supervise=False,
            sandbox={"landlock": "required", "seccomp": "on"},
        )
        config = dict(server.config)
        config["listeners"] = [*config["listeners"], listener("n", "tcp://localhost:0", "prisoner")]
        config["listeners"].append(listener("u", f"unix:{self.folder}/u.sock", "prisoner"))
        server.file.write_text(json.dumps(config))
        self.run_plait("reload", server.file)
        server.names += ["n", "u"]
        server.wait_ready()
        for name in ("p", "n", "u"):
            self.assertEqual(self.attempt(server, "read /etc/shadow", name), "EACCES")
        server.stop()
        self.assertEqual(sorted(path.name for path in self.folder.glob("*.sock")), [])


@needs_seccomp
class Seccomp(ConfinedCase):
    def test_in_force_in_every_thread(self):
        server = self.prisoner(sandbox={"seccomp": "required"}, threads=3)
        pid = self.served_by()
        for thread in os.listdir(f"/proc/{pid}/task"):
            said = status_of(pid, thread)
            self.assertEqual((said["Seccomp"], said["NoNewPrivs"]), ("2", "1"))
        self.assertTrue(self.privilege()["seccomp"]["applied"])
        self.assertEqual(self.privilege()["landlock"]["version"], LANDLOCK)
        self.assertIn("seccomp: required, in force", self.run_plait("status", server.file))
        self.assertFalse([text for text in server.messages() if "was refused by seccomp" in text])

    def test_forbidden_by_another_filter(self):
        """Whoever started the server has a filter, too: that is not the server's own."""
        server = self.prisoner(
            sandbox={"landlock": "on", "seccomp": "on"}, _wrapper=(sys.executable, "-c", FORBID)
        )
        self.assertEqual(status_of(self.served_by())["Seccomp"], "2")
        for half in ("landlock", "seccomp"):
            said = self.privilege()[half]
            self.assertFalse(said["applied"], half)
            self.assertIn("SystemCallFilter=", said["why"])
            server.wait_message(f"sandbox.{half}: .*SystemCallFilter=.*; the server goes on without it")
            self.assertIn(f"{half}: on, NOT IN FORCE: ", self.run_plait("status", server.file))

    def test_a_call_that_is_not_on_the_list(self):
        server = self.prisoner(sandbox={"seccomp": "on"})
        for _ in range(3):
            self.assertEqual(self.attempt(server, f"call {SWAPON}"), "EPERM")
        self.assertEqual(self.attempt(server, "call 5000"), "EPERM")
        server.wait_message(rf'^sandbox: system call 5000 \(unknown\) was refused .* wants "5000" in')
        told = server.wait_message(rf'^sandbox: system call {SWAPON} \(swapon\) was refused .* wants "swapon" in')
        self.assertEqual(len(told), 1)
        self.assertEqual(self.attempt(server, f"socket {AF_KEY}"), "EPERM")
        server.wait_message("^sandbox: a socket of an unusual family was refused")
        self.assertTrue(server.alive())

    def test_a_call_that_was_added(self):
        # 5000 is no call: the kernel says so, when it is asked.
        server = self.prisoner(sandbox={"seccomp": "on", "syscalls": ["5000", "swapon"]}, user="nobody")
        self.assertEqual(self.attempt(server, "call 5000"), "ENOSYS")
        self.assertEqual(self.attempt(server, f"call {SWAPON}"), "EPERM")
        self.assertFalse([text for text in server.messages() if "refused by seccomp" in text])

    def test_programs(self):
        server = self.prisoner(sandbox={"seccomp": "on"})
        self.assertEqual(self.attempt(server, "run /bin/true"), "EPERM")
        server.wait_message(r'^cannot start "/bin/true": .*"@spawn"')
        self.assertEqual(self.attempt(server, "fork"), "EPERM")
        self.assertTrue(server.alive())

    def test_programs_that_are_wanted(self):
        server = self.prisoner(sandbox={"seccomp": "on", "syscalls": ["@spawn"]})
        self.assertEqual(self.attempt(server, "run /bin/true"), "done")
        self.assertEqual(self.attempt(server, "fork"), "done")

    def test_serves_everything(self):
        """Every kind of listener, with load on all, and no call is missed."""
        server = self.serve(
            listener("t", TCP),
            listener("s", "tls://127.0.0.1:0"),
            listener("d", "udp://127.0.0.1:0"),
            listener("u", f"unix:{self.folder}/u.sock"),
            sandbox={"landlock": "required", "seccomp": "required"},
        )
        for name in ("t", "s", "u"):
            with server.connect(name) as client:
                client.exchange(os.urandom(300000), finish=True)
        with server.datagram_socket("d") as sock:
            sock.send(b"hello")
            self.assertEqual(sock.recv(100), b"hello")
        server.send_signal(signal.SIGHUP)
        server.wait_message("^reloaded ")
        with server.connect("s", tls="1.2") as client:
            client.exchange(b"hello", finish=True)
        server.stop()
        self.assertFalse([text for text in server.messages() if "refused by seccomp" in text])


harness.main()
