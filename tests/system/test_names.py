#!/usr/bin/python3 -B
"""Names and protocols in TLS: certificates by SNI, strict_sni, and one port with several protocols by ALPN."""
import re
import socket
import ssl
import subprocess

import harness
from harness import BUILDDIR, CERTS, SCALE, Case, listener, plait
from stream import Stream

PLUGIN = BUILDDIR / "tests" / "system" / ".libs" / "who.so"
NAMES = {"a.example": "ctx-a", "*.b.example": "ctx-b"}
# What a client asks for, and which certificate it is shown.
ASKED = (
    ("a.example", "a.example"),
    ("A.EXAMPLE", "a.example"),
    ("a.example.", "a.example"),
    ("one.b.example", "*.b.example"),
    ("Two.B.Example", "*.b.example"),
    ("b.example", "localhost"),
    ("one.two.b.example", "localhost"),
    ("localhost", "localhost"),
    ("unknown.example", "localhost"),
    (None, "localhost"),
)


def contexts(**changes):
    files = {"default": "server", "ctx-a": "a", "ctx-b": "b"}
    return {
        name: {
            "certificate": str(CERTS / f"{file}.pem"),
            "key": str(CERTS / f"{file}.key"),
            **changes.get(name.replace("-", "_"), {}),
        }
        for name, file in files.items()
    }


class Named(Case):
    def serve_names(self, _contexts=None, **more):
        more = {"protocol": "who", "server_names": NAMES, **more}
        return self.serve(
            listener("named", "tls://127.0.0.1:0", **more),
            plugins=["echo", "line", "broadcast", str(PLUGIN)],
            tls=_contexts or contexts(),
        )

    def client_context(self, alpn=None, version=None):
        context = ssl.create_default_context(cafile=CERTS / "ca.pem")
        context.check_hostname = False
        if alpn:
            context.set_alpn_protocols(alpn)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, server, name=None, alpn=None, version=None, context=None):
        sock = socket.create_connection(("127.0.0.1", server.port("named")), timeout=20 * SCALE)
        return Stream(sock, context or self.client_context(alpn, version), name=name, timeout=20 * SCALE)

    def shown(self, client):
        return client.tls.getpeercert()["subjectAltName"][0][1]

    def s_client(self, server, *args):
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port('named')}", *args],
            input=b"",
            capture_output=True,
            timeout=30 * SCALE,
        )

    def refused(self, server, alert, **how):
        """A client with one offer is refused with that alert."""
        with self.assertRaises(ssl.SSLError) as caught:
            self.connect(server, **how).close()
        self.assertIn(alert, str(caught.exception).lower().replace("_", " "))


