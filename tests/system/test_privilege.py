#!/usr/bin/python3 -B
"""Binding and reading as root, then being nobody: for good, in all threads, and able to read the configuration anew."""
import grp
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import unittest

import harness
from control import PLUGINS
from confined import NOBODY, ROOT, ConfinedCase, needs_root, status_of
from harness import CERTS, listener

TCP = "tcp://127.0.0.1:0"
NONE = "0" * 16


def free_low_port():
    """One that only root may bind."""
    limit = int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    for port in range(limit - 1, 0, -1):
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("there is no free port below 1024")


# ThreadSanitizer's own thread is there before the server can give anything up.
others_threads = unittest.skipIf(harness.SANITIZER == "thread", "another thread than the server's keeps what it had")


@needs_root
class Dropping(ConfinedCase):
    def check_dropped(self, pid):
        threads = os.listdir(f"/proc/{pid}/task")
        self.assertGreater(len(threads), 2)
        for thread in threads:
            said = status_of(pid, thread)
            self.assertEqual(said["Uid"].split(), [str(NOBODY.pw_uid)] * 4)
            self.assertEqual(said["Gid"].split(), [str(NOBODY.pw_gid)] * 4)
            self.assertEqual(said["Groups"].split(), [str(NOBODY.pw_gid)])
            self.assertEqual(said["NoNewPrivs"], "1")
            for mask in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(said[mask], NONE, mask)

    @others_threads
    def test_every_thread(self):
        server = self.prisoner(user="nobody", threads=3)
        pid = self.served_by()
        self.assertEqual(self.attempt(server, "root"), "EPERM")
        self.check_dropped(pid)
        # What belongs to a process that cannot be dumped is root's.
        self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)
        self.assertEqual(status_of(pid)["Umask"], "0027")

    @others_threads
    def test_status_says_what_the_kernel_says(self):
        server = self.prisoner(user="nobody")
        said = self.privilege()
        self.assertEqual((said["uid"], said["gid"]), (NOBODY.pw_uid, NOBODY.pw_gid))
        self.assertTrue(said["no_new_privs"])
        self.assertFalse(said["dumpable"])
        for mask in ("effective", "permitted", "inheritable", "bounding", "ambient"):
            self.assertEqual(said[mask], NONE, mask)
        self.assertEqual(said["threads_unlike"], 0)
        self.assertEqual(said["umask"], "0027")
        self.assertFalse(said["landlock"]["applied"])
        self.assertEqual(said["landlock"]["wanted"], "off")
        text = self.run_plait("status", server.file)
        self.assertRegex(text, rf"user {NOBODY.pw_uid}, group \d+, umask 0027, no_new_privs, not dumpable")
        self.assertIn("effective none, permitted none, inheritable none, bounding none, ambient none", text)
        self.assertIn("seccomp: off", text)

    def test_numbers_and_another_group(self):
        server = self.prisoner(user="54321", group="daemon", umask="077", core_dumps=True)
        said = status_of(self.served_by())
        self.assertEqual(said["Uid"].split()[1], "54321")
        self.assertEqual(said["Gid"].split()[1], str(grp.getgrnam("daemon").gr_gid))
        self.assertEqual(said["Umask"], "0077")
        self.assertTrue(self.privilege()["dumpable"])
        self.assertTrue(server.alive())

    def test_root_on_purpose(self):
        server = self.serve(listener("a", TCP), user="root")
        self.assertFalse([text for text in server.messages() if "serving as root" in text])
        self.assertEqual(status_of(server.pid)["NoNewPrivs"], "1")

    def test_root_by_accident(self):
        server = self.serve(listener("a", TCP))
        server.wait_message('^serving as root: name a "user"')
        self.assertEqual(status_of(server.pid)["NoNewPrivs"], "0")
        self.assertNotEqual(status_of(server.pid)["CapEff"], NONE)

    def test_a_low_port_and_a_key_of_root(self):
        port = free_low_port()
        for name in ("server.pem", "server.key"):
            (self.folder / name).write_bytes((CERTS / name).read_bytes())
        (self.folder / "server.key").chmod(0o600)
        server = self.serve(
            listener("a", f"tls://127.0.0.1:{port}"),
            user="nobody",
            tls={
                "default": {
                    "certificate": str(self.folder / "server.pem"),
                    "key": str(self.folder / "server.key"),
                }
            },
        )
        self.assertEqual(server.port("a"), port)
        with server.connect("a") as client:
            client.exchange(b"hello")

    def test_sockets_are_the_users(self):
        for supervise in (True, False):
            with self.subTest(supervise=supervise):
                lines = self.folder / f"lines-{supervise}.sock"
                server = self.prisoner(user="nobody", bind=f"unix:{lines}", supervise=supervise)
                for path in (lines, self.path):
                    found = path.stat()
                    self.assertTrue(stat.S_ISSOCK(found.st_mode))
                    self.assertEqual((found.st_uid, found.st_gid), (NOBODY.pw_uid, NOBODY.pw_gid), path)
                self.assertEqual(self.attempt(server, "root"), "EPERM")
                server.stop()
                self.path.unlink(missing_ok=True)

    def test_reload(self):
        """What the user may read, and bind."""
        server = self.prisoner(user="nobody")
        server.file.chmod(0o644)
        config = dict(server.config, log={"level": "info", "format": "json"})
        server.file.write_text(json.dumps(config))
        server.send_signal(signal.SIGHUP)
        server.wait_message(r"^reloaded .*: 1 change")
        server.file.write_text(json.dumps(dict(config, user="no.such")))
        server.send_signal(signal.SIGHUP)
        server.wait_message('user: there is no user "no.such"')
        server.wait_message("^not reloaded")
        server.file.write_text(json.dumps(dict(config, user="root", umask="022")))
        server.send_signal(signal.SIGHUP)
        server.wait_message(r"user: .* changes with a restart only")
        self.assertEqual(status_of(self.served_by())["Uid"].split()[1], str(NOBODY.pw_uid))

    def test_ends_with_its_parent(self):
        """Who wants to be told of the parent's end (the harness does) is told after the change of user, too."""
        config = self.write_config(listener("a", TCP), user="nobody", supervise=False)
        script = (
            "import ctypes, subprocess, sys\n"
            "end = lambda: ctypes.CDLL(None).prctl(1, 9)\n"
            "server = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True, preexec_fn=end)\n"
            "while 'ready:' not in server.stderr.readline(): pass\n"
            "print(server.pid, flush=True)\n"
            "sys.stdin.read()\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", script, harness.PLAIT, "run", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=harness.environment(),
        )
        with parent:
            pid = int(parent.stdout.readline())
            parent.kill()
        harness.wait_for(lambda: self.has_gone(pid), what="the end of the server")

    def has_gone(self, pid):
        try:
            return status_of(pid)["State"].startswith("Z")
        except (FileNotFoundError, ProcessLookupError):
            return True


