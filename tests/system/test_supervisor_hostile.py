#!/usr/bin/python3 -B
"""The supervisor and workers that are not their own masters any more, or that are told to stop at a bad moment."""
import json
import os
import shutil
import signal
import socket
import time

import harness
from harness import SCALE, listener, receive, wait_for
from supervised import FAULT, Supervised

HOSTILE = harness.BUILDDIR / "tests/system/hostile"


class Case(Supervised):
    def serve_copy(self, **top):
        """By a copy of the program, which another one may take the place of."""
        self.program = self.folder / "plait"
        shutil.copy(harness.PLAIT, self.program)
        return self.serve_faults(_program=str(self.program), **top)

    def put(self, source):
        fresh = self.folder / "fresh"
        if isinstance(source, str):
            fresh.write_text(source)
            fresh.chmod(0o755)
        else:
            shutil.copy(source, fresh)
        os.replace(fresh, self.program)

    def become(self, server, mood):
        """The server is asked for an upgrade, to a worker like that. What the command says comes later."""
        (self.folder / "plait.mood").write_text(mood)
        self.put(HOSTILE)
        join = self.background(self.upgrade)
        server.wait_message(r"^supervisor: upgrading to ")
        return join

    def upgrade(self):
        return harness.plait("upgrade", "--control", str(self.path), timeout=100)

    def serves(self, server):
        with self.say(server, b"hello") as sock:
            self.assertEqual(receive(sock, 6), b"hello\n")

    def serve_poison(self):
        """A server between two workers for the next second, and the file that ends each of them."""
        poison = self.folder / "poison"
        server = self.serve_control(
            listener("fault", "tcp://127.0.0.1:0", "fault", options={"poison": str(poison)}),
            plugins=["echo", FAULT],
        )
        poison.write_text("")
        os.kill(server.pid, signal.SIGKILL)
        server.wait_message(r"^supervisor: starting another worker in 1\d\d\d ms$", timeout=30)
        return server, poison

    def descriptors(self, server):
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))


class Hostile(Case):
    def test_one_that_talks_without_end(self):
        server = self.serve_copy()
        join = self.become(server, "flood")
        self.serves(server)
        server.stop()
        join()

    def test_one_that_does_not_hear(self):
        server = self.serve_copy()
        result = self.become(server, "deaf")()
        self.assertEqual(result.returncode, 1)
        self.assertIn("not upgraded, and all is as it was", result.stderr)
        self.assertFalse([text for text in server.messages() if "does not end" in text])
        self.serves(server)

    def test_one_that_stops_before_it_serves(self):
        server = self.serve_copy()
        result = self.become(server, "stop")()
        self.assertEqual(result.returncode, 1)
        # The other one is guarded as before.
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        self.wait_next(server, pid)
        self.serves(server)
        server.stop()

    def check_not_taken(self, mood, why):
        server = self.serve_copy()
        pid = server.pid
        result = self.become(server, mood)()
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertRegex(result.stderr, why)
        self.assertEqual(server.pid, pid)
        self.serves(server)

    def test_one_that_is_ready_early(self):
        self.check_not_taken("early", "killed by signal 9 .* before it was ready")

    def test_one_whose_supervisor_is_another(self):
        self.check_not_taken("other", "its supervisor could not take over from this one; restart the server")

    def test_one_that_speaks_for_the_server(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.folder / "manager"))
            manager.settimeout(20 * SCALE)
            server = self.serve_copy(_env={"NOTIFY_SOCKET": str(self.folder / "manager")})
            self.become(server, "pretend")()
            while b"pretends" not in (heard := manager.recv(1000)):
                pass
            self.assertEqual(heard, b"STATUS=pretends")

    def test_one_that_takes_sockets_and_dies(self):
        server = self.serve_copy()
        before = self.descriptors(server)
        result = self.become(server, "bind")()
        self.assertIn("killed by signal 9", result.stderr)
        wait_for(lambda: self.descriptors(server) == before, what="the supervisor's descriptors as before")


