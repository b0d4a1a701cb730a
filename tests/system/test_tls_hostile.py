#!/usr/bin/python3 -B
"""Handshakes against us: those that do not end, too many of them, and damaged ones, with good clients beside.

PLAIT_HOSTILE_COUNT=100000 runs the whole storm; PLAIT_HOSTILE_SEED repeats one."""
import contextlib
import multiprocessing
import os
import random
import signal
import socket
import ssl
import struct
import time

import harness
import mutate
from harness import CERTS, SCALE, Case, listener, wait_for

COUNT = int(os.environ.get("PLAIT_HOSTILE_COUNT") or 2000)
SEED = int(os.environ.get("PLAIT_HOSTILE_SEED") or random.SystemRandom().randrange(2**32))
ATTACKERS = 2
MIB = 1024 * 1024


def context(version=None, identity=False):
    made = harness.client_context(CERTS / "ca.pem", version)
    if identity:
        made.load_cert_chain(CERTS / "client.pem", CERTS / "client.key")
    return made


class Client:
    """OpenSSL's client, whose bytes are handed over for damage."""

    def __init__(self, settings, session=None):
        self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = settings.wrap_bio(self.inward, self.outward, server_hostname="localhost", session=session)

    def flight(self):
        """What it sends next; done tells whether its handshake is over."""
        self.done = True
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.done = False
        return self.outward.read()


