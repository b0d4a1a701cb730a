"""Servers with a plugin that ends its process when it is told so, and clients that do not stop for it."""
import os
import pathlib
import socket
import threading
import time

from control import PLUGINS, ControlCase
from harness import SCALE, listener, wait_for

FAULT = str(PLUGINS / "fault.so")


class Load:
    """Clients that connect again and again. Those that are connected when a worker dies lose their connection; but none
    is refused, and what is waiting is served by the next worker."""

    def __init__(self, address, clients=4):
        self.address = address
        self.refused, self.served, self.lost = [], 0, 0
        self.last, self.gap = time.monotonic(), 0
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.ended.is_set():
            with socket.socket() as sock:
                sock.settimeout(30 * SCALE)
                try:
                    sock.connect(self.address)
                except OSError as error:
                    with self.lock:
                        self.refused.append(error)
                    continue
                try:
                    sock.sendall(b"hello\r\n")
                    answer = sock.makefile("rb").read(6)
                except OSError:
                    answer = b""
                with self.lock:
                    if answer == b"hello\n":
                        self.served += 1
                        now = time.monotonic()
                        self.gap = max(self.gap, now - self.last)
                        self.last = now
                    else:
                        self.lost += 1

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class Supervised(ControlCase):
    timeout_s = 300

    def serve_faults(self, *more, **top):
        top.setdefault("plugins", ["echo", FAULT])
        return self.serve_control(
            listener("fault", "tcp://127.0.0.1:0", "fault"),
            listener("udp", "udp://127.0.0.1:0"),
            *more,
            **top,
        )

    def say(self, server, word):
        """Tells the plugin what to do; there is no answer."""
        sock = socket.create_connection(("127.0.0.1", server.port("fault")), timeout=20 * SCALE)
        sock.sendall(word + b"\r\n")
        return sock

    def wait_next(self, server, before):
        """Another worker has taken the place of that one."""
        return wait_for(
            lambda: (pid := server.pid) not in (before, server.process.pid) and pid, what="another worker"
        )

    def wait_serving(self, server, count):
        server.wait_message(r"^supervisor: worker \d+ \(pid \d+\) serves", count=count, timeout=30)

    def sockets_of(self, pid):
        """The listening sockets that a process has, as the kernel calls them."""
        found = set()
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                name = os.readlink(link)
            except OSError:
                continue
            if name.startswith("socket:"):
                found.add(name)
        return found
