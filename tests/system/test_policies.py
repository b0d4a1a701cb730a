#!/usr/bin/python3 -B
"""Policies: rates that slow and lose nothing, on all loops together; and a protocol for those who find no room."""
import contextlib
import random
import time

import harness
from harness import Case, listener

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


if __name__ == "__main__":
    harness.main()
