"""Servers that give their privileges up, and what the kernel says of them."""
import os
import pathlib
import pwd
import re
import shutil
import unittest
import unittest.mock

import harness
from control import PLUGINS, Control, ControlCase

ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")

needs_root = unittest.skipUnless(ROOT, "only root can become another user")


def status_of(pid, thread=None):
    """What /proc says of a process, or of one of its threads, as a dict."""
    path = pathlib.Path(f"/proc/{pid}/task/{thread}/status" if thread else f"/proc/{pid}/status")
    return dict(re.findall(r"^(\w+):\s*(.*)$", path.read_text(), re.M))


class ConfinedCase(ControlCase):
    def setUp(self):
        super().setUp()
        # Leaks are looked for by tracing, which a process that has given its privileges up cannot do to itself.
        options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        changed = unittest.mock.patch.dict(os.environ, ASAN_OPTIONS=options)
        changed.start()
        self.addCleanup(changed.stop)
        # What mkdtemp made is its owner's only; a server that has become somebody else is to find its way.
        self.folder.chmod(0o755)

    def prisoner(self, **top):
        """A server whose protocol tries what it is told to. What it needs lies where the user may read it."""
        shutil.copy(PLUGINS / "prisoner.so", self.folder / "prisoner.so")
        return self.serve_control(
            harness.listener("p", top.pop("bind", "tcp://127.0.0.1:0"), "prisoner"),
            plugins=[str(self.folder / "prisoner.so")],
            **top,
        )

    def attempt(self, server, line, name="p"):
        with server.connect(name) as client:
            client.send(line.encode() + b"\r\n")
            return client.receive_line(b"\n").decode().strip()

    def served_by(self):
        """The process that serves, which is the one that answers."""
        return self.status()["pid"]

    def status(self):
        with Control(self.path) as control:
            answer = control.ask("status")
        self.assertTrue(answer["ok"], answer)
        return answer

    def privilege(self):
        return self.status()["privilege"]

    def run_plait(self, *args, expect=0):
        result = harness.plait(*args)
        self.assertEqual(result.returncode, expect, result.stdout + result.stderr)
        return result.stdout + result.stderr
