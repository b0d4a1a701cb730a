#!/usr/bin/python3 -B
"""Reading a configuration anew in which something is wrong: all of it is told, and nothing is another than it was."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat

import harness
from control import Control
from harness import CERTS, SRCDIR, listener, wait_for
from reload import EDITIONS, Reload
from supervised import Supervised
from test_broken_plugins import build

BROKEN = SRCDIR / "tests" / "configs" / "broken"

TCP = "tcp://127.0.0.1:0"

# What goes on by itself.
COUNTED = ("uptime", "connections", "datagrams", "handshakes", "loops", "tls")


def uncounted(answer):
    """What the server said of itself, without that."""
    if isinstance(answer, list):
        return [uncounted(item) for item in answer]
    if isinstance(answer, dict):
        return {key: uncounted(item) for key, item in answer.items() if key not in COUNTED}
    return answer


class Refused(Reload):
    """What is wrong is told, all of it, and nothing is another than it was."""

    timeout_s = 120

    def state(self, server):
        """What could have become another."""
        status, listeners = (json.dumps(uncounted(self.control.ask(what))) for what in ("status", "listeners"))
        process = pathlib.Path(f"/proc/{server.pid}")
        files = []
        for one in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a client's that has just gone
                files.append(os.readlink(one))
        maps = (process / "maps").read_text()
        with server.connect("tls") as client:
            client.exchange(b"hello")
            certificate = client.tls.getpeercert(True)
        return {
            "status": status,
            "listeners": listeners,
            "sockets": sorted(one for one in files if one.startswith("socket:")),
            "files": len(files),
            "plugins": sorted(set(re.findall(r"/memfd:\S+", maps))),
            "greeting": self.greeting(server),
            "certificate": certificate,
        }

    @staticmethod
    def mappings(server):
        """Each case that left one would add to it; sanitizers have many of their own."""
        return 0 if harness.SANITIZER else len(pathlib.Path(f"/proc/{server.pid}/maps").read_text().splitlines())

    def begin_with(self, folder):
        """A server whose configuration lies in that folder, and a connection that stays."""
        self.put_edition("one")
        server = self.begin(
            listener("a", "tcp://127.0.0.1:0", "edition"),
            listener("tls", "tls://127.0.0.1:0"),
            listener("udp", "udp://127.0.0.1:0"),
            plugins=["echo", "line", "broadcast", str(self.folder / "edition.so")],
            log={"level": "info", "format": "json"},
            control=str(self.folder / "control.sock"),
            _folder=folder,
        )
        server.wait_ready().wait_message("^control socket on ")
        self.control = self.enterContext(Control(self.folder / "control.sock"))
        return server

    def check_refused(self, server, stay, before, expected):
        said = self.signal(server, "^not reloaded")
        for text in expected:
            self.assertTrue(any(text in line for line in said), (text, said))
        for client in stay:
            client.exchange(b"nothing happened")
        wait_for(lambda: self.state(server) == before, what=f"the state to be as before: {before}")

    def test_every_broken_configuration(self):
        folder = self.folder / "broken"
        shutil.copytree(BROKEN, folder)
        server = self.begin_with(folder)
        with server.connect("tls") as stays, server.connect("a") as stays_there:
            self.assertEqual(stays_there.receive_line(b"\n"), b"one plain")
            before, mappings = self.state(server), self.mappings(server)
            cases = sorted(folder.glob("[0-9]*.json"))
            self.assertGreaterEqual(len(cases), 30)
            for case in cases:
                with self.subTest(case.name):
                    errors = case.with_suffix(".expected").read_text().splitlines()
                    texts = [line.split(": error: ", 1)[1] for line in errors if ": error: " in line]
                    self.assertTrue(texts)
                    os.replace(case, server.file)
                    self.check_refused(server, (stays, stays_there), before, texts)
            self.assertLess(self.mappings(server), mappings + 20)

    def file(self, name, content=b"", mode=0o600):
        """The name of a file of that content."""
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)

    def broken_plugin(self, source):
        """One that lies in tests/broken-plugins, compiled."""
        path = self.folder / f"{source}.so"
        build(source, path)
        return str(path)

    def folder_of_all(self, plugin):
        """That plugin in a folder to which everybody may write."""
        folder = self.folder / "open"
        folder.mkdir()
        folder.chmod(0o777)
        shutil.copy(plugin, folder / "x.so")
        return str(folder / "x.so")

    def cases(self, good):
        """What is wrong -> what the configuration then says otherwise, and what the log does."""
        listeners = good["listeners"]
        two = EDITIONS["two"].read_bytes()
        key, certificate = ((CERTS / f"server.{kind}").read_bytes() for kind in ("key", "pem"))
        (self.folder / "a folder").mkdir()
        taken = self.enterContext(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        other = self.enterContext(socket.socket(socket.AF_UNIX))
        other.bind(str(self.folder / "other.sock"))
        other.listen()

        def more(*more, **top):
            return {"listeners": [*listeners, *more], **top}

        def bind(bind, **rest):
            return more(listener("b", bind, **rest))

        def but(index, **what):
            return {"listeners": [{**one, **(what if at == index else {})} for at, one in enumerate(listeners)]}

        def plugin(file):
            return {"plugins": [*good["plugins"], str(file)]}

        def tls(**what):
            return {"tls": {"default": {**good["tls"]["default"], **what}}}

        def without(index):
            return [one for at, one in enumerate(listeners) if at != index]

        cases = {
            "a port that is taken": (bind(f"tcp://127.0.0.1:{taken}"), "another program or listener has it"),
            "a listener moves there": (but(0, bind=f"tcp://127.0.0.1:{taken}"), "another program or listener has it"),
            "an address of another machine": (bind("tcp://192.0.2.1:0"), "cannot bind 192.0.2.1"),
            "a host that nobody knows": (bind("tcp://host.invalid:0"), "cannot find the address"),
            "a folder that is not there": (bind(f"unix:{self.folder}/none/x.sock"), "its folder does not exist"),
            "a file for a folder": (bind(f"unix:{self.file('plain')}/x.sock"), "Not a directory"),
            "another's path": (bind(f"unix:{self.folder}/other.sock"), "another program is listening on it"),
            "a file in the way": (bind(f"unix:{self.file('way')}"), "it exists and is no socket"),
            "a protocol that does not start": (
                but(0, options={"refuse": True}),
                "does not start: it was told not to",
            ),
            "one that starts, and one that does not": (
                {
                    "listeners": [
                        {**listeners[0], "options": {"word": "other"}},
                        *without(0),
                        listener("b", TCP, "edition", options={"refuse": True}),
                    ]
                },
                "does not start",
            ),
            "one that goes, and one that does not start": (
                {"listeners": [*without(2), listener("b", TCP, "edition", options={"refuse": True})]},
                "does not start",
            ),
            "one that moves, and one that does not start": (
                {
                    "listeners": [
                        {**listeners[0], "bind": "tcp://127.0.0.2:0"},
                        *without(0),
                        listener("b", TCP, "edition", options={"refuse": True}),
                    ]
                },
                "does not start",
            ),
            "one that can be bound, and one that cannot": (
                more(listener("b", f"unix:{self.folder}/b.sock"), listener("c", f"tcp://127.0.0.1:{taken}")),
                "another program or listener has it",
            ),
            "what is set for good": (but(2, socket={"broadcast": True}), "cannot change while"),
            "a protocol without datagrams": (but(2, protocol="line"), "line"),
            "a certificate that is missing": (tls(certificate="/nonexistent.pem"), "/nonexistent.pem"),
            "a certificate that is none": (tls(certificate=self.file("none.pem", b"none")), "expected PEM"),
            "half a certificate": (
                tls(certificate=self.file("half.pem", certificate[: len(certificate) // 2])),
                "half.pem",
            ),
            "a key that is missing": (tls(key="/nonexistent.key"), "/nonexistent.key"),
            "a key that is a folder": (tls(key=str(self.folder / "a folder")), "this is not a file"),
            "half a key": (tls(key=self.file("half.key", key[: len(key) // 2])), "half.key"),
            "a key that everybody may read": (tls(key=self.file("open.key", key, 0o644)), "open.key"),
            "another's key": (tls(key=str(CERTS / "server-rsa.key")), "it is not the key of"),
            "a context that listeners need": ({"tls": {}}, "tls"),
            "a plugin that is none": (plugin(self.file("none.so", b"no plugin", 0o644)), "none.so"),
            "an empty plugin": (plugin(self.file("empty.so", b"", 0o644)), "empty.so"),
            "a plugin half written": (plugin(self.file("half.so", two[: len(two) // 2], 0o644)), "half.so"),
            "a plugin that others may write": (plugin(self.file("open.so", two, 0o666)), "can be written by"),
            "a folder that others may write": (plugin(self.folder_of_all(EDITIONS["two"])), "is in a folder that"),
            "a plugin that is a folder": (plugin(self.folder / "a folder"), "is a folder"),
            "a plugin of another ABI": (plugin(self.broken_plugin("other-major")), "other-major.so"),
            "a plugin of a later ABI": (plugin(self.broken_plugin("higher-minor")), "higher-minor.so"),
            "a plugin whose init fails": (plugin(self.broken_plugin("init-fails")), "its init failed"),
            "a plugin that lacks a function": (plugin(self.broken_plugin("undefined-symbol")), "undefined symbol"),
            "a plugin that is missing": (plugin("missing"), "missing"),
            "a plugin too few": ({"plugins": good["plugins"][1:]}, "echo"),
            "a plugin too many": (plugin(self.file("again.so", two, 0o644)), "second plugin with the protocol name"),
            "a control socket with too long a name": ({"control": "x" * 200}, "control"),
        }
        if os.geteuid() != 0:  # who may read everything
            (self.folder / "a folder").chmod(0)
            shut = self.folder / "a folder"
            cases["a folder that cannot be read"] = (tls(key=str(shut / "x.key")), "Permission denied")
            cases["a plugin's folder that cannot be read"] = (plugin(shut / "x.so"), "Permission denied")
            cases["a key that cannot be read"] = (tls(key=self.file("shut.key", key, 0)), "Permission denied")
        return cases

    def test_what_is_found_on_the_way(self):
        server = self.begin_with(self.folder)
        good = dict(server.config)
        cases = self.cases(good)
        self.assertGreaterEqual(len(cases), 30)
        with server.connect("tls") as stays, server.connect("a") as stays_there:
            self.assertEqual(stays_there.receive_line(b"\n"), b"one plain")
            before, mappings = self.state(server), self.mappings(server)
            for name, (change, expected) in cases.items():
                with self.subTest(name):
                    server.config = good
                    self.write(server, **change)
                    self.check_refused(server, (stays, stays_there), before, [expected])
            for path in self.folder.glob("*.sock"):
                self.assertIn(path.name, ("control.sock", "other.sock"))
                self.assertTrue(stat.S_ISSOCK(path.stat().st_mode))
            with self.subTest("a file that is no file"):
                server.file.unlink()
                os.mkfifo(server.file)
                self.check_refused(
                    server, (stays, stays_there), before, ["is no regular file, and cannot be read again"]
                )
            with self.subTest("no file at all"):
                server.file.unlink()
                self.check_refused(server, (stays, stays_there), before, [server.file.name])
            self.assertLess(self.mappings(server), mappings + 20)
            server.config = good
            self.assertTrue(any(text.endswith(": 0 changes") for text in self.reload(server)))


class Retired(Supervised):
    def test_a_worker_that_another_has_replaced(self):
        """Its sockets are another one's: it reads nothing anew, and serves who is there to the end."""
        server = self.serve_faults(drain_timeout="1m")
        pid = server.pid
        with self.say(server, b"hello") as stays, self.control() as peer:
            self.assertEqual(stays.recv(6), b"hello\n")
            self.assertTrue(peer.ask("status")["ok"])
            self.run_plait("upgrade", "--control", self.path)
            server.wait_message("another worker serves: ending with the last connection")
            fault, *others = server.config["listeners"]
            self.write(server, {**fault, "limits": {"connections": 7}}, *others, listener("more", TCP))
            os.kill(pid, signal.SIGHUP)  # as who signals all of a group
            server.wait_message("SIGHUP: another worker serves")
            for command in ("reload", "upgrade"):
                self.assertEqual(peer.ask(command)["error"]["code"], "stopping")
            for command in ("pause", "drain", "resume"):
                self.assertEqual(peer.ask(command, listener="fault")["error"]["code"], "stopping")
            stays.sendall(b"more\r\n")
            self.assertEqual(stays.recv(5), b"more\n")
            self.assertIn(pid, server.children())
        self.assertEqual(server.endpoints().get("more"), None)


if __name__ == "__main__":
    harness.main()
