#!/usr/bin/python3 -B
"""Clients with certificates, clients that come back, and what a plugin is told about them."""
import os
import re
import shutil
import signal
import ssl
import subprocess

import harness
from harness import BUILDDIR, CERTS, SCALE, Case, listener
from stream import client_context

PLUGIN = BUILDDIR / "tests" / "system" / ".libs" / "tls_ask.so"
VERSIONS = ("1.2", "1.3")


def openssl(*arguments):
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, check=True, timeout=30 * SCALE
    ).stdout


class TlsCase(Case):
    def ask(self, context=None, client=None, **more):
        """A server with one listener whose plugin answers."""
        return self.serve(
            listener("ask", "tls://127.0.0.1:0", "tls_ask"),
            plugins=[str(PLUGIN)],
            tls={
                "default": {
                    "certificate": str(CERTS / "server.pem"),
                    "key": str(CERTS / "server.key"),
                    **({"client": client} if client else {}),
                    **(context or {}),
                }
            },
            **more,
        )

    def context(self, version, who=None):
        context = client_context(CERTS / "ca.pem", version)
        if who:
            context.load_cert_chain(CERTS / f"{who}.pem", CERTS / f"{who}.key")
        return context

    def question(self, client, line):
        client.send(line.encode() + b"\r\n")
        return client.receive_line().decode()

    def refused(self, server, version, who, alert):
        """TLS 1.3 tells a client only after it thinks that it is in."""
        with self.assertRaises(ssl.SSLError) as caught:
            with server.connect("ask", tls=self.context(version, who)) as client:
                self.question(client, "peer")
        self.assertIn(alert, str(caught.exception).lower().replace("_", " "))


class Certificates(TlsCase):
    def test_who_shows_a_good_one_comes_in_and_is_known(self):
        ca = {"verify": "require", "ca": str(CERTS / "ca.pem"), "crl": str(CERTS / "crl.pem")}
        server = self.ask(client=ca)
        digest = openssl("x509", "-in", CERTS / "client.pem", "-noout", "-fingerprint", "-sha256")
        serial = openssl("x509", "-in", CERTS / "client.pem", "-noout", "-serial").strip().split("=")[1]
        for version in VERSIONS:
            with server.connect("ask", tls=self.context(version, "client")) as client:
                told = self.question(client, "peer").split("|")
            self.assertEqual(
                told[:4],
                [
                    "verified",
                    "CN=client,O=plait development",
                    "CN=intermediate,O=plait development",
                    serial,
                ],
            )
            self.assertEqual(told[4], digest.strip().split("=")[1].replace(":", "").lower())
            self.assertLess(int(told[5]), int(told[6]))
        self.assertFalse(server.ended("tls-certificate"))

    def test_others_are_refused_and_the_log_says_why(self):
        ca = {"verify": "require", "ca": str(CERTS / "ca.pem"), "crl": str(CERTS / "crl.pem")}
        server = self.ask(client=ca)
        for number, version in enumerate(VERSIONS, 1):
            self.refused(
                server, version, None, "certificate required" if version == "1.3" else "handshake failure"
            )
            server.wait_message(r"tls-certificate .*has shown none", count=number)
            self.refused(server, version, "client-revoked", "certificate revoked")
            server.wait_message(r"tls-certificate .*certificate revoked: CN=revoked client", count=number)
            self.refused(server, version, "other-client", "unknown ca")
            server.wait_message(r"tls-certificate .*issuer certificate: CN=client", count=number)

    def test_one_that_is_optional_is_held_against_the_rules_too(self):
        server = self.ask(client={"verify": "optional", "ca": str(CERTS / "ca.pem")})
        for version in VERSIONS:
            with server.connect("ask", tls=self.context(version)) as client:
                self.assertEqual(self.question(client, "peer"), "none")
            self.refused(server, version, "other-client", "unknown ca")

    def test_the_names_of_issuers_are_sent(self):
        server = self.ask(client={"verify": "optional", "ca": str(CERTS / "ca.pem")})
        out = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port('ask')}"],
            input="",
            capture_output=True,
            text=True,
            timeout=30 * SCALE,
        ).stdout
        self.assertRegex(out, r"Acceptable client certificate CA names\s+O = plait development, CN = root")


