#!/usr/bin/python3 -B
"""The supervisor: workers that die, hang or are stopped are replaced, and nobody who connects is refused."""
import contextlib
import json
import os
import pathlib
import random
import signal
import socket
import time
import unittest

import harness
from harness import SCALE, listener, receive, wait_for
from supervised import FAULT, Load, Supervised

# Of each kind; the figure is 20.
ROUNDS = int(os.environ.get("PLAIT_TEST_KILLS") or 2)


class Deaths(Supervised):
    def kill_under_load(self, kill, **top):
        server = self.serve_faults(log={"level": "info", "format": "json"}, **top)
        held = self.sockets_of(server.process.pid)
        load = Load(("127.0.0.1", server.port("fault")))
        gaps = []
        try:
            for number in range(1, ROUNDS + 1):
                wait_for(lambda: load.served > 50 * number, what="clients that are served", timeout=30)
                # What fails within a second of service is a row of failures, which are replaced later and later.
                time.sleep(1.1)
                pid = server.pid
                load.gap = 0
                kill(server, pid)
                self.wait_next(server, pid)
                self.wait_serving(server, number)
                served = load.served
                wait_for(lambda: load.served > served, what="a client that is served")
                gaps.append(load.gap)
        finally:
            load.stop()
        self.assertEqual(load.refused, [])
        self.assertLessEqual(held - self.sockets_of(server.process.pid), self.channels(held, server))
        harness.comment(
            f"{ROUNDS} times: {load.served} served, {load.lost} lost their connection, none refused; "
            f"between two that were served at most {max(gaps) * 1000:.0f} ms, at least {min(gaps) * 1000:.0f} ms"
        )
        return server

    def channels(self, held, server):
        """Those of a process's sockets that are no listeners: the ends of channels go with their workers."""
        kept = self.sockets_of(server.pid)
        return {name for name in held if name not in kept}

    def test_kill_9(self):
        server = self.kill_under_load(lambda server, pid: os.kill(pid, signal.SIGKILL))
        server.wait_message(r"killed by signal 9")

    @unittest.skipIf(harness.SANITIZER, "sanitizers have the deadly signals to themselves")
    def test_kill_segv(self):
        server = self.kill_under_load(lambda server, pid: os.kill(pid, signal.SIGSEGV))
        server.wait_message(r"killed by signal 11")

    def test_an_endless_loop(self):
        self.kill_under_load(lambda server, pid: self.say(server, b"loop").close(), watchdog="500ms")

    def test_a_stopped_worker(self):
        server = self.kill_under_load(lambda server, pid: os.kill(pid, signal.SIGSTOP), watchdog="500ms")
        server.wait_message(r"has been stopped by a signal for 0\.\d s: killing it")

    def test_a_stopped_supervisor_blames_nobody(self):
        server = self.serve_faults(watchdog="2s")
        pid = server.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.8)  # it is seen to stand
        os.kill(server.process.pid, signal.SIGSTOP)
        time.sleep(2)
        # The supervisor goes on first, and sees who stands where it stood then; it has its time from here on.
        os.kill(server.process.pid, signal.SIGCONT)
        time.sleep(0.3)
        os.kill(pid, signal.SIGCONT)
        with self.connect_fault(server) as sock:
            sock.sendall(b"well\r\n")
            self.assertEqual(receive(sock, 5), b"well\n")
        self.assertEqual(server.pid, pid)

    def connect_fault(self, server):
        return socket.create_connection(("127.0.0.1", server.port("fault")), timeout=20 * SCALE)

    def freeze(self, pid):
        """A signal to stop takes a moment."""
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: self.state_of(pid) == "T", what="the process to stand still")

    @staticmethod
    def state_of(pid):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    def test_other_listeners_keep_what_waits(self):
        server = self.serve_faults()
        pid = server.pid
        self.freeze(pid)
        waiting = [self.connect_fault(server) for _ in range(5)]
        datagrams = server.datagram_socket("udp")
        for sock in waiting:
            sock.sendall(b"waits\r\n")
        for number in range(5):
            datagrams.send(b"datagram %d" % number)
        os.kill(pid, signal.SIGKILL)
        for sock in waiting:
            self.assertEqual(receive(sock, 6), b"waits\n")
            sock.close()
        self.assertEqual(
            sorted(datagrams.recv(100) for _ in range(5)), [b"datagram %d" % n for n in range(5)]
        )
        self.wait_next(server, pid)

    def test_a_hook_less_loop_that_waits_is_well(self):
        server = self.serve_faults(watchdog="200ms")
        pid = server.pid
        time.sleep(1.5)
        self.assertEqual(server.pid, pid)
        self.assertFalse([text for text in server.messages() if "stood still" in text])

    def test_a_reload_that_takes_its_time(self):
        poison = self.folder / "poison"
        server = self.serve_faults(watchdog="300ms")
        pid = server.pid
        poison.write_text("slow")
        slow = listener("slow", "tcp://127.0.0.1:0", "fault", options={"poison": str(poison)})
        self.write(server, *server.config["listeners"], slow)
        server.send_signal(signal.SIGHUP)
        server.wait_message(r"^reloaded ", timeout=30)
        self.assertEqual(server.pid, pid)

    def test_watchdog_off(self):
        server = self.serve_faults(watchdog="off")
        pid = server.pid
        with self.say(server, b"loop"):
            time.sleep(1)
            self.assertEqual(server.pid, pid)
        os.kill(pid, signal.SIGKILL)
        self.wait_next(server, pid)


