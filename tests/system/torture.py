"""A server whose memory runs out at the allocation that the test names: what it is told through, and what must hold after."""
import contextlib
import json
import mmap
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import time

import harness
from harness import BUILDDIR, CERTS, SCALE, Case, Server, listener, receive, wait_for
from stream import client_context

SHIMS = BUILDDIR / "tests/system/.libs"
OWN, ALL = 1, 2
# How long anything may take before it is taken for stuck.
PATIENCE = 10 * SCALE


class Order:
    """What fail_alloc.c does in the programs that are given it: struct order, mapped."""

    HEAD = struct.Struct("=IIQQQ")
    SIZE = 4096

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(self.SIZE))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), self.SIZE)

    def environment(self):
        return {"LD_PRELOAD": str(SHIMS / "fail_alloc.so"), "FAIL_ALLOC": str(self.path)}

    def arm(self, first, length=1, mode=OWN):
        """From the allocation of that number on, counted from here, so many fail."""
        self.map[:] = bytes(self.SIZE)
        self.map[: self.HEAD.size] = self.HEAD.pack(0, 0, first, length, 0)
        self.map[0:4] = struct.pack("=I", mode)

    def disarm(self):
        """How many have failed."""
        self.map[0:4] = bytes(4)
        return self.HEAD.unpack(self.map[: self.HEAD.size])[1]

    def seen(self):
        return self.HEAD.unpack(self.map[: self.HEAD.size])[4]

    def frames(self):
        return self.map[self.HEAD.size :].split(b"\0", 1)[0].decode(errors="replace").split()


def place(frames, most=9):
    """Those frames as functions and lines, innermost first, as far as they are ours."""
    told = []
    for frame in frames:
        file, _, offset = frame.rpartition("+")
        if "fail_alloc" in file:
            continue
        if file.startswith(("/lib", "/usr/lib")):
            told.append(os.path.basename(file))
            continue
        program = file or harness.PLAIT
        with contextlib.suppress(OSError):
            out = subprocess.run(
                ["addr2line", "-fis", "-e", program, offset], capture_output=True, text=True
            ).stdout.split("\n")
            told += [f"{name} {line}" for name, line in zip(out[0::2], out[1::2])]
    short = [one for index, one in enumerate(told) if index == 0 or one != told[index - 1]]
    return " < ".join(short[:most])


class Trouble(Exception):
    """What must not be, whatever memory there is."""


def talk(server, name, work, context=None):
    """A connection, on which work is done. Its end by the server is one of the things that may be; silence is not."""
    family, address = server.address(name)
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(PATIENCE)
        try:
            sock.connect(address)
            if context:
                sock = context.wrap_socket(sock, server_hostname="localhost")
            with sock:
                return work(sock)
        except TimeoutError:
            raise Trouble(f"{name}: the connection got no answer") from None
        except (OSError, EOFError) as error:
            return error


def echo(size):
    def work(sock):
        sent = os.urandom(size)
        sock.sendall(sent)
        if receive(sock, size) != sent:
            raise Trouble("what came back is not what was sent")
        if isinstance(sock, ssl.SSLSocket):
            sock.unwrap()
        else:
            sock.shutdown(socket.SHUT_WR)
            if sock.recv(1):
                raise Trouble("more came back than was sent")

    return work


def flood(size):
    """Sends before it reads, so that the server has to keep what it owes."""

    def work(sock):
        sent = os.urandom(size)
        got = bytearray()
        view = memoryview(sent)
        end = time.monotonic() + PATIENCE
        sock.setblocking(False)
        while len(got) < size:
            if time.monotonic() > end:
                raise TimeoutError
            try:
                while view:
                    view = view[sock.send(view[:65536]) :]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            try:
                more = sock.recv(1 << 20)
                if not more:
                    raise EOFError("the server closed")
                got += more
            except (BlockingIOError, ssl.SSLWantReadError):
                time.sleep(0.001)
        if got != sent:
            raise Trouble("what came back is not what was sent")

    return work


class Torture(Case):
    """The servers of these tests are told of no memory at one place after the other."""

    timeout_s = 3600

    def setUp(self):
        if harness.SANITIZER:
            self.skipTest(f"the {harness.SANITIZER} sanitizer has an allocator of its own")
        super().setUp()
        self.context = client_context(CERTS / "ca.pem")
        self.order = Order(self.folder / "order")
        self.troubles = {}

    # What is served.

    def put_edition(self, name):
        fresh = self.folder / "fresh.so"
        shutil.copy(SHIMS / f"edition_{name}.so", fresh)
        os.replace(fresh, self.folder / "edition.so")

    def listeners(self, *more):
        return [
            listener("tcp", "tcp://127.0.0.1:0"),
            listener("tls", "tls://127.0.0.1:0"),
            listener("udp", "udp://127.0.0.1:0"),
            listener("unix", "unix:echo.sock"),
            listener(
                "line",
                "tcp://127.0.0.1:0",
                "line",
                options={"max_length": 100},
                limits={"per_address": 1000},
                allow=["127.0.0.0/8"],
            ),
            listener("chat", "tcp://127.0.0.1:0", "broadcast"),
            listener("edition", "tcp://127.0.0.1:0", "edition"),
            listener(
                "proxied", "tcp://127.0.0.1:0", proxy_protocol={"mode": "required", "trusted": ["127.0.0.1"]}
            ),
            *more,
        ]

    def settings(self, *more, **top):
        self.put_edition("one")
        return self.config(
            *self.listeners(*more),
            **{
                "threads": 1,
                "supervise": False,  # whose memory fails is counted; and nobody is to make good for it
                "plugins": ["echo", "line", "broadcast", str(self.folder / "edition.so")],
                "control": "control.sock",
                "drain_timeout": "2s",
                **top,
            },
        )

    def start(self, config):
        """A server that may have begun to fail already."""
        server = Server(self.folder, config, env=self.order.environment())
        self.servers.append(server)
        return server

    def write(self, server, config):
        server.config = config
        fresh = server.file.with_suffix(".fresh")
        fresh.write_text(json.dumps(config, indent=1))
        os.replace(fresh, server.file)

    # What must hold.

    def probe(self, server):
        """It serves, to TLS and plain."""
        for name, context in (("tcp", None), ("tls", self.context), ("unix", None)):
            failure = talk(server, name, echo(100), context)
            if failure:
                raise Trouble(f"{name}: does not serve afterwards: {failure!r}")

    def descriptors(self, server):
        return len(os.listdir(f"/proc/{server.pid}/fd"))

    def check_descriptors(self, server, before):
        try:
            wait_for(lambda: self.descriptors(server) <= before, 5)
        except AssertionError:
            links = sorted(
                os.readlink(f"/proc/{server.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{server.pid}/fd")
            )
            raise Trouble(f"{self.descriptors(server)} descriptors, {before} before: {links}") from None

    def check_alive(self, server):
        status = server.process.poll()
        if status is not None:
            last = server.log().strip().splitlines()[-1:] or [""]
            raise Trouble(f"the server is gone with {status}: {last[0][:200]}")

    def note(self, what, number, trouble):
        text = f"{what}: {trouble}\n  at {place(self.order.frames())}"
        self.troubles.setdefault(text, []).append(number)