class Resumption(TlsCase):
    def visit(self, server, context, session=None):
        """(the session to come back with, what the plugin is told of TLS and of the client)."""
        stream = server.connect("ask", tls=False)
        with stream:
            sock = stream.sock
            sock.settimeout(20 * SCALE)
            with context.wrap_socket(sock, server_hostname="localhost", session=session) as tls:
                tls.sendall(b"tls\r\npeer\r\n")
                reader = tls.makefile("rb")
                told = [reader.readline().decode().strip() for _ in range(2)]
                return tls.session, told

    def test_clients_come_back_and_are_known(self):
        for more in ({}, {"tickets": False}):
            server = self.ask(more, client={"verify": "require", "ca": str(CERTS / "ca.pem")})
            for version in VERSIONS:
                context = self.context(version, "client")
                session, first = self.visit(server, context)
                self.assertEqual(session.has_ticket, not more or version == "1.3")
                _, second = self.visit(server, context, session)
                self.assertRegex(first[0], "localhost none full$")
                self.assertRegex(second[0], "localhost none resumed$")
                self.assertEqual(first[1], second[1])
                self.assertRegex(second[1], "^verified.CN=client,")

    def test_who_was_revoked_meanwhile_does_not_come_back(self):
        crl = self.folder / "crl.pem"
        shutil.copyfile(CERTS / "crl-empty.pem", crl)
        server = self.ask(
            client={"verify": "require", "ca": str(CERTS / "ca.pem"), "crl": str(crl)},
        )
        kept = {}
        for version in VERSIONS:
            context = self.context(version, "client-revoked")
            kept[version] = context, self.visit(server, context)[0]
            self.assertRegex(self.visit(server, *kept[version])[1][0], "resumed$")
        shutil.copyfile(CERTS / "crl.pem", crl)
        server.send_signal(signal.SIGHUP)
        server.wait_message(r"renewed|read anew|adopted")
        for version in VERSIONS:
            with self.assertRaises((ssl.SSLError, ConnectionError, ValueError, AssertionError)):
                self.assertRegex(self.visit(server, *kept[version])[1][0], "(full|resumed)$")
        server.wait_message(r"tls-certificate .*certificate revoked: CN=revoked client", count=2)

    def test_servers_share_the_keys_of_a_file(self):
        keys = self.folder / "keys"
        keys.touch(0o600)
        keys.write_text(openssl("rand", "-base64", "80").replace("\n", "") + "\n")
        servers = [self.ask({"ticket_keys": str(keys)}) for _ in range(2)]
        stranger = self.ask()
        for version in VERSIONS:
            context = self.context(version)
            session, _ = self.visit(servers[0], context)
            self.assertRegex(self.visit(servers[1], context, session)[1][0], "resumed$")
            self.assertRegex(self.visit(stranger, context, session)[1][0], "full$")
        os.chmod(keys, 0o644)
        result = harness.plait("check", servers[0].file)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("tls.default.ticket_keys", result.stderr + result.stdout)


class Keys(TlsCase):
    """Both ends export the same: ours through a plugin, the other through OpenSSL's own client."""

    def export(self, server, version, *lines, label="EXPORTER-plait", length=48, more=()):
        """(what s_client exports, the plugin's answers)"""
        client = subprocess.Popen(
            [
                "openssl",
                "s_client",
                "-connect",
                f"127.0.0.1:{server.port('ask')}",
                "-servername",
                "localhost",
                f"-tls{version.replace('.', '_')}",
                "-keymatexport",
                label,
                "-keymatexportlen",
                str(length),
                "-ign_eof",
                *more,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        out, _ = client.communicate("".join(f"{line}\r\n" for line in (*lines, "end")).encode(), 30 * SCALE)
        text = out.decode(errors="replace")
        material = re.search(r"Keying material: ([0-9A-F]+)", text)
        self.assertTrue(material, text)
        return material.group(1), re.findall(r"^(?:[0-9A-F]{20,}|error -?\d+)(?=\r?$)", text, re.M)

    def test_the_keys_are_openssl_s(self):
        server = self.ask()
        for version in VERSIONS:
            theirs, ours = self.export(
                server, version, "export EXPORTER-plait 48", "export EXPORTER-other 48"
            )
            self.assertEqual(ours[0], theirs)
            self.assertNotEqual(ours[1], theirs)

    def test_the_binding_is_openssl_s(self):
        """TLS 1.3 takes no context for an empty one, as s_client does; TLS 1.2 does not, and needs an extension."""
        server = self.ask()
        theirs, ours = self.export(server, "1.3", "binding", label="EXPORTER-Channel-Binding", length=32)
        self.assertEqual(ours, [theirs])
        theirs, ours = self.export(server, "1.2", "binding", label="EXPORTER-Channel-Binding", length=32)
        self.assertEqual(len(ours[0]), 64)
        self.assertNotEqual(ours, [theirs])


if __name__ == "__main__":
    harness.main()
