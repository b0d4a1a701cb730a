#!/usr/bin/python3 -B
"""Deadlines: who is idle is let go and who is busy is not; a close that the peer does not take ends all the same."""
import contextlib
import ssl
import time

import harness
from harness import SCALE, Case, listener

MIB = 1024 * 1024


class Idle(Case):
    def serve_both(self, idle):
        return self.serve(
            listener("tcp", "tcp://127.0.0.1:0", timeouts={"idle": idle}),
            listener("tls", "tls://127.0.0.1:0", timeouts={"idle": idle}),
        )

    def test_idle_clients_are_let_go(self):
        server = self.serve_both("600ms")
        for name in ("tcp", "tls"):
            with server.connect(name) as mute, server.connect(name) as client:
                client.exchange(b"a word")
                began = time.monotonic()
                mute.wait_end()
                client.wait_end()
                self.assertGreater(time.monotonic() - began, 0.3)
                self.assertLess(time.monotonic() - began, 5 * SCALE)
            server.wait_reason("timeout-idle", name, count=2)

    def test_a_word_now_and_then_is_enough(self):
        server = self.serve_both(f"{0.8 * SCALE}s")
        with server.connect("tcp") as tcp, server.connect("tls") as tls:
            for _ in range(6):
                time.sleep(0.3)
                tcp.exchange(b"still here")
                tls.exchange(b"still here")
        self.assertFalse(server.ended("timeout-idle"))

    def test_0_is_no_timeout(self):
        server = self.serve_both(0)
        with server.connect("tcp") as tcp, server.connect("tls") as tls:
            time.sleep(1)
            tcp.exchange(b"still here", finish=True)
            tls.exchange(b"still here", finish=True)


class Speech(Case):
    """Who opens a connection and then says nothing, or not enough."""

    def serve_both(self, protocol, **timeouts):
        return self.serve(
            listener("tcp", "tcp://127.0.0.1:0", protocol, timeouts=timeouts),
            listener("tls", "tls://127.0.0.1:0", protocol, timeouts=timeouts),
            plugins=["echo", "line"],
        )

    def test_who_says_nothing_is_let_go_and_who_did_is_not(self):
        server = self.serve_both("echo", first_byte="700ms")
        for name in ("tcp", "tls"):
            with server.connect(name) as early, server.connect(name) as mute:
                early.exchange(b"hello")
                mute.wait_end()
                early.exchange(b"still here", finish=True)
            server.wait_reason("timeout-first-byte", name)

    def test_who_dribbles_a_message_is_closed(self):
        """Byte after byte, each well before any timer that starts anew with it would have passed."""
        server = self.serve_both("line", message="1s", idle="10s")
        for name in ("tcp", "tls"):
            with server.connect(name) as good, server.connect(name) as client:
                good.send(b"hello\r\n")
                self.assertEqual(good.receive_line(), b"hello")
                client.send(b"one\r\n")
                self.assertEqual(client.receive_line(), b"one")
                with contextlib.suppress(OSError):
                    while not server.ended("timeout-message", name):
                        client.send(b"x")
                        time.sleep(0.05)
                server.wait_reason("timeout-message", name)
                good.send(b"still here\r\n")
                self.assertEqual(good.receive_line(), b"still here")

    def test_who_dribbles_a_tls_record_is_closed(self):
        """Nothing can be read before its end. The first of a connection, and one behind a message."""
        for greeting in (b"", b"one\r\n"):
            server = self.serve_both("line", message="1s", idle="10s")
            with server.connect("tls") as client:
                if greeting:
                    client.send(greeting)
                    self.assertEqual(client.receive_line(), b"one")
                client.tls.write(b"two\r\n" * 1000)
                record = client.outward.read()
                with contextlib.suppress(OSError):
                    for i in range(200):
                        if server.ended("timeout-message", "tls"):
                            break
                        client.sock.send(record[i : i + 1])
                        time.sleep(0.05)
                    else:
                        self.fail("it may dribble on")
                server.wait_reason("timeout-message", "tls")

    def test_who_dribbles_a_tls_record_is_closed_however_much_it_is_told(self):
        """What others say moves on its connection, and is nothing that it says itself."""
        server = self.serve(
            listener(
                "tls", "tls://127.0.0.1:0", "broadcast", timeouts={"message": "1s", "idle": "10s", "close": "1s"}
            ),
            plugins=["echo", "broadcast"],
        )
        with server.connect("tls") as good, server.connect("tls") as client:
            client.tls.write(b"two\r\n" * 1000)
            record = client.outward.read()
            with contextlib.suppress(OSError):
                for i in range(200):
                    if server.ended("timeout-message", "tls"):
                        break
                    good.send(b"hello\r\n")
                    client.sock.send(record[i : i + 1])
                    time.sleep(0.05)
                else:
                    self.fail("it may dribble on")
            server.wait_reason("timeout-message", "tls")

    def test_a_tls_record_in_parts_is_enough(self):
        server = self.serve_both("line", message=f"{SCALE}s", first_byte=f"{SCALE}s")
        with server.connect("tls") as client:
            for _ in range(6):
                client.tls.write(b"two\r\n")
                record = client.outward.read()
                client.sock.send(record[:9])
                time.sleep(0.4)
                client.sock.send(record[9:])
                self.assertEqual(client.receive_line(), b"two")
        self.assertFalse(server.ended("timeout-message"))