class Reports(Supervised):
    def setUp(self):
        if harness.SANITIZER:
            self.skipTest("sanitizers have the deadly signals to themselves")
        super().setUp()

    def check_report(self, word, first, culprit, **top):
        server = self.serve_faults(**top)
        pid = server.pid
        with self.say(server, word):
            self.wait_next(server, pid)
        self.wait_serving(server, 1)
        line = server.wait_message(rf"^worker 1 \(pid {pid}\): {first}")[0]
        self.assertRegex(line, culprit)
        self.assertRegex(line, r"in thread \d+, loop [01];")
        server.wait_message(r"^worker 1: #0 ")
        return server

    def test_a_wrong_address(self):
        server = self.check_report(
            b"segv", r"signal 11 \(Segmentation fault\), address 0x0,", "plugin fault, callback message$"
        )
        server.wait_message(r"^worker 1: #\d plugin fault\+0x[0-9a-f]+ fault_message \(callback message\)$")
        server.wait_message(r"^worker 1: #\d libplait\S*\+0x[0-9a-f]+ ")
        status = self.good("status")
        self.assertEqual(status["supervisor"]["pid"], server.process.pid)
        self.assertEqual(status["supervisor"]["workers_started"], 2)
        self.assertEqual(status["supervisor"]["crashes"], 1)
        self.assertRegex(status["supervisor"]["last_crash"], r"signal 11 .* plugin fault, callback message$")

    def test_abort(self):
        self.check_report(b"abort", r"signal 6 \(Aborted\)", "plugin fault, callback message$")

    def test_a_stack_that_overflows(self):
        self.check_report(b"overflow", r"signal 11", "plugin fault, ")

    def test_a_loop_that_stands_still(self):
        server = self.check_report(
            b"loop", r"signal 6 \(Aborted\)", "plugin fault, callback message$", watchdog="300ms"
        )
        server.wait_message(
            r"loop [01] of worker 1 \(pid \d+, thread \d+\) has stood still for 0\.\d s: aborting it"
        )

    def test_a_timer_that_does_not_return(self):
        self.check_report(
            b"timer", r"signal 6 \(Aborted\)", "plugin fault, function stand_still$", watchdog="300ms"
        )


