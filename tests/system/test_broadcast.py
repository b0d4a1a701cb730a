#!/usr/bin/python3 -B
"""Broadcast with very many clients, who come and go, over TCP and TLS and four loops: every word arrives once
and in order, and who does not read never harms another."""
import collections
import contextlib
import random
import re
import select
import time

import harness
from harness import SANITIZER, SCALE, Case, listener

MIB = 1024 * 1024
MEMBERS = 1000
SENDERS = 40
ROUNDS = 15 if harness.LIGHTER == 1 else 6
MARK = b"\x01"  # ends each counted message and stands nowhere else


def welcomed(stream):
    """The number in a client's welcome. It is in the room then: who connects next comes after it, on any thread."""
    return int(re.search(rb"\d+", stream.receive_line()).group())


class Member:
    """A client in the crowd; collects what it hears."""

    def __init__(self, server, name):
        self.stream = server.connect(name, timeout=60)
        self.number = welcomed(self.stream)
        self.heard = bytearray(self.stream.kept)
        self.stream.kept.clear()
        self.marks = self.heard.count(MARK)

    def listen(self):
        data = self.stream.receive_some()
        if data:
            self.heard += data
            self.marks += data.count(MARK)
        elif data == b"":
            raise AssertionError(f"client {self.number} was disconnected")

    def said_by_others(self):
        """sender number -> the sequence numbers heard from it, in the order they came."""
        heard = collections.defaultdict(list)
        for line in bytes(self.heard).split(b"\r\n")[:-1]:
            match = re.fullmatch(rb"<(\d+)> m (\d+) (\d+) \.*\x01", line)
            if match:
                number, claimed, sequence = map(int, match.groups())
                if number != claimed:
                    raise AssertionError(f"what {claimed} said came as said by {number}")
                heard[number].append(sequence)
            elif not re.fullmatch(rb"<\d+> just passing \d+", line):
                raise AssertionError(f"client {self.number} heard {line[:200]!r}")
        return heard


