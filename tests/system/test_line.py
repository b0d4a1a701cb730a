#!/usr/bin/python3 -B
"""The line plugin over sockets: its options, long pipelines, lines that are too long."""
import random

import harness
from harness import Case, listener


class Lines(Case):
    def line_server(self, bind="tcp://127.0.0.1:0", **options):
        return self.serve(listener("lines", bind, "line", options=options))

    def test_a_line_comes_back(self):
        server = self.line_server()
        with server.connect("lines") as client:
            for line in (b"hello", b"", b"\0\xff\x80", b"x" * 16384):
                client.send(line + b"\r\n")
                self.assertEqual(client.receive_line(), line)

    def test_10000_lines_in_one_write(self):
        for bind in ("tcp://127.0.0.1:0", "tls://127.0.0.1:0", "unix:lines.sock"):
            server = self.line_server(bind)
            lines = [b"line %d %s" % (number, b"." * (number % 77)) for number in range(10000)]
            with server.connect("lines") as client:
                client.exchange(b"".join(line + b"\r\n" for line in lines), finish=True)

    def test_lines_in_random_cuts(self):
        server = self.line_server()
        rng = random.Random(3)
        data = b"".join(
            rng.randbytes(rng.randrange(200)).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n"
            for _ in range(5000)
        )
        with server.connect("lines") as client:
            client.exchange(data, rng, finish=True)

    def test_byte_by_byte(self):
        server = self.line_server()
        with server.connect("lines") as client:
            for byte in b"slow\r\n":
                self.assertTrue(client.quiet(0.01))
                client.send(bytes([byte]))
            self.assertEqual(client.receive_line(), b"slow")

    def test_a_line_without_its_end_is_not_answered(self):
        server = self.line_server()
        with server.connect("lines") as client:
            client.send(b"whole\r\nhalf")
            client.finish()
            self.assertEqual(client.receive_to_end(), b"whole\r\n")

    def test_a_bare_lf_does_not_end_a_crlf_line(self):
        server = self.line_server()
        with server.connect("lines") as client:
            client.send(b"a\nb\rc\r\r\n")
            self.assertEqual(client.receive_line(), b"a\nb\rc\r")

    def test_delimiter_lf(self):
        server = self.line_server(delimiter="lf")
        with server.connect("lines") as client:
            client.send(b"a\r\nb\n")
            self.assertEqual(client.receive_line(b"\n"), b"a\r")
            self.assertEqual(client.receive_line(b"\n"), b"b")

    def test_delimiter_of_many_bytes(self):
        server = self.line_server(custom_delimiter="aab")
        with server.connect("lines") as client:
            client.send(b"xaaaabyaab")
            self.assertEqual(client.receive(10), b"xaaaabyaab")

    def test_delimiter_any(self):
        server = self.line_server(delimiter="any")
        with server.connect("lines") as client:
            client.send(b"one\ntwo\r\nthree\n")
            self.assertEqual([client.receive_line() for _ in range(3)], [b"one", b"two", b"three"])

    def test_a_fixed_reply(self):
        server = self.line_server(reply="noted")
        with server.connect("lines") as client:
            client.send(b"a\r\nb\r\n")
            self.assertEqual(client.receive(14), b"noted\r\nnoted\r\n")

    def test_a_reply_around_the_line(self):
        server = self.line_server(reply="you said: {line}!")
        with server.connect("lines") as client:
            client.send(b"a\r\n\r\n")
            self.assertEqual(client.receive_line(), b"you said: a!")
            self.assertEqual(client.receive_line(), b"you said: !")

    def test_no_reply(self):
        server = self.line_server(reply="")
        with server.connect("lines") as client:
            client.send(b"a\r\nb\r\n")
            self.assertTrue(client.quiet(0.2))
            client.finish()
            self.assertEqual(client.receive_to_end(), b"")

    def test_too_long_closes(self):
        server = self.line_server(max_length=100)
        for tail in (b"\r\n", b"", b" and more\r\nnext\r\n" * 1000):
            with server.connect("lines") as client:
                client.send(b"fits" * 25 + b"\r\n")
                self.assertEqual(client.receive_line(), b"fits" * 25)
                client.send(b"x" * 102 + tail)
                client.wait_end()
        server.wait_reason("message-too-long", "lines", count=3)
        with server.connect("lines") as client:
            client.exchange(b"others go on\r\n", finish=True)

    def test_too_long_answers_an_error(self):
        server = self.line_server(max_length=100, too_long="error")
        with server.connect("lines") as client:
            for size in (101, 102, 5000, 300_000):
                client.send(b"before\r\n" + b"x" * size + b"\r\nafter\r\n")
                self.assertEqual(client.receive_line(), b"before")
                answer = client.receive_line()
                self.assertTrue(answer.startswith(b"error"), answer[:100])
                self.assertIn(b"100", answer)
                self.assertEqual(client.receive_line(), b"after")

    def test_an_endless_line_costs_no_memory(self):
        server = self.line_server(max_length=1000, too_long="error")
        before = server.memory()
        with server.connect("lines") as client:
            for _ in range(64):
                client.send(b"x" * 1_000_000)
            self.assertLess(server.memory() - before, (100 if harness.SANITIZER else 4) * 1024 * 1024)
            client.send(b"\r\nafter\r\n")
            self.assertTrue(client.receive_line().startswith(b"error"))
            self.assertEqual(client.receive_line(), b"after")


if __name__ == "__main__":
    harness.main()
