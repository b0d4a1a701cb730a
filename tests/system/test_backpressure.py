#!/usr/bin/python3 -B
"""A client that sends and does not read makes the server stop reading it, not grow; others do not notice."""
import random
import select
import time

import harness
from harness import SANITIZER, SCALE, Case, listener

KIB, MIB = 1024, 1024 * 1024
GIB = 1024 * MIB
# A long period that is no multiple of any buffer's size: a byte out of place shows.
BLOCK = random.Random(5).randbytes(4 * MIB + 13)
# A sanitizer keeps freed memory back.
SLACK = (200 if SANITIZER else 6) * MIB


def stuff(client, limit, still=1.0):
    """Sends up to limit bytes until nothing has gone for a while; returns how many were taken."""
    sent = 0
    poll = select.poll()
    poll.register(client.sock, select.POLLOUT)
    while sent < limit:
        offset = sent % len(BLOCK)
        taken = client.send_some(memoryview(BLOCK)[offset : offset + min(256 * KIB, limit - sent)])
        sent += taken
        if not taken and not poll.poll(still * 1000 * min(SCALE, 3)):
            break
    return sent


def read_back(client, size):
    """Checks size bytes of the pattern."""
    got = 0
    deadline = time.monotonic() + 60 * SCALE
    while got < size:
        client.flush_some()
        data = client.receive_some()
        if data is None:
            client.wait(select.POLLIN, deadline)
            continue
        if not data:
            raise AssertionError(f"the stream ended after {got} of {size} bytes")
        view = memoryview(data)
        while view:
            offset = got % len(BLOCK)
            part = view[: len(BLOCK) - offset]
            if part != memoryview(BLOCK)[offset : offset + len(part)]:
                raise AssertionError(f"wrong bytes came back at {got}")
            got += len(part)
            view = view[len(part) :]


class Backpressure(Case):
    timeout_s = 90
    HIGH = 64 * KIB

    def check(self, bind, tls=None):
        server = self.serve(listener("echo", bind, buffers={"high": "64k", "low": "16k"}), threads=1)
        with server.connect("echo", tls=tls) as warm:
            warm.exchange(BLOCK, finish=True)
        before = server.memory()
        with server.connect("echo", tls=tls, receive_buffer=64 * KIB) as greedy, server.connect(
            "echo", tls=tls
        ) as other:
            sent = stuff(greedy, GIB)
            grown = server.memory() - before
            harness.comment(
                f"sent {sent / MIB:.1f} MiB before it blocked; the server grew by {grown / MIB:.2f} MiB"
            )
            self.assertLess(sent, GIB // 2, "the server never stopped reading")
            self.assertLess(grown, self.HIGH + SLACK)
            # Others on the same loop go on while it is stuck.
            for size in (1, 1000, 5 * MIB):
                other.exchange(BLOCK[:size])
            self.assertLess(server.memory() - before, self.HIGH + SLACK)
            # Then it reads, and every byte is there; and it can go on as if nothing had been.
            greedy.timeout = 60 * SCALE
            read_back(greedy, sent)
            greedy.exchange(BLOCK[:MIB], finish=True)

    def test_tcp(self):
        self.check("tcp://127.0.0.1:0")

    def test_unix(self):
        self.check("unix:echo.sock")

    def test_tls_1_2(self):
        self.check("tls://127.0.0.1:0", "1.2")

    def test_tls_1_3(self):
        self.check("tls://127.0.0.1:0", "1.3")

    def test_a_hundred_at_once(self):
        server = self.serve(
            listener("echo", "tcp://127.0.0.1:0", buffers={"high": "64k", "low": "16k"}), threads=2
        )
        before = server.memory()
        greedy = [server.connect("echo", receive_buffer=16 * KIB) for _ in range(100)]
        sent = [stuff(client, 64 * MIB, 0.02) for client in greedy]
        grown = server.memory() - before
        harness.comment(
            f"100 clients sent {sum(sent) / MIB:.0f} MiB; the server grew by {grown / MIB:.1f} MiB"
        )
        # Each may hold its mark, one read's worth above it, and little else.
        self.assertLess(grown, 100 * 4 * self.HIGH + SLACK)
        with server.connect("echo") as other:
            other.exchange(BLOCK, finish=True)
        for client in greedy:
            client.reset()
        server.wait_reason("reset", count=5)  # such lines are limited

    def test_the_tightest_marks_lose_nothing(self):
        tight = {"high": "2k", "low": "1k", "cap": "66k"}
        server = self.serve(
            listener("echo", "tcp://127.0.0.1:0", buffers=tight),
            # Each byte is answered with two.
            listener("lines", "tcp://127.0.0.1:0", "line", options={"delimiter": "any"}, buffers=tight),
            threads=1,
        )
        with server.connect("echo", receive_buffer=16 * KIB) as greedy:
            read_back(greedy, stuff(greedy, 32 * MIB))
        with server.connect("lines", receive_buffer=16 * KIB) as greedy:
            feeds = memoryview(b"\n" * (256 * KIB))
            sent, before = 0, time.monotonic()
            while time.monotonic() - before < 1:
                sent += greedy.send_some(feeds)
            wanted, got = 2 * sent, 0
            while got < wanted:
                got += len(greedy.receive(min(wanted - got, 256 * KIB)))
        self.assertFalse(server.ended("overflow"))


if __name__ == "__main__":
    harness.main()
