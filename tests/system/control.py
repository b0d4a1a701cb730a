"""Servers with a control socket, and those who talk to them."""
import contextlib
import json
import socket

import harness
from harness import SCALE, wait_for
from reload import PLUGINS, Reload  # noqa: F401 -- its users find both here


class Control:
    """A peer of the control socket, who speaks raw lines."""

    def __init__(self, path, timeout=20):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout * SCALE)
        self.sock.connect(str(path))
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def line(self):
        """The next answer; None at the end."""
        while b"\n" not in self.rest:
            more = self.sock.recv(1 << 20)
            if not more:
                return None
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, command, **arguments):
        self.send(json.dumps({"v": 1, "command": command, **arguments}).encode() + b"\n")
        return self.line()

    def has_ended(self):
        try:
            return self.line() is None
        except ConnectionError:
            return True


class ControlCase(Reload):
    def serve_control(self, *listeners, **top):
        """Ready when the control socket answers, too."""
        self.path = self.folder / "control.sock"
        server = self.serve(*listeners, control="control.sock", **top)
        server.wait_message("^control socket on ")
        return server

    def serve_edition(self, *listeners, **top):
        self.put_edition("one")
        return self.serve_control(*listeners, plugins=["echo", str(self.folder / "edition.so")], **top)

    def control(self):
        return Control(self.path)

    def ask(self, command, **arguments):
        with self.control() as peer:
            return peer.ask(command, **arguments)

    def good(self, command, **arguments):
        answer = self.ask(command, **arguments)
        self.assertIs(answer["ok"], True, answer)
        self.assertEqual(answer["v"], 1)
        return answer

    def bad(self, code, command, **arguments):
        """The text of why not."""
        answer = self.ask(command, **arguments)
        self.assertIs(answer["ok"], False, answer)
        self.assertEqual(answer["error"]["code"], code, answer)
        return answer["error"]["text"]

    def run_plait(self, *args, status=0):
        result = harness.plait(*args)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout if status == 0 else result.stderr

    def listed(self, name="a"):
        return next(one for one in self.good("listeners")["listeners"] if one["name"] == name)

    def listed_as(self, name="a", **expected):
        """Waits until the listener is listed so."""

        def found():
            one = self.listed(name)
            return all(one[key] == value for key, value in expected.items()) and one

        return wait_for(found, what=f"{name} with {expected}")

    def fill(self, stuck):
        """It says more than it takes back of what echoes."""

        def more():
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent += stuck.sock.send(b"x" * 65536)
            most = self.good("connections", sort="queued", limit=1)["connections"]
            return sent == 0 and most and most[0]["queued"] > 0

        wait_for(more, what="output that waits")