class Crowd(Case):
    timeout_s = 120

    def test_1000_clients_who_come_and_go(self):
        more = {"options": {"room": "crowd", "welcome": "you are {number}", "backlog": "64m"}}
        server = self.serve(
            listener("tcp", "tcp://127.0.0.1:0", "broadcast", **more),
            listener("tls", "tls://127.0.0.1:0", "broadcast", **more),
            threads=4,
            log={"level": "info", "format": "json"},
        )
        rng = random.Random(4)
        members = [Member(server, ("tcp", "tls")[n % 2]) for n in range(MEMBERS)]
        self.assertEqual(len({member.number for member in members}), MEMBERS)
        poll = select.epoll()
        for member in members:
            poll.register(member.stream.sock, select.EPOLLIN)
        by_descriptor = {member.stream.sock.fileno(): member for member in members}
        senders = rng.sample(members[::2], SENDERS // 2) + rng.sample(members[1::2], SENDERS // 2)
        memory = server.memory()
        passers, left = [], []

        def listen(until, what):
            """Everybody listens until they have heard so many."""
            deadline = time.monotonic() + 60 * SCALE
            while not all(member.marks >= until - self.own(member, senders, until) for member in members):
                if time.monotonic() > deadline:
                    raise AssertionError(
                        f"{what}: someone has heard only {min(m.marks for m in members)} of {until}"
                    )
                for descriptor, _ in poll.poll(0.2, MEMBERS):
                    by_descriptor[descriptor].listen()
                for passer in passers:
                    passer.listen()

        for sequence in range(ROUNDS):
            for number, sender in enumerate(senders):
                dots = b"." * rng.choice((0, 10, 100, 1000))
                sender.stream.send(b"m %d %d %s\x01\r\n" % (sender.number, sequence, dots))
                if number % 10 == 0:
                    passer = Member(server, ("tcp", "tls")[(number // 10 + sequence) % 2])
                    passer.stream.send(b"just passing %d\r\n" % sequence)
                    passers.append(passer)
                if len(passers) > 12:
                    gone = passers.pop(rng.randrange(len(passers)))
                    left.append(gone)
                    rng.choice((gone.stream.close, gone.stream.reset))()
            if sequence % 3 == 2:
                listen(SENDERS * (sequence + 1), f"round {sequence}")
        listen(SENDERS * ROUNDS, "the end")
        grown = server.memory() - memory
        harness.comment(
            f"{MEMBERS} clients, {SENDERS * ROUNDS} messages, {len(left)} passers-by;"
            f" the server grew by {grown / MIB:.1f} MiB meanwhile"
        )
        self.assertLess(grown, (400 if SANITIZER else 64) * MIB)
        numbers = {sender.number for sender in senders}
        for member in members:
            heard = member.said_by_others()
            self.assertEqual(set(heard), numbers - {member.number})
            for number, sequences in heard.items():
                self.assertEqual(sequences, list(range(ROUNDS)), f"{member.number} heard {number} wrong")
        # Who came later hears each sender without a gap from the first word on.
        for passer in passers + left:
            for number, sequences in passer.said_by_others().items():
                self.assertEqual(
                    sequences,
                    list(range(sequences[0], sequences[0] + len(sequences))),
                    f"passer-by {passer.number} heard {number} wrong",
                )
        self.assertGreater(len(left), 20 if harness.LIGHTER == 1 else 5)
        for member in members:
            member.stream.sock.close()

    @staticmethod
    def own(member, senders, until):
        return until // SENDERS if member in senders else 0


class Room(Case):
    def rooms(self, *options, **more):
        return self.serve(
            *(
                listener(
                    f"chat{n}",
                    ("tcp://127.0.0.1:0", "tls://127.0.0.1:0")[n % 2],
                    "broadcast",
                    options=given,
                    **more,
                )
                for n, given in enumerate(options)
            ),
            threads=4,
        )

    def test_tcp_and_tls_hear_each_other(self):
        server = self.rooms({}, {})
        with server.connect("chat0") as tcp:
            self.assertEqual(welcomed(tcp), 1)
            with server.connect("chat1") as tls:
                self.assertEqual(welcomed(tls), 2)
                tcp.send(b"hello over there\r\n")
                self.assertEqual(tls.receive_line(), b"<1> hello over there")
                tls.send(b"hello yourself\n")
                self.assertEqual(tcp.receive_line(), b"<2> hello yourself")
                self.assertTrue(tls.quiet(0.2), "the sender heard itself")

    def test_options(self):
        server = self.rooms(
            {"room": "a", "welcome": ""},
            {"room": "b", "welcome": "", "echo_to_sender": True},
            {"room": "a", "welcome": "hi {number}, yes {number}"},
        )
        with server.connect("chat0") as first, server.connect("chat1") as other:
            self.assertTrue(first.quiet(0.3))
            with server.connect("chat2") as second:
                self.assertEqual(second.receive_line(), b"hi 2, yes 2")
                other.send(b"alone\r\n")
                self.assertEqual(other.receive_line(), b"<1> alone")
                self.assertTrue(first.quiet(0.2))
                second.send(b"word\r\n")
                self.assertEqual(first.receive_line(), b"<2> word")

    def test_stream_framing(self):
        server = self.rooms(*[{"framing": "stream", "welcome": "{number}", "backlog": "8m"}] * 2)
        with server.connect("chat0") as tcp:
            self.assertEqual(tcp.receive(1), b"1")
            with server.connect("chat1") as tls:
                self.assertEqual(tls.receive(1), b"2")
                data = random.Random(2).randbytes(3 * MIB)
                join = self.background(tcp.send, data)
                self.assertTrue(tls.receive(len(data)) == data)
                join()

    def test_a_message_too_long_ends_its_sender_alone(self):
        server = self.rooms({"max_message": "1k"}, {})
        with server.connect("chat0") as loud, server.connect("chat1") as quiet, server.connect(
            "chat0"
        ) as other:
            for client in (loud, quiet, other):
                client.receive_line()
            loud.send(b"x" * 1024 + b"\r\n")
            self.assertEqual(len(quiet.receive_line()), 1024 + 4)
            other.receive_line()
            loud.send(b"x" * 1025 + b"\r\n")
            loud.wait_end()
            server.wait_reason("message-too-long")
            other.send(b"peace\r\n")
            self.assertRegex(quiet.receive_line(), b"<[23]> peace")


class SlowReaders(Case):
    timeout_s = 90
    TOTAL = 4000 // harness.LIGHTER
    SIZE = 8000

    def speak(self, slow_reader, slow_kind):
        """One who never reads stands beside one who does; the latter hears every word, in order."""
        more = {
            "options": {"welcome": "{number}", "slow_reader": slow_reader, "backlog": "256k"},
            "buffers": {"high": "64k", "low": "16k"},
        }
        server = self.serve(
            listener("tcp", "tcp://127.0.0.1:0", "broadcast", **more),
            listener("tls", "tls://127.0.0.1:0", "broadcast", **more),
            threads=1,
        )
        # Each waits for its number before the next one comes.
        slow = server.connect(slow_kind, receive_buffer=16384, timeout=60)
        slow.receive_line()
        speaker = server.connect("tcp")
        speaker.receive_line()
        reader = server.connect("tls")
        reader.receive_line()
        memory = server.memory()
        grown = 0
        for sequence in range(self.TOTAL):
            speaker.send(b"%d %s\r\n" % (sequence, b"." * self.SIZE))
            if sequence % 8 == 7:
                for expected in range(sequence - 7, sequence + 1):
                    self.assertEqual(reader.receive_line().split()[:2], [b"<2>", b"%d" % expected])
            if sequence % 100 == 0:
                grown = max(grown, server.memory() - memory)
        harness.comment(
            f"{self.TOTAL * self.SIZE / MIB:.0f} MiB past a reader who does not read; the server grew by"
            f" {grown / MIB:.2f} MiB"
        )
        self.assertLess(grown, (100 if SANITIZER else 4) * MIB)
        return server, slow, speaker, reader

    def drop(self, kind):
        server, slow, speaker, reader = self.speak("drop", kind)
        # All told: what it gets and what it is told was dropped make up everything that was said, in order.
        got, dropped, last = 0, 0, -1
        while last < self.TOTAL - 1:
            line = slow.receive_line()
            told = re.fullmatch(rb"\*\*\* (\d+) messages? dropped", line)
            if told:
                dropped += int(told.group(1))
                continue
            sequence = int(line.split()[1])
            self.assertGreater(sequence, last)
            self.assertEqual(sequence, got + dropped, "a message is missing that was not told")
            got, last = got + 1, sequence
        self.assertEqual(got + dropped, self.TOTAL)
        self.assertGreater(dropped, 0)
        server.wait_message("messages dropped", kind)
        # It is a member like any other again.
        speaker.send(b"welcome back\r\n")
        self.assertEqual(slow.receive_line(), b"<2> welcome back")
        self.assertEqual(reader.receive_line(), b"<2> welcome back")
        for client in (slow, speaker, reader):
            client.close()

    def test_dropped_messages_over_tcp(self):
        self.drop("tcp")

    def test_dropped_messages_over_tls(self):
        self.drop("tls")

    def test_disconnected(self):
        server, slow, speaker, reader = self.speak("disconnect", "tls")
        server.wait_message("slow reader disconnected", "tls")
        with contextlib.suppress(AssertionError, OSError):
            slow.receive_to_end()
        for client in (slow, speaker, reader):
            client.close()


if __name__ == "__main__":
    harness.main()
