#!/usr/bin/python3 -B
"""Certificates change while they are served: nobody is refused, nothing is lost, and nothing is half changed."""
import _ssl
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import harness
from harness import CERTS, Case, comment, listener, wait_for
from stream import Stream, client_context

# 200 is the whole of it; make check takes the short form.
RENEWALS = int(os.environ.get("PLAIT_RENEWALS") or 20)
# Lines of one kind are held back when there are more than ten in a second.
PACE = 0.12


def resident(pid):
    """Everything of a process that is in memory, in bytes."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M).group(1)) * 1024


def chain_in(file):
    """The certificates of a PEM file, in its order."""
    text = (CERTS / file).read_text()
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.S)
    return tuple(ssl.PEM_cert_to_DER_cert(block) for block in blocks)


def chain_served(stream):
    """All that the server sent, in its order."""
    return tuple(
        certificate.public_bytes(_ssl.ENCODING_DER)
        for certificate in stream.tls._sslobj.get_unverified_chain()
    )


CHAINS = {name: chain_in(f"{name}.pem") for name in ("server", "server-2")}


class Renewal(Case):
    """A server with a folder of certificates that the test changes."""

    def put(self, source, name):
        """As those who renew do: a new file takes the place of the old one."""
        coming = self.folder / ".coming"
        shutil.copyfile(CERTS / source, coming)
        os.chmod(coming, 0o600)
        os.replace(coming, self.folder / name)

    def put_pair(self, source, name="tls"):
        self.put(f"{source}.pem", f"{name}.pem")
        self.put(f"{source}.key", f"{name}.key")

    def pair(self, name="tls", **more):
        return {
            "certificate": str(self.folder / f"{name}.pem"),
            "key": str(self.folder / f"{name}.key"),
            **more,
        }

    def serve_pair(self, **more):
        self.put_pair("server")
        return self.serve(
            listener("echo", "tls://127.0.0.1:0", tls="mine"),
            tls={"mine": self.pair(**more)},
            log={"level": "info", "format": "json"},
        )

    def served(self, server, name="echo"):
        with server.connect(name) as client:
            client.exchange(b"hello", finish=True)
            return chain_served(client)


class Log:
    """The lines that come, each read once."""

    def __init__(self, server):
        self.file = open(server.log_file, errors="backslashreplace")
        self.lines = []

    def wait(self, *patterns):
        """The first line that matches one of the patterns, after those that were waited for before."""

        def look():
            self.lines += self.file.readlines()
            while self.lines:
                line = self.lines.pop(0)
                if any(re.search(pattern, line) for pattern in patterns):
                    return line
            return None

        return wait_for(look, 20, f"a log line like {patterns}")


class Storm(Renewal):
    """Renewals without end, under load."""

    timeout_s = 60 + RENEWALS

    def setUp(self):
        super().setUp()
        self.over = threading.Event()
        self.handshakes = self.streamed = 0
        self.lock = threading.Lock()

    def greet(self, server, version):
        """Handshake after handshake, each with the chain that was to be expected while it was made."""
        context = client_context(CERTS / "ca.pem", version)
        while not self.over.is_set():
            before = self.allowed
            with server.connect("echo", tls=context) as client:
                chain = chain_served(client)
                after = self.allowed
                if before is after:
                    self.assertIn(chain, before)
                self.assertIn(chain, CHAINS.values())
                client.exchange(b"hello", finish=True)
            with self.lock:
                self.handshakes += 1

    def stream(self, server, version, seed):
        """One connection from the beginning to the end, whose content is checked."""
        rng = random.Random(seed)
        with server.connect("echo", tls=version) as client:
            chain = chain_served(client)
            while not self.over.is_set():
                data = rng.randbytes(int(2 ** rng.uniform(0, 15)))
                client.exchange(data, rng)
                with self.lock:
                    self.streamed += len(data)
            client.exchange(b"the end", rng, finish=True)
        self.assertEqual(chain, CHAINS["server"])

    def change_files(self, rng, now, next_one):
        """Whether what is there now can be used."""
        kind = rng.choice(("good", "good", "good", "mismatched", "truncated", "missing"))
        self.put_pair(next_one)
        if kind == "mismatched":
            self.put(f"{now}.key", "tls.key")
        elif kind == "truncated":
            os.truncate(self.folder / rng.choice(("tls.pem", "tls.key")), rng.randrange(20, 150))
        elif kind == "missing":
            (self.folder / rng.choice(("tls.pem", "tls.key"))).unlink()
        return kind

    def test_storm(self):
        server = self.serve_pair()
        log, rng, now = Log(server), random.Random(5), "server"
        self.allowed = (CHAINS[now],)
        streams = [self.background(self.stream, server, v, f"{v}{i}") for v in ("1.2", "1.3") for i in (1, 2)]
        wait_for(lambda: self.streamed > 0, what="streams")
        load = streams + [self.background(self.greet, server, version) for version in ("1.2", "1.3", None)]
        kinds = dict.fromkeys(("good", "mismatched", "truncated", "missing"), 0)
        memory = {}
        for number in range(1, RENEWALS + 1):
            next_one = "server-2" if now == "server" else "server"
            kind = self.change_files(rng, now, next_one)
            kinds[kind] += 1
            if kind == "good":
                self.allowed = (CHAINS[now], CHAINS[next_one])
            server.send_signal(signal.SIGHUP)
            line = log.wait("tls.mine: renewed; certificate", "not reloaded")
            self.assertEqual("renewed; certificate" in line, kind == "good", kind)
            if kind == "good":
                now = next_one
                self.allowed = (CHAINS[now],)
            self.assertEqual(self.served(server), CHAINS[now])
            done = self.handshakes
            time.sleep(PACE)
            wait_for(lambda: self.handshakes > done, what="handshakes between renewals")
            memory[number] = resident(server.pid)
            for one in load:
                self.assertTrue(one.running(), "a client has failed")
        self.over.set()
        for join in load:
            join()
        early, late = memory[min(20, RENEWALS // 2)], memory[RENEWALS]
        comment(f"renewals: {kinds}; handshakes: {self.handshakes}, failed: 0")
        comment(f"bytes streamed on {len(streams)} connections: {self.streamed}, lost: 0")
        comment(f"resident: {early} bytes after {min(20, RENEWALS // 2)}, {late} after {RENEWALS}")
        comment(f"that is {100 * (late - early) / early:+.2f} %")
        if not harness.SANITIZER:
            self.assertLess(late, early * 1.05)
        server.stop()
        ends = [text for text in server.messages() if re.search(r"ended|tls-", text)]
        self.assertEqual(ends, [])


class Signal(Renewal):
    """SIGHUP, at good and bad moments."""

    def test_all_or_none(self):
        for name in ("a", "b"):
            self.put_pair("server", name)
        server = self.serve(
            listener("a", "tls://127.0.0.1:0", tls="a"),
            listener("b", "tls://127.0.0.1:0", tls="b"),
            tls={name: self.pair(name) for name in ("a", "b")},
        )
        self.put_pair("server-2", "a")
        (self.folder / "b.pem").write_text("no certificate")
        server.send_signal(signal.SIGHUP)
        server.wait_message("not reloaded, and all is as it was")
        self.assertTrue(any(re.search("tls.b.*b.pem.*expected PEM", text) for text in server.messages()))
        for name in ("a", "b"):
            self.assertEqual(self.served(server, name), CHAINS["server"])
        self.put_pair("server-2", "b")
        server.send_signal(signal.SIGHUP)
        server.wait_message("tls.[ab]: renewed; certificate .* in place of", count=2)
        for name in ("a", "b"):
            self.assertEqual(self.served(server, name), CHAINS["server-2"])

    def test_before_it_is_ready(self):
        """The signal comes while the configuration is read, and is answered when the server runs."""
        self.put_pair("server")
        wait = 'mv "$3" "$3.real"; mkfifo "$3"; exec "$@"'
        server = self.begin(
            listener("echo", "tls://127.0.0.1:0", tls="mine"),
            tls={"mine": self.pair()},
            _wrapper=("sh", "-c", wait, "sh"),
        )
        wait_for(server.file.is_fifo, what="a pipe in the configuration's place")
        with open(server.file, "w") as pipe:  # which waits for the server to read it
            server.send_signal(signal.SIGHUP)
            pipe.write(pathlib.Path(f"{server.file}.real").read_text())
            os.replace(f"{server.file}.real", server.file)
        server.wait_ready()
        server.wait_message("tls.mine: renewed; still certificate")
        self.assertEqual(self.served(server), CHAINS["server"])

    def test_while_it_drains(self):
        server = self.serve_pair()
        with server.connect("echo") as client:
            client.exchange(b"hello")
            server.send_signal(signal.SIGTERM)
            server.wait_message("draining")
            server.send_signal(signal.SIGHUP)
            server.wait_message("SIGHUP: the server stops")
            client.receive_to_end()
        self.assertEqual(server.wait(), 0)
        self.assertFalse([text for text in server.messages() if "renewed" in text or "again: stop" in text])

    def test_without_tls(self):
        server = self.serve(listener("echo", "tcp://127.0.0.1:0"))
        server.send_signal(signal.SIGHUP)
        server.wait_message("reloaded .*: 0 changes")
        with server.connect("echo") as client:
            client.exchange(b"hello", finish=True)


class Everything(Renewal):
    """Certificates are not all that is read."""

    def serve_with(self, **more):
        self.put_pair("server")
        return self.serve(
            listener("echo", "tls://127.0.0.1:0", tls="mine"), tls={"mine": self.pair(**more)}
        )

    def renew(self, server, count=1):
        server.send_signal(signal.SIGHUP)
        server.wait_message("tls.mine: renewed; ", count=count)

    def let_in(self, server, name):
        """Whether a client with that certificate is served."""
        context = client_context(CERTS / "ca.pem", "1.2")
        context.load_cert_chain(CERTS / f"{name}.pem", CERTS / f"{name}.key")
        try:
            with server.connect("echo", tls=context) as client:
                client.exchange(b"hello", finish=True)
        except (ssl.SSLError, ConnectionError):
            return False
        return True

    def stapled(self, server):
        command = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.port("echo"), "-status"]
        run = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=30 * harness.SCALE)
        return b"OCSP Response Status: successful" in run.stdout

    def test_crl(self):
        self.put("crl-empty.pem", "crl.pem")
        server = self.serve_with(
            client={"verify": "require", "ca": str(CERTS / "ca.pem"), "crl": str(self.folder / "crl.pem")}
        )
        self.assertTrue(self.let_in(server, "client-revoked"))
        self.put("crl.pem", "crl.pem")
        self.renew(server)
        self.assertFalse(self.let_in(server, "client-revoked"))
        self.assertTrue(self.let_in(server, "client"))

    def test_ca(self):
        self.put("ca.pem", "trusted.pem")
        server = self.serve_with(client={"verify": "require", "ca": str(self.folder / "trusted.pem")})
        self.assertTrue(self.let_in(server, "client"))
        self.put("other-ca.pem", "trusted.pem")
        self.renew(server)
        self.assertFalse(self.let_in(server, "client"))
        self.assertTrue(self.let_in(server, "other-client"))

    def test_staple(self):
        self.put("staple-stale.der", "staple.der")
        server = self.serve_with(staple=str(self.folder / "staple.der"))
        self.assertFalse(self.stapled(server))
        self.put("staple-good.der", "staple.der")
        self.renew(server)
        self.assertTrue(self.stapled(server))
        self.put("staple-foreign.der", "staple.der")
        self.renew(server, count=2)
        self.assertFalse(self.stapled(server))
        self.assertTrue(any("tls.mine.staple" in text for text in server.messages()))

    def test_a_context_chosen_by_name(self):
        self.put_pair("server")
        self.put_pair("a", "other")
        server = self.serve(
            listener("echo", "tls://127.0.0.1:0", tls="mine", server_names={"a.example": "other"}),
            tls={"mine": self.pair(), "other": self.pair("other")},
        )
        _, address = server.address("echo")
        context = client_context(CERTS / "ca.pem")
        context.check_hostname = False

        def chain():
            with Stream(socket.create_connection(address), context, name="a.example") as client:
                client.exchange(b"hello", finish=True)
                return chain_served(client)

        self.assertEqual(chain(), chain_in("a.pem"))
        self.put_pair("b", "other")
        server.send_signal(signal.SIGHUP)
        server.wait_message("tls.other: renewed; certificate")
        self.assertEqual(chain(), chain_in("b.pem"))
        self.assertEqual(self.served(server), CHAINS["server"])


class Watch(Renewal):
    """Files that are watched are read when they have changed."""

    def test_certificate_and_key_one_after_the_other(self):
        server = self.serve_pair(reload="watch")
        self.put("server-2.pem", "tls.pem")
        server.wait_message("tls.mine.key: .*tls.key: it is not the key of .*tls.pem")
        server.wait_message("tls.mine: not renewed")
        self.assertEqual(self.served(server), CHAINS["server"])
        self.put("server-2.key", "tls.key")
        server.wait_message("tls.mine: renewed; certificate")
        self.assertEqual(self.served(server), CHAINS["server-2"])
        self.assertEqual(len([text for text in server.messages() if "not renewed" in text]), 1)

    def test_links_are_followed(self):
        """As Kubernetes mounts secrets: the folder that all links go through is another one, in one moment."""
        for name in ("server", "server-2"):
            (self.folder / name).mkdir()
            self.put_pair(name, f"{name}/tls")
        (self.folder / "..data").symlink_to("server")
        for name in ("tls.pem", "tls.key"):
            (self.folder / name).symlink_to(f"..data/{name}")
        server = self.serve(
            listener("echo", "tls://127.0.0.1:0", tls="mine"), tls={"mine": self.pair(reload="watch")}
        )
        self.assertEqual(self.served(server), CHAINS["server"])
        (self.folder / "..coming").symlink_to("server-2")
        os.replace(self.folder / "..coming", self.folder / "..data")
        server.wait_message("tls.mine: renewed; certificate")
        self.assertEqual(self.served(server), CHAINS["server-2"])

    def test_only_who_is_watched(self):
        """Both contexts have the same files; the other one waits for the signal."""
        self.put_pair("server")
        server = self.serve(
            listener("a", "tls://127.0.0.1:0", tls="a"),
            listener("b", "tls://127.0.0.1:0", tls="b"),
            tls={"a": self.pair(reload="watch"), "b": self.pair()},
        )
        self.put_pair("server-2")
        server.wait_message("tls.a: renewed; certificate")
        self.assertEqual(self.served(server, "a"), CHAINS["server-2"])
        self.assertEqual(self.served(server, "b"), CHAINS["server"])
        server.send_signal(signal.SIGHUP)
        server.wait_message("tls.b: renewed; certificate")
        self.assertEqual(self.served(server, "b"), CHAINS["server-2"])


if __name__ == "__main__":
    harness.main()