class Write(Case):
    def test_a_peer_who_takes_nothing_is_aborted_while_it_sends(self):
        """It goes on sending lines, as far as it can: the connection is not idle before it is blocked."""
        for scheme in ("tcp", "tls"):
            server = self.serve(
                listener("echo", f"{scheme}://127.0.0.1:0", timeouts={"write": "700ms", "idle": "1m"})
            )
            with server.connect("echo", receive_buffer=16384) as client:
                with contextlib.suppress(OSError):
                    for _ in range(64):
                        client.send(b"x" * MIB)
                server.wait_reason("timeout-write", "echo")


class Lifetime(Case):
    def test_a_life_ends_in_order(self):
        for scheme in ("tcp", "tls"):
            server = self.serve(
                listener("echo", f"{scheme}://127.0.0.1:0", timeouts={"lifetime": f"{0.8 * SCALE}s"})
            )
            with server.connect("echo") as client:
                client.exchange(b"hello")
                self.assertEqual(client.receive_to_end(), b"")  # an end, and no reset
            server.wait_message("^ended: lifetime", "echo")


class Close(Case):
    def test_a_peer_who_takes_nothing_is_aborted(self):
        for scheme in ("tcp", "tls"):
            server = self.serve(
                listener(
                    "lines",
                    f"{scheme}://127.0.0.1:0",
                    "line",
                    options={"max_length": "1k"},
                    buffers={"high": "16m", "low": "1m", "cap": "32m"},
                    timeouts={"close": "700ms"},
                )
            )
            with server.connect("lines", receive_buffer=16384) as client:
                client.send((b"x" * 1000 + b"\r\n") * (8 * MIB // 1002))
                began = time.monotonic()
                client.send(b"y" * 2000)
                server.wait_reason("timeout-close", "lines")
                self.assertGreater(time.monotonic() - began, 0.5)

    def test_an_end_that_came_along_with_the_last_bytes(self):
        server = self.serve(
            listener("lines", "tls://127.0.0.1:0", "line", options={"max_length": 10}, timeouts={"close": "1m"})
        )
        with server.connect("lines") as client:
            client.tls.write(b"much too long a line\r\n")
            with contextlib.suppress(ssl.SSLWantReadError):
                client.tls.unwrap()
            client.sock.setblocking(True)
            client.sock.settimeout(20 * SCALE)
            client.sock.sendall(client.outward.read())
            while client.sock.recv(65536):
                pass
        self.assertFalse(server.ended("timeout-close"))

    def test_a_peer_who_does_not_close_too_is_no_error(self):
        server = self.serve(
            listener(
                "lines", "tls://127.0.0.1:0", "line", options={"max_length": 10}, timeouts={"close": "500ms"}
            )
        )
        with server.connect("lines") as client:
            client.send(b"much too long a line\r\n")
            self.assertEqual(client.receive_to_end(), b"")
            server.wait_reason("message-too-long", "lines")
            server.wait_message("^ended: message-too-long", "lines")
        self.assertFalse(server.ended("timeout-close"))


if __name__ == "__main__":
    harness.main()