class Life(Supervised):
    def test_a_crash_loop_gives_up(self):
        poison = self.folder / "poison"
        server = self.serve_control(
            listener("fault", "tcp://127.0.0.1:0", "fault", options={"poison": str(poison)}),
            listener("unix", "unix:some.sock"),
            plugins=["echo", FAULT],
        )
        poison.write_text("")
        os.kill(server.pid, signal.SIGKILL)
        self.assertEqual(server.wait(timeout=60), 3)
        server.wait_message(
            r"^supervisor: giving up: 10 workers in a row ended .* then start the server again$"
        )
        self.assertFalse(self.path.exists(), "the control socket stays")
        self.assertFalse((self.folder / "some.sock").exists(), "a socket's file stays")

    def test_the_first_workers_crash_is_the_exit_status(self):
        poison = self.folder / "poison"
        poison.write_text("")
        server = self.begin(
            listener("fault", "tcp://127.0.0.1:0", "fault", options={"poison": str(poison)}), plugins=[FAULT]
        )
        server.wait()
        if not harness.SANITIZER:
            self.assertEqual(server.status, -signal.SIGSEGV)

    def test_what_was_served_is_served_again(self):
        server = self.serve_faults()
        port = server.port("fault")
        for text in ("{ broken", None):
            pid = server.pid
            server.file.write_text(text) if text else server.file.unlink()
            os.kill(pid, signal.SIGKILL)
            self.wait_next(server, pid)
            server.wait_message(r"serves the configuration that was served before")
            with self.say(server, b"still here") as sock:
                self.assertEqual(receive(sock, 11), b"still here\n")
            self.assertEqual(server.port("fault"), port)
            time.sleep(1.1)

    def test_what_a_reload_refused_is_not_served(self):
        server = self.serve_faults()
        before = json.loads(server.file.read_text())
        # The supervisor can read the one, and not the other.
        bad = ({**before, "plugins": before["plugins"] + ["missing"]}, {**before, "threads": "many"})
        for count, config in enumerate(bad, 1):
            server.file.write_text(json.dumps(config))
            server.send_signal(signal.SIGHUP)
            server.wait_message(r"^not reloaded", count=count)
            pid = server.pid
            os.kill(pid, signal.SIGKILL)
            self.wait_next(server, pid)
            server.wait_message(r"serves the configuration that was served before", count=count)
            with self.say(server, b"still here") as sock:
                self.assertEqual(receive(sock, 11), b"still here\n")
        self.assertEqual([], [text for text in server.messages() if "cannot be served" in text])

    def test_what_a_reload_brought_is_served_again(self):
        server = self.serve_faults()
        before = json.loads(server.file.read_text())
        self.write(server, *before["listeners"], listener("more", "tcp://127.0.0.1:0"))
        server.send_signal(signal.SIGHUP)
        server.wait_message(r"^reloaded ")
        port = server.port("more")
        server.file.write_text(json.dumps(before))
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        self.wait_next(server, pid)
        self.wait_serving(server, 1)
        with server.connect("more") as client:
            client.exchange(b"again", random.Random(1), finish=True)
        self.assertEqual(server.port("more"), port)
        # And what a reload takes away is closed, by all who have it.
        server.send_signal(signal.SIGHUP)
        server.wait_message(r"^reloaded ", count=2)

        def refused():
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                return True
            return False

        wait_for(refused, what="a port that is closed")

    def test_a_worker_without_its_supervisor_drains(self):
        server = self.serve_faults(drain_timeout="20s")
        pid = server.pid
        with self.say(server, b"hello") as sock:
            self.assertEqual(receive(sock, 6), b"hello\n")
            server.process.kill()
            server.process.wait()
            server.wait_message(r"^the supervisor has gone: draining")
            wait_for(lambda: not pathlib.Path(f"/proc/{pid}/fd").exists() or sock.recv(1) == b"")
        server.wait_message(r"^stopped: ")
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), what="the worker's end")
        server.status = 0

    def test_a_worker_that_cannot_shake_hands_is_replaced(self):
        server = self.serve_faults(listener("tls", "tls://127.0.0.1:0"), drain_timeout="2s")
        pid = server.pid
        with server.connect("tls") as client:
            client.exchange(b"well", random.Random(1), finish=True)
        self.say(server, b"tls").close()

        def serves():
            with contextlib.suppress(OSError):
                with server.connect("tls", timeout=5) as client:
                    client.exchange(b"well", random.Random(1), finish=True)
                return server.pid != pid
            return False

        wait_for(serves, what="a worker that can", timeout=30)
        server.wait_message(
            r"a TLS handshake of the process with itself fails: .*: asking the supervisor for"
        )
        server.wait_message(r"^supervisor: replacing worker 1 \(pid \d+\): its TLS handshakes fail")
        server.wait_message(r"another worker serves: ending with the last connection")

    def test_one_process_without_supervision(self):
        server = self.serve_faults(supervise=False)
        self.assertEqual(server.children(), [])
        self.assertEqual(self.good("status")["pid"], server.process.pid)
        self.assertIsNone(self.good("status")["supervisor"])
        with self.say(server, b"segv"):
            server.wait()
        if not harness.SANITIZER:
            self.assertEqual(server.status, -signal.SIGSEGV)

    def test_a_signal_to_all_of_them_is_one(self):
        server = self.serve_faults(drain_timeout="20s")
        with self.say(server, b"hello") as sock:
            self.assertEqual(receive(sock, 6), b"hello\n")
            os.kill(server.pid, signal.SIGTERM)
            server.send_signal(signal.SIGTERM)
            server.wait_message(r"draining; the same again stops at once")
        self.assertEqual(server.wait(), 0)
        self.assertFalse([text for text in server.messages() if "stopping now" in text])

    def test_the_worker_alone_is_told_to_end(self):
        server = self.serve_faults()
        os.kill(server.pid, signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertFalse(self.path.exists())

    def test_files_of_sockets_go_with_the_end_only(self):
        path = self.folder / "some.sock"
        server = self.serve_faults(listener("unix", f"unix:{path}"))
        inode = path.stat().st_ino
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        self.wait_next(server, pid)
        self.wait_serving(server, 1)
        self.assertEqual(path.stat().st_ino, inode)
        self.assertEqual(self.good("status")["supervisor"]["crashes"], 1)
        server.stop()
        self.assertFalse(path.exists())
        self.assertFalse(self.path.exists())


if __name__ == "__main__":
    harness.main()
