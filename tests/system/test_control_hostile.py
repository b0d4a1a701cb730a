#!/usr/bin/python3 -B
"""Those who come to the control socket with what is no command, do not read, say nothing, or are many."""
import json
import random
import select
import socket

import harness
from control import Control, ControlCase
from harness import LIGHTER, SANITIZER, listener, wait_for

TCP = "tcp://127.0.0.1:0"
LONGEST = 16384


class Lines(ControlCase):
    def setUp(self):
        super().setUp()
        self.server = self.serve_control(listener("a", TCP))

    def test_what_is_no_command(self):
        cases = [
            (b"hello", "bad-json", "no JSON"),
            (b"{", "bad-json", "no JSON"),
            (b"[]", "bad-json", "found a"),
            (b"12", "bad-json", "found 12"),
            (b'"status"', "bad-json", "status"),
            (b"\xff\xfe", "bad-json", "no JSON"),
            (b"\0", "bad-json", "no JSON"),
            (b'{"v":1,"v":1,"command":"status"}', "bad-json", "duplicate"),
            (b'{"v":1,"command":"sta\\u0000tus"}', "bad-json", "no JSON"),
            (b"[" * LONGEST, "bad-json", "no JSON"),
            (b'{"a":' * (LONGEST // 5), "bad-json", "no JSON"),
            (b'{"v":1,"command":"status"} {}', "bad-json", "no JSON"),
            (b'{"command":"status"}', "bad-version", "found none"),
            (b'{"v":2,"command":"status"}', "bad-version", "found 2"),
            (b'{"v":"1","command":"status"}', "bad-version", '"v": 1'),
            (b'{"v":1}', "bad-argument", "found none"),
            (b'{"v":1,"command":null}', "bad-argument", "name of a command"),
            (b'{"v":1,"command":"statsu"}', "unknown-command", 'did you mean "status"?'),
            (b'{"v":1,"command":"\\u001b[2J"}', "unknown-command", '"help" lists them'),
            (b'{"v":1,"command":"status","x":1}', "bad-argument", '"x"'),
            (b'{"v":1,"command":"drain"}', "bad-argument", '"listener" is missing'),
            (b'{"v":1,"command":"drain","listner":"a"}', "bad-argument", 'did you mean "listener"'),
            (b'{"v":1,"command":"drain","listener":5}', "bad-argument", "found 5"),
            (b'{"v":1,"command":"drain","listener":""}', "bad-argument", "found \"\""),
            (b'{"v":1,"command":"connections","limit":1001}', "bad-argument", "1000"),
            (b'{"v":1,"command":"connections","limit":0}', "bad-argument", "found 0"),
            (b'{"v":1,"command":"connections","sort":"name"}', "bad-argument", '"age"'),
            (b'{"v":1,"command":"connections","listener":"\\ud83d\\ude00"}', "not-found", "no listener"),
            (b'{"v":1,"command":"kick","id":-1}', "bad-argument", "found -1"),
            (b'{"v":1,"command":"kick","id":1e300}', "bad-argument", "found 1"),
            (b'{"v":1,"command":"stop","now":"yes"}', "bad-argument", "found \"yes\""),
        ]
        with self.control() as peer:
            for line, code, text in cases:
                with self.subTest(line[:60]):
                    peer.send(line + b"\n")
                    answer = peer.line()
                    self.assertEqual((answer["v"], answer["ok"]), (1, False), answer)
                    self.assertEqual(answer["error"]["code"], code, answer)
                    self.assertIn(text, answer["error"]["text"])
                    self.assertNotIn("\x1b", answer["error"]["text"])
            self.assertTrue(peer.ask("status")["ok"])

    def test_lines_in_pieces_and_together(self):
        status, help_ = b'{"v":1,"command":"status"}', b'{"v":1,"command":"help"}'
        with self.control() as peer:
            for byte in status + b"\r\n":
                peer.send(bytes([byte]))
            self.assertEqual(peer.line()["pid"], self.server.pid)
            peer.send(b"\n\n" + (status + b"\n" + help_ + b"\n") * 50 + b"   " + status + b"  \n")
            for _ in range(50):
                self.assertIn("pid", peer.line())
                self.assertIn("commands", peer.line())
            self.assertIn("pid", peer.line())

    def test_the_end_of_input_comes_after_the_answers(self):
        with self.control() as peer:
            peer.send(b'{"v":1,"command":"status"}\n' * 20)
            peer.sock.shutdown(socket.SHUT_WR)
            for _ in range(20):
                self.assertTrue(peer.line()["ok"])
            self.assertIsNone(peer.line())

    def test_lines_that_are_too_long(self):
        fits = b'{"v":1,"command":"status"}'.ljust(LONGEST)
        with self.control() as peer:
            peer.send(fits + b"\n")
            self.assertTrue(peer.line()["ok"])
        for line in (fits + b" \n", b"x" * (LONGEST + 1), b" " * (1 << 20)):
            with self.control() as peer:
                try:
                    peer.send(line)
                except ConnectionError:
                    continue
                self.assertEqual(peer.line()["error"]["code"], "bad-line")
                self.assertTrue(peer.has_ended())

    def test_random_lines(self):
        """Good ones with a few bytes changed: an answer each, or one that the line's end was lost."""
        rng = random.Random(6)
        commands = [
            b'{"v":1,"command":"connections","listener":"a","peer":"10.0.0.0/8","sort":"idle","limit":5}',
            b'{"v":1,"command":"kick","id":77,"state":"open"}',
            b'{"v":1,"command":"listeners"}',
            b'{"v":1,"command":"log-level","level":"debug"}',
        ]
        for _ in range(200 // LIGHTER):
            with self.control() as peer:
                for _ in range(10):
                    line = bytearray(rng.choice(commands))
                    for _ in range(rng.randrange(1, 4)):
                        line[rng.randrange(len(line))] = rng.choice(b'{}[]",:\\0123456789abcdefu\x00\x01\xc3\xff ')
                    peer.send(bytes(line) + b"\n")
                    self.assertEqual(peer.line()["v"], 1)
        self.good("status")


class Peers(ControlCase):
    def test_a_thousand_that_say_nothing(self):
        """Who comes takes the place of the one that was silent the longest; who works is served on."""
        server = self.serve_control(listener("a", TCP))
        with self.control() as worker:
            idle = []
            for number in range(1000):
                idle.append(Control(self.path))
                if number % 2:
                    idle[-1].send(b'{"v":1,')
                if number % 5 == 0:
                    self.assertTrue(worker.ask("status")["ok"])
            self.assertTrue(worker.ask("status")["ok"])
            self.good("status")
            readable = wait_for(
                lambda: (lambda ready: len(ready) >= 960 and ready)(
                    select.select([peer.sock for peer in idle], [], [], 0)[0]
                ),
                what="the end of most of them",
            )
            self.assertLess(len(readable), 1000)
            for peer in idle:
                peer.sock.close()
            self.assertTrue(worker.ask("status")["ok"])
        self.assertTrue(server.alive())

    def test_one_that_never_reads(self):
        server = self.serve_control(*[listener(f"l{i}", TCP) for i in range(50)])
        with self.control() as peer, self.control() as other:
            other.ask("status")
            before = server.memory()
            peer.sock.setblocking(False)
            sent = 0
            line = b'{"v":1,"command":"listeners"}\n' * 1000
            while select.select([], [peer.sock], [], 0.5)[1]:
                sent += peer.sock.send(line)
                self.assertLess(sent, 8 << 20, "it is read on and on")
                self.assertTrue(other.ask("status")["ok"])
            if not SANITIZER:  # which keeps what was freed
                self.assertLess(server.memory() - before, 4 << 20)
            self.assertTrue(other.ask("listeners")["ok"])
            peer.sock.setblocking(True)
            for _ in range(100):
                self.assertTrue(peer.line()["ok"])

    def test_those_who_leave_before_the_answer(self):
        server = self.serve_control(listener("a", TCP))
        for command in ("status", "connections", "reload", "listeners") * 25:
            with self.control() as peer:
                peer.send(json.dumps({"v": 1, "command": command}).encode() + b"\n")
        self.good("status")
        self.assertTrue(server.alive())


if __name__ == "__main__":
    harness.main()
