#!/usr/bin/env python3
"""Other people's TLS clients against plait: full and resumed handshakes, each version, each kind of certificate.

Prints a table; exits 1 when a row of it is wrong. What is not installed is left out and said to be.
"""
import argparse
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from harness import BUILDDIR, CERTS, SCALE, Server  # noqa: E402
import tls_clients  # noqa: E402

VERSIONS = ("1.2", "1.3")
KEYS = {"ECDSA": "server", "RSA": "server-rsa"}
VERIFY = ("none", "optional", "require")
# What clients show, as the column has it: the files' name, and where that is welcome.
SHOWN = {
    "none": (None, ("none", "optional")),
    "good": ("client", ("optional", "require")),
    "other CA": ("other-client", ()),
    "revoked": ("client-revoked", ()),
}
# The alert that tells a client why it is not; without a certificate, TLS 1.2 has none of its own.
ALERTS = {"other CA": "unknown ca", "revoked": "certificate revoked"}
NO_CERTIFICATE = {"1.2": "handshake failure", "1.3": "certificate required"}
SUBJECT = "CN=client,O=plait development"  # of the good one
TIMEOUT_S = 20


def config():
    """A listener for each kind of server certificate and each way with clients' certificates, named KEY-VERIFY."""
    contexts, listeners = {}, []
    for key, file in KEYS.items():
        for verify in VERIFY:
            name = f"{key}-{verify}"
            contexts[name] = {"certificate": str(CERTS / f"{file}.pem"), "key": str(CERTS / f"{file}.key")}
            if verify != "none":
                contexts[name]["client"] = {
                    "verify": verify,
                    "ca": str(CERTS / "ca.pem"),
                    "crl": str(CERTS / "crl.pem"),
                }
            listeners.append({"name": name, "bind": "tls://127.0.0.1:0", "protocol": "hello", "tls": name})
    return {
        "threads": 1,
        "log": {"level": "info", "format": "json"},
        "plugins": [str(BUILDDIR / "tests" / "interop" / ".libs" / "hello.so")],
        "tls": contexts,
        "listeners": listeners,
    }


class Row:
    """One line of the table: a client, and how it went."""

    def __init__(self, client, version, key, verify, shown):
        self.client, self.version, self.key, self.verify, self.shown = client, version, key, verify, shown
        self.full = self.resumed = self.trouble = ""

    def welcome(self):
        return self.verify in SHOWN[self.shown][1]

    def alerts(self):
        """Those that may refuse it, as far as the client can tell them apart."""
        return [ALERTS.get(self.shown) or NO_CERTIFICATE[self.version]] if self.client.tells_alerts else ["alert"]

    def judge(self, answers):
        """Whether the server saw what was meant: this version, first a full handshake, then a resumed one."""
        cipher = self.full = self.resumed = ""
        for answer, wanted in zip(answers, ("full", "resumed")):
            words = answer.split(maxsplit=4)
            cipher = cipher or words[2]
            setattr(self, wanted, words[3])
            if [words[1], *words[3:]] != [f"TLSv{self.version}", wanted, SUBJECT if self.shown == "good" else "-"]:
                self.trouble = f"not {wanted} TLS {self.version}: {answer}"
        if len(answers) != 2:
            self.trouble = f"{len(answers)} answers in place of two"
        self.full = f"{self.full} {cipher}"

    def play(self, server, folder):
        file = SHOWN[self.shown][0]
        target = tls_clients.Target(
            server.port(f"{self.key}-{self.verify}"),
            self.version,
            CERTS / "ca.pem",
            (str(CERTS / f"{file}.pem"), str(CERTS / f"{file}.key")) if file else None,
            folder,
            TIMEOUT_S * SCALE,
        )
        try:
            answers = self.client.rounds(target)
        except tls_clients.Refused as refusal:
            alert = tls_clients.alert(str(refusal))
            if self.welcome() or alert not in self.alerts():
                self.trouble = f"refused: {refusal}"
            else:
                self.full, self.resumed = f"refused: {alert}", "-"
            return
        except Exception as error:  # what a client does must not end the others' rows
            self.trouble = f"{type(error).__name__}: {error}"
            return
        if self.welcome():
            self.judge(answers)
        else:
            self.trouble = f"let in: {answers[0]}"

    def cells(self):
        verify = f"{self.verify}, {'shows none' if self.shown == 'none' else self.shown}"
        end = ["FAILED", self.trouble] if self.trouble else [self.full, self.resumed]
        return [self.client.name, self.version, self.key, "none" if self.verify == "none" else verify, *end]


def rows(clients, short):
    for client in clients:
        for version in VERSIONS:
            for key in KEYS:
                for verify in VERIFY:
                    for shown in SHOWN:
                        if verify == "none" and shown != "none":
                            continue  # nobody asks for it
                        # What is short: with ECDSA no certificate, with RSA a good one and none where one must be.
                        mark = (key, verify, shown)
                        if short and mark not in (
                            ("ECDSA", "none", "none"),
                            ("RSA", "require", "good"),
                            ("RSA", "require", "none"),
                        ):
                            continue
                        yield Row(client, version, key, verify, shown)


HEAD = ["client", "TLS", "key", "client certificate", "full", "resumed"]


def line(cells, widths):
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()


def play(names=(), short=False, tell=print):
    """Plays the rows and tells the table line by line. Returns (rows, [(client, why it is left out)])."""
    chosen = [
        client
        for client in tls_clients.CLIENTS
        if not names or any(name.lower() in client.name.lower() for name in names)
    ]
    present = [client for client in chosen if not client.missing()]
    left_out = [(client, client.missing()) for client in chosen if client.missing()]
    played = list(rows(present, short))
    widths = [max([len(client.name) for client in chosen] + [6]), 3, 5, 20, 34, 7]
    tell(line(HEAD, widths))
    with tempfile.TemporaryDirectory(prefix="plait-") as folder:
        server = Server(folder, config())
        try:
            server.wait_ready()
            for row in played:
                row.play(server, folder)
                tell(line(row.cells(), widths))
            server.stop()
        finally:
            server.kill()
            if any(row.trouble for row in played):
                for record in server.log().splitlines()[-40:]:
                    tell(f"| {record[:300]}")
    return played, left_out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--short", action="store_true", help="only what make check plays")
    parser.add_argument("client", nargs="*", help="part of a client's name; without one, all")
    arguments = parser.parse_args()
    began = time.monotonic()
    played, left_out = play(arguments.client, arguments.short)
    failed = [row for row in played if row.trouble]
    print()
    print("versions:", ", ".join(f"{c.name} {c.version()}" for c in tls_clients.CLIENTS if not c.missing()))
    for client, reason in left_out:
        print(f"left out: {client.name}: {reason}")
    print(f"{len(played)} rows, {len(failed)} failed, {len(left_out)} clients left out, "
          f"{time.monotonic() - began:.0f} s")
    return 1 if failed or not played else 0


if __name__ == "__main__":
    sys.exit(main())