@needs_root
class Lending(ConfinedCase):
    """What the user may not read and bind is opened and bound by the supervisor: where the configuration names it."""

    def hidden(self, **top):
        """All that the server needs is in folders where only root comes."""
        self.vault = self.folder / "vault"
        (self.vault / "plugins").mkdir(parents=True)
        self.vault.chmod(0o700)
        self.put("server")
        self.put_plugin("one")
        self.path = self.vault / "control.sock"
        server = self.serve(
            listener("a", f"tls://127.0.0.1:{free_low_port()}", "edition"),
            _folder=self.vault,
            control="control.sock",
            plugins=["edition"],
            plugin_path=["plugins"],
            tls={"default": {"certificate": "server.pem", "key": "server.key"}},
            user="nobody",
            **top,
        )
        server.wait_message("^control socket on ")
        return server

    def put(self, name):
        for kind in ("pem", "key"):
            fresh = self.vault / "fresh"
            fresh.write_bytes((CERTS / f"{name}.{kind}").read_bytes())
            fresh.chmod(0o600)
            os.replace(fresh, self.vault / f"server.{kind}")

    def put_plugin(self, name):
        fresh = self.vault / "fresh"
        shutil.copy(PLUGINS / f"edition_{name}.so", fresh)
        fresh.chmod(0o600)
        os.replace(fresh, self.vault / "plugins" / "edition.so")

    def greeting(self, server, name="a"):
        with server.connect(name) as client:
            return client.receive_line(b"\n"), client.tls.getpeercert(True)

    def test_reload(self):
        self.check_reload({})

    def test_reload_in_a_sandbox(self):
        self.check_reload({"landlock": "required", "seccomp": "required"})

    def check_reload(self, sandbox):
        server = self.hidden(sandbox=sandbox)
        line, certificate = self.greeting(server)
        self.assertEqual(line, b"one plain")
        self.assertEqual(status_of(self.served_by())["Uid"].split()[1], str(NOBODY.pw_uid))
        self.put("server-rsa")
        self.put_plugin("two")
        port = free_low_port()
        config = dict(server.config)
        config["listeners"] = [*config["listeners"], listener("b", f"tcp://127.0.0.1:{port}", "edition")]
        server.file.write_text(json.dumps(config))
        text = self.run_plait("reload", server.file)
        self.assertIn("a: changed: the plugin's code", text)
        self.assertIn(f"b: new on tcp://127.0.0.1:{port}", text)
        line, other = self.greeting(server)
        self.assertEqual(line, b"two plain")
        self.assertNotEqual(certificate, other)
        server.names.append("b")
        server.wait_ready()
        with server.connect("b") as client:
            self.assertEqual(client.receive_line(b"\n"), b"two plain")
        self.assertEqual(self.path.stat().st_uid, NOBODY.pw_uid)

    def test_the_next_worker(self):
        """What a worker gave up, the next one has again, for as long as it needs it."""
        server = self.hidden()
        os.kill(self.served_by(), signal.SIGKILL)
        server.wait_message("^worker 2 serves the configuration that was served before")
        self.assertEqual(self.greeting(server)[0], b"one plain")
        said = status_of(self.served_by())
        self.assertEqual((said["Uid"].split()[1], said["CapBnd"]), (str(NOBODY.pw_uid), NONE))

    def test_renewal_of_a_watched_key(self):
        server = self.hidden()
        config = dict(server.config)
        config["tls"]["default"]["reload"] = "watch"
        server.file.write_text(json.dumps(config))
        self.run_plait("reload", server.file)
        _, certificate = self.greeting(server)
        self.put("server-rsa")
        harness.wait_for(lambda: self.greeting(server)[1] != certificate, 30, "the new certificate")

    def test_a_path_that_others_could_turn(self):
        """A folder of the server's user, in the configuration: that user could make the key a link to anything."""
        open_folder = self.folder / "open"
        open_folder.mkdir()
        for kind in ("pem", "key"):
            shutil.copy(CERTS / f"server.{kind}", open_folder)
        (open_folder / "server.key").chmod(0o600)
        tls = {"certificate": str(open_folder / "server.pem"), "key": str(open_folder / "server.key")}
        server = self.prisoner(user="nobody")
        os.chown(open_folder, NOBODY.pw_uid, -1)
        config = dict(server.config, tls={"default": tls})
        config["listeners"] = [*config["listeners"], listener("t", "tls://127.0.0.1:0", "prisoner")]
        server.file.write_text(json.dumps(config))
        text = self.run_plait("reload", server.file, expect=1)
        self.assertIn("server.key: cannot read it: Permission denied; the server has given up", text)
        server.wait_message(r"^supervisor: .*/server.key is not opened for the worker: a folder on its path")
        os.chown(open_folder, 0, -1)
        self.run_plait("reload", server.file)

    def test_without_a_supervisor(self):
        server = self.prisoner(user="nobody", supervise=False)
        server.file.chmod(0o600)
        text = self.run_plait("reload", server.file, expect=1)
        self.assertIn("cannot open the configuration: Permission denied; the server has given up the right", text)


