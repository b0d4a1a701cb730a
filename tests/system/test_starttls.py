#!/usr/bin/python3 -B
"""TLS that begins on an open connection: with real clients, and with bytes that somebody put there before it."""
import smtplib
import socket
import ssl
import subprocess

import harness
from harness import BUILDDIR, CERTS, SCALE, Case, listener
from stream import client_context

PLUGIN = BUILDDIR / "tests" / "system" / ".libs" / "starttls.so"
GO_AHEAD = b"220 go ahead\r\n"
GREETING = b"220 localhost ESMTP\r\n"


class Plain:
    """A client in plain, byte by byte, that may go on under TLS."""

    def __init__(self, server, name="smtp"):
        family, address = server.address(name)
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(20 * SCALE)
        self.sock.connect(address)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def hear(self, expected):
        heard = b""
        while len(heard) < len(expected):
            some = self.sock.recv(len(expected) - len(heard))
            if not some:
                break
            heard += some
        if heard != expected:
            raise AssertionError(f"heard {heard!r} instead of {expected!r}")

    def ask(self, command, expected):
        self.sock.sendall(command + b"\r\n")
        self.hear(expected + b"\r\n")

    def secure(self, version=None):
        context = client_context(CERTS / "ca.pem", version)
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        return self.sock

    def all_that_comes(self):
        """To the end, be that a reset."""
        heard = b""
        try:
            while some := self.sock.recv(65536):
                heard += some
        except ConnectionResetError:
            pass
        return heard


