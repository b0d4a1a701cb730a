#!/usr/bin/python3 -B
"""Policies: rates that slow and lose nothing, on all loops together; and a protocol for those who find no room."""
import contextlib
import os
import random
import signal
import socket
import time
import unittest

import harness
from control import ControlCase
from harness import Case, listener, receive, wait_for
from reload import Reload

KIB = 1024


class Rates(Case):
    CLIENTS = 4
    EACH = 384 * KIB
    LIMITS = ({"read_rate": "256k"}, {"write_rate": "256k"}, {"read_rate": "512k", "write_rate": "256k"})

    def test_all_is_slower_and_nothing_is_lost(self):
        """1.5 MiB through listeners that may move 256 KiB a second: four seconds' worth may come at once, and is paid for
        before the rest."""
        server = self.serve(
            *(
                listener(f"{scheme}{i}", f"{scheme}://127.0.0.1:0", limits=limits, timeouts={"idle": "1s"})
                for scheme in ("tcp", "tls")
                for i, limits in enumerate(self.LIMITS)
            ),
            threads=2,
        )

        def one(name, seed):
            rng = random.Random(seed)
            with server.connect(name, timeout=60) as client:
                client.exchange(rng.randbytes(self.EACH // 2), rng)
                client.exchange(rng.randbytes(self.EACH // 2), rng, finish=True)
            took[name] = time.monotonic() - began

        took, began = {}, time.monotonic()
        for join in [self.background(one, name, i) for name in server.names for i in range(self.CLIENTS)]:
            join()
        for name in server.names:
            self.assertGreater(took[name], 1, name)
        harness.comment(", ".join(f"{name} {seconds:.1f} s" for name, seconds in sorted(took.items())))
        self.assertFalse(server.ended("timeout-idle"))
        self.assertFalse(server.ended("overflow"))


class Overflow(Case):
    def serve_small(self, scheme):
        return self.serve(
            listener(
                "small",
                f"{scheme}://127.0.0.1:0",
                limits={"connections": 2},
                overflow={"protocol": "line", "options": {"reply": "busy"}, "connections": 1},
            ),
            plugins=["echo", "line"],
            threads=3,
        )

    def test_one_more_is_served_by_another_protocol_and_then_none(self):
        for scheme in ("tcp", "tls"):
            server = self.serve_small(scheme)
            with contextlib.ExitStack() as stack:
                first, second = (stack.enter_context(server.connect("small")) for _ in range(2))
                first.exchange(b"hello\r\n")
                second.exchange(b"hello\r\n")
                third = stack.enter_context(server.connect("small"))
                third.send(b"hello\r\n")
                self.assertEqual(third.receive_line(), b"busy")
                with self.assertRaises(OSError), server.connect("small") as fourth:
                    fourth.send(b"hello\r\n")
                    fourth.receive(1)
                    raise ConnectionError("it was let in and ended")
                server.wait_message("limit-connections", "small")
                # The one of the overflow counts: who takes the place of the first is above the limit as well.
                first.finish()
                first.wait_end()
                server.wait_reason("peer-closed", "small")
                fifth = stack.enter_context(server.connect("small"))
                fifth.send(b"hello\r\n")
                self.assertEqual(fifth.receive_line(), b"busy")
                second.exchange(b"still here\r\n")


class Access(ControlCase):
    """Everybody on this machine has as many addresses as wanted: 127.0.0.1, 127.0.0.2 and so on."""

    def come(self, server, name, host):
        """Whether somebody with that address is served."""
        family, address = server.address(name)
        with socket.socket(family) as sock:
            sock.bind((host, 0))
            sock.settimeout(20)
            try:
                sock.connect(address)
                sock.sendall(b"hello")
                return receive(sock, 5) == b"hello"
            except ConnectionResetError:
                return False

    def hears(self, server, name, host):
        """Whether a datagram from that address is answered; one that is comes behind it."""
        family, address = server.address(name)
        with socket.socket(family, socket.SOCK_DGRAM) as mute, socket.socket(family, socket.SOCK_DGRAM) as good:
            mute.bind((host, 0))
            good.bind(("127.0.0.9", 0))
            good.settimeout(20)
            mute.sendto(b"may I", address)
            good.sendto(b"hello", address)
            self.assertEqual(good.recv(100), b"hello")
            mute.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                return mute.recv(100) == b"may I"
            return False

    def test_who_may_not_come_is_reset_or_not_heard(self):
        lists = {"deny": ["127.0.0.2", "!127.0.0.4", "127.0.0.4/30"], "allow": ["127.0.0.0/28", "::1"]}
        for host in ("127.0.0.1", "[::]"):
            server = self.serve(
                listener("tcp", f"tcp://{host}:0", **lists), listener("udp", f"udp://{host}:0", **lists), threads=2
            )
            may = {"1": True, "2": False, "3": True, "4": True, "5": False, "7": False, "8": True, "16": False}
            for last, expected in may.items():
                # On [::] these are mapped.
                server_host = "127.0.0.1" if host == "[::]" else None
                server.address = self.mapped(server, server_host) if server_host else server.address
                self.assertEqual(self.come(server, "tcp", f"127.0.0.{last}"), expected, last)
                self.assertEqual(self.hears(server, "udp", f"127.0.0.{last}"), expected, last)
            server.wait_message("^denied: ", "tcp", count=4)

    @staticmethod
    def mapped(server, host):
        return lambda name: (socket.AF_INET, (host, server.port(name)))

    def test_datagrams_that_are_not_heard_are_counted(self):
        server = self.serve_control(listener("udp", "udp://127.0.0.1:0", deny=["127.0.0.2", "127.0.0.4"]))
        for last, refused in ((2, 1), (3, 1), (4, 2)):
            self.hears(server, "udp", f"127.0.0.{last}")
            self.assertEqual(self.good("status")["datagrams"]["refused"], refused)
        self.assertIn(", refused 2\n", self.run_plait("status", server.file))

    def test_tls_is_not_begun_with_who_may_not_come(self):
        server = self.serve(listener("tls", "tls://127.0.0.1:0", deny=["all"]))
        with self.assertRaises(OSError), server.connect("tls") as client:
            client.receive(1)
        server.wait_message("^denied: ", "tls")

    def test_a_file_of_many_and_a_change_of_it(self):
        file = self.folder / "lists" / "bad.txt"
        file.parent.mkdir()
        many = "".join(f"10.{i // 32768}.{i // 128 % 256}.{i % 128 * 2} # number {i}\n" for i in range(100000))
        file.write_text("# who may not come\n\n127.0.0.2\n" + many + "127.0.0.5")
        server = self.serve(listener("tcp", "tcp://127.0.0.1:0", deny=["file:lists/bad.txt"]))
        self.assertFalse(self.come(server, "tcp", "127.0.0.2"))
        self.assertTrue(self.come(server, "tcp", "127.0.0.3"))
        self.assertFalse(self.come(server, "tcp", "127.0.0.5"))  # the last line, which no line break ends
        with server.connect("tcp") as old:
            old.exchange(b"hello")
            # Only the file changes, and who is there stays.
            fresh = file.with_suffix(".fresh")
            fresh.write_text("127.0.0.1\n127.0.0.3\n")
            os.replace(fresh, file)
            server.send_signal(signal.SIGHUP)
            server.wait_message("^reload: tcp: changed: .*the files of its addresses")
            wait_for(lambda: self.come(server, "tcp", "127.0.0.2"), what="the new list")
            self.assertFalse(self.come(server, "tcp", "127.0.0.3"))
            self.assertFalse(self.come(server, "tcp", "127.0.0.1"))
            # What is wrong changes nothing.
            fresh.write_text("127.0.0.2\n127.0.0.300\n")
            os.replace(fresh, file)
            server.send_signal(signal.SIGHUP)
            server.wait_message(r'bad\.txt:2:1: .*found "127\.0\.0\.300"')
            server.wait_message("^not reloaded")
            self.assertTrue(self.come(server, "tcp", "127.0.0.2"))
            old.exchange(b"still here")


class Over(Reload):
    """What becomes of newcomers when there is no room."""

    def test_who_waits_in_the_backlog_is_served_when_there_is_room(self):
        for scheme, accept in (("tcp", "least-loaded"), ("tls", "least-loaded"), ("tcp", "reuseport")):
            server = self.serve(
                listener("small", f"{scheme}://127.0.0.1:0", limits={"connections": 3, "over": "wait"}),
                threads=3,
                accept=accept,
            )

            def one(number):
                with server.connect("small", timeout=60) as client:
                    client.exchange(b"hello from %d" % number, finish=True)

            with contextlib.ExitStack() as stack:
                first = [stack.enter_context(server.connect("small")) for _ in range(3)]
                for client in first:
                    client.exchange(b"hello")
                joins = [self.background(one, number) for number in range(40)]
                server.wait_message("^newcomers wait", "small")
                for client in first:
                    client.exchange(b"still here")
                    client.finish()
                    client.wait_end()
            for join in joins:
                join()
            self.assertFalse([text for text in server.messages() if text.startswith("limit-")])

    def test_nobody_waits_as_long_as_nobody_comes(self):
        server = self.serve(listener("small", "tcp://127.0.0.1:0", limits={"connections": 1, "over": "wait"}))
        with server.connect("small") as first:
            first.exchange(b"hello")
            first.exchange(b"still here")  # by then the loop has looked for the next
            self.assertFalse([text for text in server.messages() if text.startswith("newcomers wait")])
            with server.connect("small") as second:
                server.wait_message("^newcomers wait", "small")
                first.finish()
                first.wait_end()
                second.exchange(b"hello")

    def test_who_waits_is_served_when_more_are_allowed(self):
        settings = {"connections": 1, "over": "wait"}
        server = self.serve(listener("small", "tcp://127.0.0.1:0", limits=settings))
        with server.connect("small") as first, server.connect("small") as second:
            first.exchange(b"hello")
            second.send(b"hello")
            server.wait_message("^newcomers wait", "small")
            self.reload(server, {**server.config["listeners"][0], "limits": {"connections": 2, "over": "wait"}})
            self.assertEqual(second.receive(5), b"hello")
            first.exchange(b"still here")

    def test_handshakes_wait_too(self):
        server = self.serve(listener("tls", "tls://127.0.0.1:0", limits={"handshakes": 1, "over": "wait"}))
        family, address = server.address("tls")
        with socket.socket(family) as mute:
            mute.connect(address)  # and never begins
            join = self.background(lambda: server.exchange("tls", True, random.Random(1), [10], 100))
            server.wait_message("^newcomers wait", "tls")
            mute.close()
            join()
        self.assertFalse(server.ended("limit-handshakes"))

    def test_a_rate_spreads_who_waits(self):
        server = self.serve(
            listener("slow", "tcp://127.0.0.1:0", limits={"accept_rate": 50, "accept_burst": 1, "over": "wait"})
        )
        began = time.monotonic()
        joins = [
            self.background(lambda: server.exchange("slow", False, random.Random(1), [], 10)) for _ in range(30)
        ]
        for join in joins:
            join()
        self.assertGreater(time.monotonic() - began, 29 / 50)

    @unittest.skipIf("PLAIT_TEST_PRELOAD" in os.environ, "it is said once: who is refused is not waited for")
    def test_a_message_tells_why(self):
        text = "too many of you; come again later\r\n"
        limits = {"connections": 1, "over": "message", "over_message": text}
        server = self.serve(
            listener("tcp", "tcp://127.0.0.1:0", limits=limits),
            listener("unix", f"unix:{self.folder}/s", limits=limits),
        )
        for name in ("tcp", "unix"):
            with server.connect(name) as first:
                first.exchange(b"hello")
                with server.connect(name) as second:
                    with contextlib.suppress(OSError):
                        second.send(b"hello")
                    self.assertEqual(second.receive_to_end(), text.encode())
                server.wait_message("^limit-connections", name)

    def test_the_server_counts_all_its_listeners(self):
        server = self.serve(
            listener("a", "tcp://127.0.0.1:0"), listener("b", "tls://127.0.0.1:0"), limits={"connections": 2}
        )
        with server.connect("a") as a, server.connect("b") as b:
            a.exchange(b"hello")
            b.exchange(b"hello")
            for name in ("a", "b"):
                with self.assertRaises(OSError), server.connect(name) as third:
                    third.receive(1)
                    raise ConnectionError("it was let in and ended")
                server.wait_message("^limit-server", name)
            a.finish()
            a.wait_end()
            server.wait_reason("peer-closed", "a")

            def comes_in():
                with contextlib.suppress(OSError), server.connect("b") as fourth:
                    fourth.exchange(b"hello")
                    return True
                return False

            wait_for(comes_in, what="a place to be free")

    def test_a_reload_changes_how_many_the_server_has(self):
        server = self.serve(listener("a", "tcp://127.0.0.1:0"), limits={"connections": 1})
        with server.connect("a") as first:
            first.exchange(b"hello")
            self.reload(server, limits={"connections": 2})
            with server.connect("a") as second:
                second.exchange(b"hello")
                self.reload(server, limits={"connections": 1})
                with self.assertRaises(OSError), server.connect("a") as third:
                    third.receive(1)
                    raise ConnectionError("it was let in and ended")
                second.exchange(b"still here")
            first.exchange(b"still here")


class Pace(Case):
    def test_one_is_slow_and_others_are_not(self):
        limits = {"connection_read_rate": "64k", "connection_write_rate": "128k"}
        server = self.serve(
            *(
                listener(scheme, f"{scheme}://127.0.0.1:0", limits=limits, timeouts={"idle": "1s"})
                for scheme in ("tcp", "tls")
            )
        )
        for scheme in ("tcp", "tls"):
            with server.connect(scheme) as client:
                rng, began = random.Random(1), time.monotonic()
                client.exchange(rng.randbytes(192 * KIB), rng, finish=True)
                self.assertGreater(time.monotonic() - began, 1)
        self.assertFalse(server.ended("timeout-idle"))


if __name__ == "__main__":
    harness.main()