def connect_to(address):
    sock = socket.create_connection(address, timeout=20 * SCALE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def connect(server, name):
    return connect_to(server.address(name)[1])


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def wait_end(sock):
    """A server that leaves it open makes this fail."""
    with contextlib.suppress(ConnectionError):
        while sock.recv(65536):
            pass
    sock.close()


class Slow(Case):
    def serve_short(self):
        return self.serve(listener("tls", "tls://127.0.0.1:0", timeouts={"handshake": "700ms"}))

    def test_silence(self):
        server = self.serve_short()
        with connect(server, "tls") as sock:
            wait_end(sock)
        server.wait_message("^TLS handshake failed: timeout", "tls")

    def test_who_stops_in_the_middle(self):
        for version in ("1.2", "1.3"):
            server = self.serve_short()
            hello = Client(context(version)).flight()
            for sent in (1, 5, len(hello) // 2, len(hello)):
                sock = connect(server, "tls")
                sock.sendall(hello[:sent])
                wait_end(sock)
            server.wait_reason("timeout-handshake", "tls", count=4)

    def test_who_dribbles(self):
        """A byte at a time moves no deadline."""
        for version in ("1.2", "1.3"):
            server = self.serve_short()
            hello = Client(context(version)).flight()
            sock = connect(server, "tls")
            with contextlib.suppress(ConnectionError):
                for byte in hello:
                    sock.send(bytes((byte,)))
                    time.sleep(0.05)
                self.fail("the server took all of it")
            sock.close()
            server.wait_reason("timeout-handshake", "tls")

    def test_who_is_in_time_is_not_cut(self):
        server = self.serve_short()
        with server.connect("tls") as client:
            time.sleep(1)
            client.exchange(b"still here", finish=True)
        self.assertFalse(server.ended("timeout-handshake"))


class Bound(Case):
    def test_too_many_handshakes(self):
        server = self.serve(listener("tls", "tls://127.0.0.1:0", limits={"handshakes": 3}))

        def try_one():
            with server.connect("tls") as client:
                client.exchange(b"hello", finish=True)

        silent = [connect(server, "tls") for _ in range(2)]
        opened = []
        for _ in range(5):  # those that are done count no more
            opened.append(server.connect("tls"))
            opened[-1].exchange(b"hello")
        silent.append(connect(server, "tls"))
        with self.assertRaises(ConnectionResetError), connect(server, "tls") as refused:
            refused.recv(1)
        server.wait_message("^limit-handshakes", "tls")
        silent[0].sendall(b"GET / HTTP/1.0\r\n\r\n")  # nor those that failed
        wait_end(silent[0])
        server.wait_reason("tls-handshake", "tls")
        try_one()
        silent[1].close()
        server.wait_reason("peer-closed", "tls", count=2)
        try_one()
        for client in opened:
            client.finish()
        silent[2].close()
        server.stop()
        self.assertRegex("\n".join(server.messages()), "TLS handshakes that failed: 1 http, 1 too-many")


class Told(Case):
    def test_once_a_peer_and_minute(self):
        server = self.serve(
            listener("tls", "tls://[::]:0"), log={"level": "info", "format": "json"}, threads=3
        )
        port = server.port("tls")
        for _ in range(7):
            for host in ("127.0.0.1", "127.0.0.2", "::1"):
                sock = socket.create_connection(
                    (host, port), source_address=(host, 0), timeout=20 * SCALE
                )
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                wait_end(sock)
        with self.assertRaises(ssl.SSLError):
            server.connect("tls", tls=ssl.create_default_context(cafile=CERTS / "client.pem"))
        server.wait_message("^TLS handshake failed: http", "tls", count=3)
        server.stop()
        told = [record for record in server.records() if "TLS handshake failed" in record["message"]]
        sums = [record for record in told if record["message"].startswith("...")]
        self.assertEqual(len(told) - len(sums), 3)
        self.assertEqual(
            sorted(record["message"].split(" more from its ")[0] for record in sums),
            ["... 6", "... 6", "... 7"],
        )
        words = "\n".join(record["message"] for record in told)
        self.assertIn("http (the peer speaks plain HTTP where TLS is expected", words)
        self.assertIn("from its /64 in", words)
        self.assertIn('refused (the peer refused our certificate: alert "', words)
        self.assertEqual(
            [m for m in server.messages() if m.startswith("TLS handshakes that failed")],
            ["TLS handshakes that failed: 21 http, 1 refused"],
        )
        self.assertFalse([m for m in server.messages() if m.startswith("ended: tls-handshake")])


class Storm(Case):
    timeout_s = 60 + COUNT / 20

    NAMES = ("default", "rsa", "mutual")
    STALLED_MOST = 150  # of each attacker

    def setUp(self):
        super().setUp()
        patience = {"handshake": f"{4 * SCALE}s", "idle": f"{6 * SCALE}s"}
        self.server = self.serve(
            *(
                listener(name, "tls://127.0.0.1:0", tls=name, timeouts=patience)
                for name in self.NAMES
            ),
            listener("long", "tls://127.0.0.1:0"),
            log={"level": "info", "format": "json"},
            tls={
                "default": self.pair("server"),
                "rsa": self.pair("server-rsa"),
                "mutual": {
                    **self.pair("server"),
                    "client": {"verify": "optional", "ca": str(CERTS / "ca.pem")},
                },
            },
            # What is freed is not to be taken for what is kept.
            _env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"},
        )
        self.addresses = {name: self.server.address(name)[1] for name in self.NAMES}
        self.contexts = [context(version, identity) for version in ("1.2", "1.3") for identity in (False, True)]
        self.sessions = {}
        self.stalled = []

    @staticmethod
    def pair(name):
        return {"certificate": str(CERTS / f"{name}.pem"), "key": str(CERTS / f"{name}.key")}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    # ---- good clients ----

    def be_good(self, rng, steady):
        """One at each listener, and one that stays; how long the slowest took."""
        worst = 0.0
        for name in self.NAMES:
            began = time.monotonic()
            with self.server.connect(name) as client:
                client.exchange(rng.randbytes(3000), finish=True)
                client.wait_end()
            worst = max(worst, time.monotonic() - began)
            steady.exchange(rng.randbytes(500))
        return worst

    # ---- bad ones ----

    def send(self, sock, rng, data):
        """Whoever is answered with a reset has been answered."""
        with contextlib.suppress(ConnectionError):
            for piece in mutate.pieces(rng, data):
                sock.sendall(piece)
            return True
        return False

    def session(self, name, settings):
        """Of a whole handshake, to be offered with damage."""
        key = (name, id(settings))
        if key not in self.sessions:
            with settings.wrap_socket(connect_to(self.addresses[name]), server_hostname="localhost") as tls:
                tls.send(b"x")
                tls.recv(1)
                self.sessions[key] = tls.session
        return self.sessions[key]

    def spoil(self, sock, rng, client, turn):
        """Goes on with the handshake; the flight of that turn, or else what follows the handshake, is damaged."""
        data = client.flight()
        while True:
            spoilt = mutate.spoil_stream(rng, data) if turn == 0 else data
            if not self.send(sock, rng, spoilt) or turn == 0:
                return
            turn -= 1
            if client.done:
                client.tls.write(rng.randbytes(rng.choice((1, 100, 5000))))
                client.tls.write(b"and more")
                data = client.outward.read()
                turn = 0
                continue
            answer = sock.recv(65536)
            if not answer:
                return
            client.inward.write(answer)
            data = client.flight()
            while not data and not client.done:
                client.inward.write(sock.recv(65536))
                data = client.flight()

    def attack(self, number):
        rng = random.Random(f"{SEED} {number}")
        name = rng.choice(self.NAMES)
        settings = rng.choice(self.contexts)
        session = self.session(name, settings) if rng.randrange(4) == 0 else None
        sock = connect_to(self.addresses[name])
        if rng.randrange(30) == 0:
            self.send(sock, rng, rng.randbytes(rng.choice((1, 5, 100, 20000))))
        else:
            with contextlib.suppress(ConnectionError):
                self.spoil(sock, rng, Client(settings, session), rng.choice((0, 0, 0, 0, 1, 1, 2)))
        self.leave(sock, rng.randrange(12))

    def leave(self, sock, how):
        if how == 0:
            reset(sock)
        elif how == 1:
            sock.close()
        elif how == 2:
            self.stalled.append(sock)
            if len(self.stalled) > self.STALLED_MOST:
                wait_end(self.stalled.pop(0))
        else:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
            wait_end(sock)

    def attack_many(self, first):
        """Each of the attackers is a process of its own, so that good clients need not wait for them."""
        for number in range(first, COUNT, ATTACKERS):
            try:
                self.attack(number)
            except Exception as error:
                raise AssertionError(f"attack {number}: {error!r}") from error
        for sock in self.stalled:  # those that were left in the middle, and not closed, are gone by themselves
            wait_end(sock)

    def start_attackers(self):
        def run(first):
            signal.alarm(int(self.timeout_s * SCALE))
            try:
                self.attack_many(first)
                os._exit(0)
            except BaseException as error:
                harness.comment(f"attacker {first}: {error!r}")
                os._exit(1)

        fork = multiprocessing.get_context("fork")
        attackers = [fork.Process(target=run, args=(first,)) for first in range(ATTACKERS)]
        for attacker in attackers:
            attacker.start()
            self.addCleanup(attacker.kill)
        return attackers

    def test_damaged_handshakes_and_records(self):
        harness.comment(f"PLAIT_HOSTILE_SEED={SEED} PLAIT_HOSTILE_COUNT={COUNT}")
        before = self.descriptors()
        rng, memory, good, worst, began = random.Random(SEED), [], 0, 0.0, time.monotonic()
        attackers = self.start_attackers()
        with self.server.connect("long") as steady:
            while any(attacker.is_alive() for attacker in attackers):
                worst = max(worst, self.be_good(rng, steady))
                good += len(self.NAMES)
                memory.append(self.server.memory())
                time.sleep(0.02)
        took = time.monotonic() - began
        for attacker in attackers:
            attacker.join()
            self.assertEqual(attacker.exitcode, 0)
        wait_for(lambda: self.descriptors() <= before, 20, "the last connections to be gone")
        samples = [value / MIB for value in memory[:: max(len(memory) // 10, 1)]]
        harness.comment(
            f"{COUNT} attacks in {took:.0f} s; {good} good clients, the slowest took {worst:.2f} s; "
            f"memory in MiB: {', '.join(f'{value:.0f}' for value in samples)}"
        )
        self.assertGreater(good, 0)
        self.server.stop()
        for message in self.server.messages():
            if message.startswith(("stopped", "TLS handshakes that failed")):
                harness.comment(message)
        self.assertLess(max(samples), samples[1] + 64)
        self.assertLess(self.server.log_file.stat().st_size, MIB + COUNT * 50)


if __name__ == "__main__":
    harness.main()