class StartTls(Case):
    def setUp(self):
        super().setUp()
        if not PLUGIN.exists():
            self.skipTest("its plugin is not built here")

    def start(self, *names, bind="tcp://127.0.0.1:0", tls="default", **more):
        named = {"tls": tls} if tls else {}
        contexts = {
            name: {"certificate": str(CERTS / f"{file}.pem"), "key": str(CERTS / f"{file}.key")}
            for name, file in (("default", "server"), ("rsa", "server-rsa"))
        }
        return self.serve(
            listener("smtp", bind, "starttls", **named, **more), plugins=[str(PLUGIN)], tls=contexts
        )

    def check(self, server, version=None, name="smtp"):
        with Plain(server, name) as client:
            client.hear(GREETING)
            client.ask(b"NOOP", b"250 plain, 0 mails")
            client.ask(b"MAIL FROM:<a@example>", b"250 ok")
            client.ask(b"STARTTLS", b"220 go ahead")
            tls = client.secure(version)
            agreed = tls.version(), tls.getpeercert(True)
            # What was said in plain is forgotten, and the state is the truth.
            client.ask(b"NOOP", f"250 {tls.version()}, 0 mails".encode())
            client.ask(b"STARTTLS", b"503 that is done already")
            client.ask(b"QUIT", b"221 bye")
            self.assertEqual(client.all_that_comes(), b"")
            return agreed

    def test_both_versions(self):
        server = self.start()
        for version in ("1.2", "1.3"):
            self.assertEqual(self.check(server, version)[0], "TLSv" + version)
        server.wait_message("under TLS: TLSv1.2", "smtp")
        server.wait_message("TLS begun, TLSv1.3 TLS_", "smtp")
        server.wait_reason("closed", "smtp", 2)
        server.wait_message("lost under TLS: closed", "smtp", 2)

    def test_a_unix_socket(self):
        self.check(self.start(bind="unix:smtp.sock"))

    def test_in_a_later_turn(self):
        self.check(self.start(options={"late": True}))

    def test_smtplib(self):
        server = self.start()
        _, (host, port) = server.address("smtp")
        with smtplib.SMTP(host, port, timeout=20 * SCALE) as client:
            client.ehlo()
            self.assertTrue(client.has_extn("starttls"))
            # smtplib asks for the host that it connected to; the certificate is for that, too.
            client.starttls(context=client_context(CERTS / "ca.pem"))
            client.ehlo()
            self.assertFalse(client.has_extn("starttls"))
            self.assertRegex(client.noop()[1], b"TLSv1.3, 0 mails")

    def test_openssl(self):
        server = self.start()
        done = subprocess.run(
            ["openssl", "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{server.port('smtp')}"]
            + ["-CAfile", str(CERTS / "ca.pem"), "-verify_return_error", "-quiet", "-crlf"],
            input=b"NOOP\nQUIT\n",
            capture_output=True,
            timeout=30 * SCALE,
        )
        self.assertIn(b"250 TLSv1.3, 0 mails", done.stdout, done.stderr)
        self.assertIn(b"221 bye", done.stdout)

    def test_gnutls(self):
        server = self.start()
        done = subprocess.run(
            ["gnutls-cli", "--starttls-proto=smtp", "--x509cafile", str(CERTS / "ca.pem")]
            + ["--sni-hostname=localhost", "--verify-hostname=localhost", "--crlf"]
            + ["-p", str(server.port("smtp")), "127.0.0.1"],
            input=b"NOOP\nQUIT\n",
            capture_output=True,
            timeout=30 * SCALE,
        )
        self.assertIn(b"250 TLSv1.3, 0 mails", done.stdout, done.stderr)

    def test_another_context_by_its_name(self):
        for options, file in (({"context": "rsa"}, "server-rsa.pem"), ({}, "server.pem")):
            server = self.start(options=options)
            first = (CERTS / file).read_text().split("-----END")[0] + "-----END CERTIFICATE-----\n"
            self.assertEqual(self.check(server)[1], ssl.PEM_cert_to_DER_cert(first))

    def test_many_at_once(self):
        server = self.start()
        joins = [self.background(self.check, server) for _ in range(16)]
        for join in joins:
            join()
        server.wait_reason("closed", "smtp", 16)

    # ---- what came before TLS ----

    def ends_early(self, server, *segments):
        """Neither the answer nor anything behind STARTTLS: the client hears nothing but the end."""
        with Plain(server) as client:
            client.hear(GREETING)
            for segment in segments:
                client.sock.sendall(segment)
            self.assertEqual(client.all_that_comes(), b"")
        server.wait_message(r"ended: tls-early \(bytes came before TLS began", "smtp")
        server.wait_message("lost in plain: tls-early", "smtp")
        self.assertFalse([text for text in server.messages() if "EVIL" in text])
        self.check(server)

    def test_a_command_in_the_same_segment(self):
        self.ends_early(self.start(), b"STARTTLS\r\nMAIL FROM:<EVIL>\r\n")

    def test_half_a_command_in_the_same_segment(self):
        self.ends_early(self.start(), b"STARTTLS\r\nMAIL FROM:<EV")

    def test_a_client_hello_in_the_same_segment(self):
        inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_context(CERTS / "ca.pem").wrap_bio(inward, outward, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        self.ends_early(self.start(), b"STARTTLS\r\n" + outward.read())

    def after_the_answer(self, *segments):
        """Whoever put bytes between the answer and the ClientHello has no handshake, and is told no answer."""
        server = self.start()
        with Plain(server) as client:
            client.hear(GREETING)
            client.ask(b"STARTTLS", b"220 go ahead")
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                for segment in segments:
                    client.sock.sendall(segment)  # the server may have ended it before the last
                client.secure()
        server.wait_message("lost in plain: tls-handshake", "smtp")
        self.assertFalse([text for text in server.messages() if "EVIL" in text])
        self.check(server)

    def test_a_command_in_the_next_segment(self):
        self.after_the_answer(b"MAIL FROM:<EVIL>\r\n")

    def test_a_command_in_pieces(self):
        self.after_the_answer(*(bytes([byte]) for byte in b"MAIL FROM:<EVIL>\r\n"))

    def test_a_command_at_every_cut(self):
        """Wherever the segments end, the command behind STARTTLS is never seen, and never answered."""
        server = self.start()
        text = b"STARTTLS\r\nMAIL FROM:<EVIL>\r\n"
        for cut in range(1, len(text)):
            with Plain(server) as client:
                client.hear(GREETING)
                client.sock.sendall(text[:cut])
                try:
                    client.sock.sendall(text[cut:])
                except ConnectionError:
                    pass
                heard = client.all_that_comes()
                # The answer may have left before the second segment came; then what comes is an alert at most.
                self.assertIn(heard[: len(GO_AHEAD)], (b"", GO_AHEAD), cut)
                self.assertNotIn(b"250", heard)
        self.assertFalse([line for line in server.messages() if "EVIL" in line])

    def test_a_client_that_says_nothing_more(self):
        server = self.start(timeouts={"handshake": "300ms"})
        with Plain(server) as client:
            client.hear(GREETING)
            client.ask(b"STARTTLS", b"220 go ahead")
            self.assertEqual(client.all_that_comes(), b"")
        server.wait_message("lost in plain: timeout-handshake", "smtp")

    def test_too_many_handshakes(self):
        """Those who begin TLS are counted from then on, and no longer than their handshake takes."""
        server = self.start(limits={"handshakes": 2})

        def begin():
            client = Plain(server)
            self.addCleanup(lambda: client.sock.close())
            client.hear(GREETING)
            client.sock.sendall(b"STARTTLS\r\n")
            return client

        for count in (1, 2):
            silent = [begin(), begin()]
            for client in silent:
                client.hear(GO_AHEAD)
            self.assertIn(begin().all_that_comes(), (b"", GO_AHEAD))
            server.wait_message("lost in plain: limit-handshakes", "smtp", count)
            silent[0].secure()  # who is done counts no more
            self.check(server)
            silent[1].sock.sendall(b"no ClientHello")  # nor who failed
            silent[1].all_that_comes()
            server.wait_message("lost in plain: tls-handshake", "smtp", count)
        server.stop()
        self.assertRegex("\n".join(server.messages()), "TLS handshakes that failed: 2 no-tls, 2 too-many")

    # ---- the configuration ----

    def refused(self, *listeners, **top):
        path = self.write_config(*listeners, plugins=[str(PLUGIN), "echo"], **top)
        done = harness.plait("check", path)
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr + done.stdout

    def test_a_context_that_is_not_there(self):
        contexts = self.config(listener("a", "tls://127.0.0.1:0"))["tls"]
        text = self.refused(listener("a", "tcp://127.0.0.1:0", "starttls"), tls=contexts)
        self.assertIn('the listener "a" has no TLS context; name one with its "tls"', text)
        text = self.refused(
            listener("a", "tcp://127.0.0.1:0", "starttls", tls="default", options={"context": "b"}),
            tls=contexts,
        )
        self.assertIn('there is no TLS context "b"', text)
        text = self.refused(listener("a", "tcp://127.0.0.1:0", "starttls", tls="defualt"), tls=contexts)
        self.assertIn('did you mean "default"', text)
        text = self.refused(listener("a", "tcp://127.0.0.1:0", "echo", tls="default"), tls=contexts)
        self.assertIn('a tcp listener has no TLS; take "tls" out, or bind it to tls://', text)
        text = self.refused(
            listener(
                "a", "tcp://127.0.0.1:0", "starttls", tls="default", alpn={"smtp": {"protocol": "starttls"}}
            ),
            tls=contexts,
        )
        self.assertIn("connections have their protocol already", text)

    def test_without_a_context_it_is_not_offered(self):
        server = self.start(tls=None, options={"optional": True})
        with Plain(server) as client:
            client.hear(GREETING)
            client.ask(b"EHLO me", b"250-localhost\r\n250 SIZE")
            client.ask(b"STARTTLS", b"220 go ahead")
            client.ask(b"NOOP", b"250 plain, 0 mails")
        server.wait_message("no TLS: -7", "smtp")

    def test_from_the_beginning_it_is_not_offered_again(self):
        server = self.serve(
            listener("smtp", "tls://127.0.0.1:0", "starttls"), plugins=[str(PLUGIN)]
        )
        with Plain(server) as client:
            client.secure()
            client.hear(GREETING)
            client.ask(b"EHLO me", b"250-localhost\r\n250 SIZE")
            client.ask(b"STARTTLS", b"503 that is done already")


if __name__ == "__main__":
    harness.main()