class Reloads(Case):
    def reload_during_an_upgrade(self, last_line):
        """What the upgrade comes to; by the file as it is then there is another listener."""
        server = self.serve_copy()
        go = self.folder / "go"
        self.put(f'#!/bin/sh\nuntil test -e "{go}"; do sleep 0.05; done\n{last_line}\n')
        join = self.background(self.upgrade)
        server.wait_message(r"^supervisor: upgrading to ")
        self.write_more(server)
        self.good("reload")
        self.assertEqual(self.names(), ["fault", "udp", "more"])
        go.touch()
        return server, join()

    def test_by_a_signal_during_an_upgrade(self):
        """The one that serves does not come to read it."""
        server = self.serve_copy(watchdog="off")
        pid, go = server.pid, self.folder / "go"
        self.put(f'#!/bin/sh\nuntil test -e "{go}"; do sleep 0.05; done\nexec "{harness.PLAIT}" "$@"\n')
        join = self.background(self.upgrade)
        server.wait_message(r"^supervisor: upgrading to ")
        os.kill(pid, signal.SIGSTOP)
        try:
            self.write_more(server)
            server.process.send_signal(signal.SIGHUP)
            go.touch()
            server.wait_message(r"^supervisor: worker 2 .* serves")
            wait_for(lambda: "more" in self.names(), what="what the file says")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(join().returncode, 0)

    def test_by_a_signal_before_an_upgrade(self):
        """Likewise, and it was told before there was another one."""
        server = self.serve_copy(watchdog="off")
        pid = server.pid
        os.kill(pid, signal.SIGSTOP)
        self.write_more(server)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        server.process.send_signal(signal.SIGUSR2)
        server.wait_message(r"^supervisor: worker 2 .* serves")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: "more" in self.names(), what="what the file says")

    def test_by_a_signal_to_one_that_dies(self):
        """Likewise, and nobody was to take its place."""
        server = self.serve_copy(watchdog="off")
        pid = server.pid
        os.kill(pid, signal.SIGSTOP)
        self.write_more(server)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        server.wait_message(r"^supervisor: worker 2 .* serves")
        wait_for(lambda: "more" in self.names(), what="what the file says")

    def test_by_a_signal_between_two_workers(self):
        server, poison = self.serve_poison()
        self.write_more(server)
        server.process.send_signal(signal.SIGHUP)
        poison.unlink()
        wait_for(lambda: "more" in self.names(), what="what the file says")

    def write_more(self, server):
        config = json.loads(server.file.read_text())
        config["listeners"].append(listener("more", "tcp://127.0.0.1:0"))
        server.file.write_text(json.dumps(config))

    def names(self):
        return [one["name"] for one in self.good("listeners")["listeners"]]

    def test_before_an_upgrade_that_fails(self):
        server, result = self.reload_during_an_upgrade("exit 1")
        self.assertEqual(result.returncode, 1)
        server.file.write_text("{")
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        self.wait_next(server, pid)
        self.assertEqual(self.names(), ["fault", "udp", "more"])

    def test_before_an_upgrade_that_does_not(self):
        server, result = self.reload_during_an_upgrade(f'exec "{harness.PLAIT}" "$@"')
        self.assertEqual(result.returncode, 0, result.stderr)
        wait_for(lambda: self.names() == ["fault", "udp", "more"], what="what was served before")


class Stops(Case):
    def test_during_an_upgrade(self):
        server = self.serve_copy(drain_timeout="60s")
        with self.say(server, b"hello") as sock:
            self.assertEqual(receive(sock, 6), b"hello\n")
            go = self.folder / "go"
            self.put(
                f'#!/bin/sh\nuntil test -e "{go}"; do sleep 0.05; done\nexec "{harness.PLAIT}" "$@"\n'
            )
            join = self.background(self.upgrade)
            server.wait_message(r"^supervisor: upgrading to ")
            self.good("stop")
            server.wait_message(r"does not take over: the server is stopping")
            go.touch()
            self.assertEqual(join().returncode, 1)
        self.assertEqual(server.wait(), 0)

    def test_one_that_drains_and_does_not_hear(self):
        server = self.serve_copy(drain_timeout="60s", watchdog="off")
        pid = server.pid
        with self.say(server, b"hello") as sock:
            self.assertEqual(sock.recv(6), b"hello\n")
            self.assertEqual(self.upgrade().returncode, 0)
            server.wait_message(r"^supervisor: upgraded to ")
            os.kill(pid, signal.SIGSTOP)
            server.process.send_signal(signal.SIGTERM)
            wait_for(lambda: server.children() == [pid], what="the end of the one that served")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)

    def test_one_that_has_not_read_what_it_was_told(self):
        server = self.serve_faults(watchdog="off")
        pid = server.pid
        os.kill(pid, signal.SIGSTOP)
        for _ in range(300):
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.001)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(server.wait(), 0)

    def test_between_two_workers(self):
        server, _ = self.serve_poison()
        server.stop()

    def test_a_worker_that_has_just_begun(self):
        for _ in range(5):
            server = self.serve_faults()
            pid = server.pid
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: set(server.children()) - {pid}, what="another worker")
            server.stop()


if __name__ == "__main__":
    harness.main()