class Mistakes(ConfinedCase):
    def refused(self, *expected, command="run", **top):
        path = self.write_config(listener("a", TCP), **top)
        text = self.run_plait(command, path, expect=1)
        for part in expected:
            self.assertIn(part, text)

    def test_no_such_user(self):
        for command in ("check", "run"):
            self.refused('error: user: there is no user "no.such"', user="no.such", command=command)
            self.refused('error: group: there is no group "no.such"', user="nobody", group="no.such")

    def test_a_number_without_a_group(self):
        self.refused("user: user 54321 has no name here", user="54321")

    def test_system_calls(self):
        self.refused(
            'sandbox.syscalls[1]: found "no-such"; expected a system call',
            sandbox={"seccomp": "on", "syscalls": ["ptrace", "no-such"]},
        )

    def test_not_root(self):
        path = self.write_config(listener("a", TCP), user="daemon")
        path.chmod(0o644)
        keywords = {"user": "nobody"} if ROOT else {}
        result = harness.plait("run", path, **keywords)
        self.assertEqual(result.returncode, 1, result)
        self.assertIn("cannot become user 1,", result.stderr)
        self.assertIn("start it as root", result.stderr)

    def test_who_one_is_already(self):
        """Without root, a user of one's own takes what else there is to take."""
        if not ROOT:
            self.skipTest("the test becomes another user itself")
        self.path = self.folder / "run" / "control.sock"
        self.path.parent.mkdir()
        os.chown(self.path.parent, NOBODY.pw_uid, -1)
        path = self.write_config(listener("a", TCP), user="nobody", control=str(self.path))
        path.chmod(0o644)
        with open(self.folder / "log", "wb") as log:
            process = subprocess.Popen(
                [harness.PLAIT, "run", str(path)],
                stderr=log,
                user="nobody",
                group=NOBODY.pw_gid,
                extra_groups=[],
                env=harness.environment(),
            )
        try:
            harness.wait_for(lambda: "ready:" in (self.folder / "log").read_text(), what="the server")
            said = status_of(self.served_by())
            self.assertEqual((said["NoNewPrivs"], said["CapEff"]), ("1", NONE))
        finally:
            process.terminate()
            self.assertEqual(process.wait(), 0)


harness.main()