class Names(Named):
    def test_each_name_has_its_certificate_and_the_plugin_sees_it(self):
        server = self.serve_names()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for name, certificate in ASKED:
                with self.subTest(name=name, version=version), self.connect(
                    server, name, version=version
                ) as client:
                    self.assertEqual(self.shown(client), certificate)
                    # Python itself writes a name in small letters.
                    expected = f"own name={name or '-'} alpn=-"
                    self.assertEqual(client.receive_line(b"\n").decode().lower(), expected.lower())

    def test_openssl_too(self):
        server = self.serve_names()
        for name, subject in (("a.example", b"a.example"), ("x.b.example", b"b.example")):
            result = self.s_client(server, "-servername", name, "-CAfile", CERTS / "ca.pem", "-verify_hostname", name)
            self.assertIn(b"Verify return code: 0 (ok)", result.stdout)
            self.assertIn(subject, result.stdout)

    def test_strictly_others_are_refused(self):
        server = self.serve_names(strict_sni=True)
        for name, certificate in ASKED:
            with self.subTest(name=name):
                if certificate == "localhost":
                    self.refused(server, "unrecognized name", name=name)
                else:
                    with self.connect(server, name) as client:
                        self.assertEqual(self.shown(client), certificate)
        server.wait_message(r'ended: tls-handshake \(unrecognized name: "unknown\.example" is none of server_names')
        server.wait_message(r"ended: tls-handshake \(unrecognized name: the client asks for none")

    def test_all_of_the_other_context_counts(self):
        """What of the default context would be seen if it did not: it speaks TLS 1.3 alone and wants certificates."""
        only_13 = {"min_version": "1.3", "client": {"verify": "require", "ca": str(CERTS / "ca.pem")}}
        only_12 = {"max_version": "1.2", "ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384", "groups": "P-384"}
        server = self.serve_names(contexts(default=only_13, ctx_a=only_12))
        with self.connect(server, "a.example") as client:
            self.assertEqual(client.tls.version(), "TLSv1.2")
            self.assertEqual(client.tls.cipher()[0], "ECDHE-ECDSA-AES256-GCM-SHA384")
            client.receive_line(b"\n")
        result = self.s_client(server, "-servername", "a.example")
        self.assertIn(b"Server Temp Key: ECDH, secp384r1", result.stdout)
        self.refused(server, "protocol version", name="localhost", version=ssl.TLSVersion.TLSv1_2)
        with self.connect(server, "localhost", version=ssl.TLSVersion.TLSv1_3) as client:
            with self.assertRaises(ssl.SSLError):
                client.receive_line(b"\n")

    def test_a_context_with_clients_certificates_among_others(self):
        verified = {"client": {"verify": "require", "ca": str(CERTS / "ca.pem")}}
        server = self.serve_names(contexts(ctx_a=verified))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.connect(server, "one.b.example", version=version) as client:
                client.receive_line(b"\n")
            with self.assertRaises(ssl.SSLError):
                with self.connect(server, "a.example", version=version) as client:
                    client.receive_line(b"\n")
            context = self.client_context(version=version)
            context.load_cert_chain(CERTS / "client.pem", CERTS / "client.key")
            with self.connect(server, "a.example", context=context) as client:
                client.receive_line(b"\n")

    def test_sessions_of_a_lax_context_do_not_open_a_strict_one(self):
        verified = {"client": {"verify": "require", "ca": str(CERTS / "ca.pem")}}
        server = self.serve_names(contexts(ctx_a=verified))
        for version in ("-tls1_2", "-tls1_3"):
            session = self.folder / f"session{version}"
            for name, resumed in (("x.b.example", True), ("y.b.example", False), ("localhost", False)):
                first = self.resume(server, version, "x.b.example", "-sess_out", session)
                self.assertIn("New, ", first)
                again = self.resume(server, version, name, "-sess_in", session)
                self.assertEqual("Reused, " in again, resumed, f"{version} {name}")
            self.resume(server, version, "x.b.example", "-sess_out", session)
            entered = self.resume(server, version, "a.example", "-sess_in", session)
            self.assertNotIn("Reused, ", entered)
            self.assertNotIn("name=a.example", entered)

    def resume(self, server, version, name, *args):
        """What a client prints that waits for the plugin's line, behind which its session has come."""
        process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port('named')}", version, "-servername", name]
            + list(map(str, args)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        out = b""
        while b" alpn=-\n" not in out:
            line = process.stdout.readline()
            if not line:
                break
            out += line
        rest = process.communicate(b"", timeout=30 * SCALE)[0]
        return (out + rest).decode(errors="replace")

    def test_10000_names_are_served(self):
        names = {f"host-{number}.example": ("ctx-a", "ctx-b")[number % 2] for number in range(10000)}
        server = self.serve_names(server_names=names)
        for number in (0, 1, 4999, 9998, 9999):
            with self.connect(server, f"host-{number}.example") as client:
                self.assertEqual(self.shown(client), ("a.example", "*.b.example")[number % 2])


ALPN = {
    "chat/1": {"protocol": "who", "options": {"word": "chat"}},
    "line": {"protocol": "line", "options": {"reply": "a line"}},
    "echo": {"protocol": "echo"},
    "closed": {"protocol": "who", "options": {"word": "refuse"}},
}


class Protocols(Named):
    def test_one_port_has_several_protocols(self):
        server = self.serve_names(alpn=ALPN)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.connect(server, "a.example", ["chat/1"], version) as client:
                self.assertEqual(client.tls.selected_alpn_protocol(), "chat/1")
                self.assertEqual(client.receive_line(b"\n"), b"chat name=a.example alpn=chat/1")
            with self.connect(server, None, ["line"], version) as client:
                client.send(b"hello\r\nyou\r\n")
                self.assertEqual(client.receive_line(), b"a line")
                self.assertEqual(client.receive_line(), b"a line")
            with self.connect(server, None, ["echo"], version) as client:
                client.exchange(bytes(range(256)) * 999, finish=True)

    def test_the_order_of_the_configuration_counts(self):
        server = self.serve_names(alpn=ALPN)
        with self.connect(server, None, ["h2", "echo", "line", "chat/1"]) as client:
            self.assertEqual(client.tls.selected_alpn_protocol(), "chat/1")
        with self.connect(server, None, ["echo", "line"]) as client:
            self.assertEqual(client.tls.selected_alpn_protocol(), "line")

    def test_who_offers_nothing_gets_the_listeners_own(self):
        server = self.serve_names(alpn=ALPN)
        with self.connect(server) as client:
            self.assertIsNone(client.tls.selected_alpn_protocol())
            self.assertEqual(client.receive_line(b"\n"), b"own name=- alpn=-")
            client.exchange(b"x" * 100000, finish=True)

    def test_nothing_in_common_is_refused(self):
        server = self.serve_names(alpn=ALPN)
        for version in ("-tls1_2", "-tls1_3"):
            result = self.s_client(server, version, "-alpn", "h2,http/1.1")
            self.assertIn(b"alert no application protocol", result.stderr)
        server.wait_message(
            r'ended: tls-handshake \(no application protocol: the client offers "h2", "http/1\.1"\)', count=2
        )
        result = self.s_client(server, "-alpn", "h2,echo")
        self.assertIn(b"ALPN protocol: echo", result.stdout)

    def test_the_protocol_that_was_chosen_may_refuse(self):
        server = self.serve_names(alpn=ALPN)
        client = self.connect(server, None, ["closed"])
        with self.assertRaises((ConnectionError, AssertionError)):
            client.receive_line(b"\n")
        client.sock.close()
        server.wait_reason("refused", "named")
        with self.connect(server, None, ["chat/1"]) as client:
            client.receive_line(b"\n")

    def test_above_the_limit_the_overflow_serves_whatever_was_agreed_on(self):
        server = self.serve_names(
            alpn=ALPN,
            limits={"connections": 1},
            overflow={"protocol": "who", "options": {"word": "full"}},
        )
        with self.connect(server, None, ["chat/1"]) as first:
            first.receive_line(b"\n")
            with self.connect(server, None, ["echo"]) as second:
                self.assertEqual(second.receive_line(b"\n"), b"full name=- alpn=echo")
            self.refused(server, "no application protocol", alpn=["h2"])

    def test_a_drain_ends_all_of_them(self):
        server = self.serve_names(alpn=ALPN)
        clients = [self.connect(server, None, [name]) for name in ("chat/1", "echo", "line")]
        clients.append(self.connect(server))
        clients[0].receive_line(b"\n")
        clients[-1].receive_line(b"\n")
        for client in clients[1:3]:
            client.send(b"x\r\n")
            client.receive_line()
        server.send_signal()
        for client in clients:
            client.receive_to_end()
            client.finish()
            client.sock.close()
        self.assertEqual(server.wait(), 0)


class Check(Named):
    def check(self, **more):
        more = {"protocol": "echo", **more}
        path = self.write_config(
            listener("named", more.pop("bind", "tls://127.0.0.1:0"), **more), tls=contexts()
        )
        return plait("check", path)

    def expect(self, *texts, **more):
        result = self.check(**more)
        self.assertNotEqual(result.returncode, 0, more)
        for text in texts:
            self.assertRegex(result.stderr, text)

    def test_good_ones_pass_and_use_their_contexts(self):
        result = self.check(server_names=NAMES, strict_sni=True, alpn={"echo": {"protocol": "echo"}})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("warning", result.stderr)

    def test_mistakes_are_told_at_their_place(self):
        self.expect(
            r':\d+:\d+: error: listeners\[0\]\.server_names\["a\.example"\]: found "ctx-aa"; did you mean "ctx-a"\?',
            server_names={"a.example": "ctx-aa", "*.b.example": "ctx-b"},
        )
        self.expect(
            r':\d+:\d+: error: listeners\[0\]\.server_names\["\*a\.example"\]: found "\*a\.example"; expected "\*" as',
            r':\d+:\d+: error: listeners\[0\]\.server_names\["10\.0\.0\.1"\]: found "10\.0\.0\.1", an address',
            r':\d+:\d+: error: listeners\[0\]\.server_names\["A\.example\."\]: found "A\.example\." for the second',
            server_names={
                "a.example": "ctx-a",
                "A.example.": "ctx-a",
                "*a.example": "ctx-a",
                "10.0.0.1": "ctx-b",
            },
        )
        self.expect(r"listeners\[0\]\.server_names: found an empty object", server_names={})
        self.expect(r'listeners\[0\]\.strict_sni: without "server_names" nobody could', strict_sni=True)
        self.expect(
            r'listeners\[0\]\.alpn\["chat/1"\]\.protocol: found "ecko"; did you mean "echo"\?',
            r'listeners\[0\]\.alpn\.none: the key "protocol" is missing',
            r'listeners\[0\]\.alpn\.line\.options\.max_length: found "x"',
            r"listeners\[0\]\.alpn\.echo\.options: the protocol \"echo\" has no options",
            alpn={
                "chat/1": {"protocol": "ecko"},
                "none": {},
                "line": {"protocol": "line", "options": {"max_length": "x"}},
                "echo": {"protocol": "echo", "options": {}},
            },
        )
        self.expect(r"found a name of 256 bytes; expected one of 1 to 255", alpn={"x" * 256: {"protocol": "echo"}})

    def test_without_tls_there_is_none_of_it(self):
        for more in ({"server_names": NAMES}, {"strict_sni": True}, {"alpn": {"echo": {"protocol": "echo"}}}):
            self.expect(
                rf"listeners\[0\]\.{next(iter(more))}: a tcp listener has no TLS", bind="tcp://127.0.0.1:0", **more
            )


if __name__ == "__main__":
    harness.main()
