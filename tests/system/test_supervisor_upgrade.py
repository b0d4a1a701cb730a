#!/usr/bin/python3 -B
"""plait upgrade: another program takes the place of the one that runs, under load, or does not and all is as it was."""
import os
import random
import shutil
import signal
import threading

import harness
from harness import SCALE, listener, receive, wait_for
from supervised import Load, Supervised

ROUNDS = int(os.environ.get("PLAIT_TEST_UPGRADES") or 2)


class Datagrams:
    """One asks and waits for each answer: what is not answered was lost."""

    def __init__(self, sock):
        self.sock, self.sent, self.lost = sock, 0, 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        self.sock.settimeout(5 * SCALE)
        while not self.ended.is_set():
            self.sent += 1
            text = b"%d" % self.sent
            self.sock.send(text)
            try:
                if self.sock.recv(100) != text:
                    self.lost += 1
            except OSError:
                self.lost += 1

    def stop(self):
        self.ended.set()
        self.thread.join()


class Upgrade(Supervised):
    def serve_program(self, *more, **top):
        """By a copy of the program, which a test may replace."""
        self.program = self.folder / "plait"
        shutil.copy(harness.PLAIT, self.program)
        return self.serve_faults(*more, _program=str(self.program), **top)

    def put_program(self, text=None):
        fresh = self.folder / "fresh"
        if text is None:
            shutil.copy(harness.PLAIT, fresh)
        else:
            fresh.write_text(text)
            fresh.chmod(0o755)
        os.replace(fresh, self.program)

    def upgrade(self, **keywords):
        return harness.plait("upgrade", "--control", str(self.path), timeout=100, **keywords)

    def executable(self, server):
        return os.stat(f"/proc/{server.process.pid}/exe").st_ino

    def test_nothing_is_lost(self):
        server = self.serve_program(drain_timeout="20s")
        parent, sockets = server.process.pid, {}
        load = Load(("127.0.0.1", server.port("fault")))
        datagrams = Datagrams(server.datagram_socket("udp"))
        try:
            for number in range(1, ROUNDS + 1):
                pid, before = server.pid, load.served
                with self.say(server, b"hello") as held:
                    self.assertEqual(receive(held, 6), b"hello\n")
                    self.put_program()
                    result = self.upgrade()
                    self.assertEqual((result.returncode, result.stderr), (0, ""))
                    self.assertIn("upgraded", result.stdout)
                    server.wait_message(r"^supervisor: upgraded to plait ", count=number)
                    self.assertEqual(self.executable(server), os.stat(self.program).st_ino)
                    # The old worker still has its connection, until that ends.
                    held.sendall(b"more\r\n")
                    self.assertEqual(receive(held, 5), b"more\n")
                    self.assertIn(pid, server.children())
                wait_for(lambda: pid not in server.children(), what="the old worker's end", timeout=30)
                wait_for(lambda: load.served > before + 20, what="clients that are served")
                sockets[number] = server.pid
        finally:
            load.stop()
            datagrams.stop()
        self.assertEqual((load.refused, load.lost, datagrams.lost), ([], 0, 0))
        self.assertEqual(len(set(sockets.values())), ROUNDS)
        self.assertEqual(server.process.pid, parent)
        harness.comment(
            f"{ROUNDS} upgrades: {load.served} connections served, {datagrams.sent} datagrams answered, none lost; "
            f"at most {load.gap * 1000:.0f} ms between two"
        )
        # The new supervisor does what the old one did.
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        self.wait_next(server, pid)
        with self.say(server, b"hello") as sock:
            self.assertEqual(receive(sock, 6), b"hello\n")
        self.assertEqual(self.good("status")["supervisor"]["crashes"], 1)
        self.assertEqual(self.good("status")["supervisor"]["workers_started"], ROUNDS + 2)
        server.stop()
        self.assertFalse(self.path.exists())

    def test_by_signal(self):
        server = self.serve_program()
        pid = server.pid
        server.send_signal(signal.SIGUSR2)
        server.wait_message(r"^supervisor: upgraded to plait ")
        self.wait_next(server, pid)

    def check_refused(self, text, why):
        server = self.serve_program()
        pid = server.pid
        self.put_program(text)
        result = self.upgrade()
        self.assertEqual(result.returncode, 1)
        self.assertIn("not upgraded, and all is as it was", result.stderr)
        self.assertRegex(result.stderr, why)
        self.assertEqual(server.pid, pid)
        with self.say(server, b"hello") as sock:
            self.assertEqual(receive(sock, 6), b"hello\n")
        # With a good one it is done after all.
        self.put_program()
        self.assertEqual(self.upgrade().returncode, 0)
        server.wait_message(r"^supervisor: upgraded to plait ")
        return server

    def test_a_program_that_is_none(self):
        server = self.check_refused("no program\n\0", "ended with status 127 before it was ready")
        server.wait_message(r"cannot execute \S+: Exec format error")

    def test_a_program_that_ends(self):
        self.check_refused("#!/bin/sh\nexit 3\n", "ended with status 3 before it was ready")

    def test_a_program_that_crashes(self):
        self.check_refused("#!/bin/sh\nkill -SEGV $$\n", "killed by signal 11 .* before it was ready")

    def test_a_program_that_speaks_otherwise(self):
        # It says something on the channel, and then waits.
        self.check_refused(
            '#!/bin/sh\nexec python3 -c "import os, socket; '
            "s = socket.socket(fileno=int(os.environ['PLAIT_WORKER_CHANNEL'])); s.send(b'what?'); s.recv(1)\"\n",
            "before it was ready",
        )

    def test_who_stays_is_told_to_end(self):
        server = self.serve_program(drain_timeout="1s")
        with self.say(server, b"hello") as sock:
            self.assertEqual(receive(sock, 6), b"hello\n")
            pid = server.pid
            self.assertEqual(self.upgrade().returncode, 0)
            self.assertEqual(sock.recv(1), b"")
        wait_for(lambda: pid not in server.children(), what="the old worker's end")

    def test_two_at_once(self):
        server = self.serve_program()
        self.put_program("#!/bin/sh\nexec sleep 1\n")
        first = self.background(self.upgrade)
        server.wait_message(r"^supervisor: upgrading to ")
        second = self.upgrade()
        self.assertEqual(second.returncode, 1)
        self.assertIn("an upgrade is under way", second.stderr)
        self.assertEqual(first().returncode, 1)

    def test_a_reload_brought_more(self):
        server = self.serve_program()
        self.write(server, *server.config["listeners"], listener("more", "unix:more.sock"))
        server.send_signal(signal.SIGHUP)
        server.wait_message(r"^reloaded ")
        inode = (self.folder / "more.sock").stat().st_ino
        self.assertEqual(self.upgrade().returncode, 0)
        server.wait_message(r"^supervisor: upgraded to plait ")
        with server.connect("more") as client:
            client.exchange(b"more", random.Random(1), finish=True)
        self.assertEqual((self.folder / "more.sock").stat().st_ino, inode)
        server.stop()
        self.assertFalse((self.folder / "more.sock").exists())

    def test_without_a_supervisor(self):
        self.serve_faults(supervise=False)
        result = self.upgrade()
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no supervisor", result.stderr)


if __name__ == "__main__":
    harness.main()
