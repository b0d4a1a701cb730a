#!/usr/bin/python3 -B
"""The control socket and the commands of the program that use it: each does what it says, for whom it may."""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import stat
import unittest

import harness
from control import PLUGINS, Control, ControlCase
from harness import CERTS, listener, wait_for

TCP = "tcp://127.0.0.1:0"


class Questions(ControlCase):
    def test_status(self):
        server = self.serve_control(listener("a", TCP), listener("b", "tls://127.0.0.1:0"), threads=3)
        with server.connect("a") as client:
            client.exchange(b"hello")
            status = self.good("status")
            self.assertEqual(status["pid"], server.pid)
            self.assertEqual(status["state"], "serving")
            self.assertEqual(status["threads"], 3)
            self.assertEqual(status["listeners"], 2)
            self.assertEqual(status["loops_missing"], 0)
            self.assertEqual([loop["answers"] for loop in status["loops"]], [True] * 3)
            self.assertEqual(sum(loop["connections"] for loop in status["loops"]), 1)
            self.assertEqual(status["connections"]["now"], 1)
            self.assertEqual(status["connections"]["bytes_in"], 5)
            self.assertEqual(status["connections"]["bytes_out"], 5)
            self.assertEqual(status["connections"]["ended"], {})
            self.assertEqual(
                {(one["protocol"], one["current"]) for one in status["plugins"]},
                {("echo", True), ("line", True), ("broadcast", True)},
            )
            for one in status["plugins"]:
                self.assertTrue(one["file"].endswith(f"/{one['protocol']}.so"), one)
        wait_for(lambda: self.good("status")["connections"]["ended"] == {"peer-closed": 1}, what="its end")
        with server.connect("b", tls=False) as client, contextlib.suppress(ConnectionError):
            client.send(b"GET / HTTP/1.0\r\n\r\n")
            client.wait_end()
        wait_for(lambda: self.good("status")["tls"]["handshakes_failed"], what="a handshake that failed")
        text = self.run_plait("status", server.file)
        self.assertIn(f"pid {server.pid}", text)
        self.assertRegex(text, r"ended: .*peer-closed 1")

    def test_renewals_are_counted(self):
        """Of certificates, and not every reload: whoever reads of a failed one looks for a certificate that is not good."""

        def counted():
            tls = self.good("status")["tls"]
            return tls["renewals"], tls["renewals_failed"]

        secret = listener("a", "tls://127.0.0.1:0")
        server = self.serve_control(secret, listener("b", TCP))
        self.good("reload")
        self.assertEqual(counted(), (1, 0))
        self.refuse(server, secret, listener("b", TCP, "no-such"))
        self.assertEqual(counted(), (1, 0))
        self.reload(server, listener("b", TCP), tls=None)
        self.good("reload")
        self.assertEqual(counted(), (1, 0))
        for name in ("server.pem", "server.key"):
            shutil.copy(CERTS / name, self.folder / name)
        files = {"default": {"certificate": "server.pem", "key": "server.key"}}
        self.reload(server, secret, tls=files)
        (self.folder / "server.key").unlink()
        self.refuse(server)
        self.assertEqual(counted(), (1, 1))
        self.assertTrue(server.alive())

    def test_listeners(self):
        server = self.serve_control(
            listener("a", TCP), listener("s", "tls://127.0.0.1:0"), listener("u", "udp://127.0.0.1:0")
        )
        with server.connect("a") as one, server.connect("a") as two, server.connect("s", tls=False):
            one.exchange(b"hello")
            two.exchange(b"hello")
            a, s, u = (
                self.listed_as("a", connections=2),
                self.listed_as("s", handshakes=1, connections=1),
                self.listed("u"),
            )
        self.assertEqual((a["address"], a["protocol"], a["state"]), (server.endpoint("a"), "echo", "accepting"))
        self.assertEqual(a["versions"], [{"newest": True, "protocol": "echo", "connections": 2}])
        self.assertEqual((s["address"], u["address"]), (server.endpoint("s"), server.endpoint("u")))
        self.assertRegex(self.run_plait("listeners", server.file), r"(?m)^a +tcp://\S+ +echo +accepting ")

    def test_versions_and_editions(self):
        server = self.serve_edition(listener("a", TCP, "edition"))
        with server.connect("a") as old:
            self.assertEqual(old.receive_line(b"\n"), b"one plain")
            self.put_edition("two")
            self.assertEqual(self.good("reload")["changes"], ["a: changed: the plugin's code"])
            self.assertEqual(self.greeting(server), b"two plain")
            self.listed_as(
                versions=[
                    {"newest": True, "protocol": "edition", "connections": 0},
                    {"newest": False, "protocol": "edition", "connections": 1},
                ]
            )
            self.assertEqual(self.editions(), [False, True])
            self.assertIn("an older edition", self.run_plait("status", server.file))
            self.assertIn("1 connection", self.run_plait("listeners", server.file))
            old.exchange(b"as before")
        wait_for(lambda: len(self.listed()["versions"]) == 1, what="the end of the old version")
        wait_for(lambda: self.editions() == [True], what="the end of the old edition")

    def editions(self):
        """Whether each edition that is loaded is the current one."""
        return sorted(one["current"] for one in self.good("status")["plugins"] if one["protocol"] == "edition")

    def test_an_edition_that_only_a_timer_needs(self):
        server = self.serve_edition(listener("a", TCP, "edition", options={"linger": "1h"}))
        self.put_edition("two")
        self.good("reload")
        server.wait_message("its former code stays")
        self.assertEqual(self.editions(), [False, True])
        self.assertIn("an older edition", self.run_plait("status", server.file))

    def test_connections(self):
        server = self.serve_control(
            listener("a", TCP), listener("s", "tls://127.0.0.1:0"), listener("u", f"unix:{self.folder}/u.sock")
        )
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.connect("a")) for _ in range(3)]
            for size, client in zip((200, 3000, 10), clients):
                client.exchange(b"x" * size)
            secure = stack.enter_context(server.connect("s"))
            secure.exchange(b"hello")
            half = stack.enter_context(server.connect("s", tls=False))
            local = stack.enter_context(server.connect("u"))
            local.exchange(b"hello")
            wait_for(lambda: self.good("connections")["matched"] == 6, what="all of them")

            ours = {"%s:%d" % client.sock.getsockname()[:2]: client for client in (*clients, secure, half)}
            rows = self.good("connections", listener="a", sort="bytes")["connections"]
            self.assertEqual([row["bytes_in"] for row in rows], [3000, 200, 10])
            self.assertEqual([row["bytes_out"] for row in rows], [3000, 200, 10])
            self.assertEqual([ours[row["peer"]] for row in rows], [clients[1], clients[0], clients[2]])
            self.assertEqual({row["state"] for row in rows}, {"open"})
            self.assertEqual({row["tls"] for row in rows}, {None})
            two = self.good("connections", listener="a", sort="bytes", limit=2)
            self.assertEqual(([row["bytes_in"] for row in two["connections"]], two["matched"]), ([3000, 200], 3))
            (row,) = self.good("connections", listener="s", state="open")["connections"]
            self.assertEqual(row["tls"], "TLSv1.3")
            (row,) = self.good("connections", state="handshake")["connections"]
            self.assertIs(ours[row["peer"]], half)
            self.assertEqual(self.good("connections", peer="127.0.0.0/8")["matched"], 5)
            self.assertEqual(self.good("connections", peer="::ffff:127.0.0.1")["matched"], 5)
            for network, count in (
                ("126.0.0.0/7", 5),
                ("128.0.0.0/7", 0),
                ("127.0.0.0/31", 5),
                ("127.0.0.2/31", 0),
                ("::ffff:127.0.0.0/104", 5),
                ("0.0.0.0/0", 5),
                ("::/0", 0),
            ):
                self.assertEqual(self.good("connections", peer=network)["matched"], count, network)
            self.assertEqual(self.good("connections", peer="127.0.0.2")["matched"], 0)
            self.assertIn(f"pid {os.getpid()}", self.good("connections", listener="u")["connections"][0]["peer"])
            self.assertEqual(len({row["id"] for row in self.good("connections")["connections"]}), 6)
            self.assertRegex(
                self.run_plait("connections", server.file, "--listener", "a", "--sort", "bytes", "--limit", "1"),
                r"(?s)^ID .*\b3000\b.*1 of 3",
            )
        self.assertIn('no listener "aa"', self.bad("not-found", "connections", listener="aa"))
        self.assertIn("192.0.2.0/24", self.bad("bad-argument", "connections", peer="127.0.0.1/33"))

    def test_sorted_by_age_and_idleness(self):
        """Ages are whole seconds: the server is asked until the first is older."""
        server = self.serve_control(listener("a", TCP), threads=1)
        with server.connect("a") as first, contextlib.ExitStack() as stack:
            first.exchange(b"first")
            wait_for(lambda: self.good("connections")["connections"][0]["age"] > 0, what="a second")
            second = stack.enter_context(server.connect("a"))
            second.exchange(b"second")
            first.exchange(b"again")
            rows = self.good("connections")["connections"]
            self.assertEqual([row["bytes_in"] for row in rows], [10, 6])
            self.assertGreater(rows[0]["age"], rows[1]["age"])
            self.assertEqual(self.good("connections", limit=1)["connections"][0]["id"], rows[0]["id"])

            def idlest():
                first.exchange(b"again")
                second_idle, first_idle = self.good("connections", sort="idle")["connections"]
                return second_idle["bytes_in"] == 6 and second_idle["idle"] > first_idle["idle"]

            wait_for(idlest, what="the silent one before the other")

    def test_the_most_of_many(self):
        server = self.serve_control(listener("a", TCP), threads=2)
        sizes = random.Random(4).sample(range(1, 1000), 60)
        with contextlib.ExitStack() as stack:
            for size in sizes:
                stack.enter_context(server.connect("a")).exchange(b"x" * size)
            for limit in (1, 2, 7, 31, 59, 60, 100):
                answer = self.good("connections", sort="bytes", limit=limit)
                self.assertEqual(answer["matched"], 60)
                self.assertEqual(
                    [row["bytes_in"] for row in answer["connections"]], sorted(sizes, reverse=True)[:limit]
                )

    def test_sorted_by_what_is_queued(self):
        server = self.serve_control(listener("a", TCP))
        with server.connect("a", receive_buffer=4096) as stuck, server.connect("a") as good:
            good.exchange(b"hello" * 100000)
            self.fill(stuck)
            row = wait_for(
                lambda: [
                    row for row in self.good("connections", sort="queued", limit=1)["connections"] if row["queued"] > 0
                ],
                what="one with output",
            )[0]
            self.assertEqual(row["peer"], "%s:%d" % stuck.sock.getsockname())
            self.assertEqual(self.good("kick", id=row["id"])["kicked"], 1)


class Changes(ControlCase):
    def test_kick(self):
        server = self.serve_control(listener("a", TCP), listener("b", TCP), threads=3)
        with contextlib.ExitStack() as stack:
            a = [stack.enter_context(server.connect("a")) for _ in range(5)]
            b = [stack.enter_context(server.connect("b")) for _ in range(2)]
            for client in a + b:
                client.exchange(b"hello")
            peer = "%s:%d" % a[3].sock.getsockname()
            (row,) = (row for row in self.good("connections")["connections"] if row["peer"] == peer)
            self.assertIn("1 connection", self.run_plait("kick", server.file, "--id", row["id"]))
            self.assertFalse(a[3].wait_end())
            server.wait_reason("kicked", "a")
            self.assertIn(f"no connection {row['id']}", self.bad("not-found", "kick", id=row["id"]))
            self.assertIn("no connection", self.run_plait("kick", server.file, "--id", row["id"], status=1))
            for client in a[:3] + a[4:] + b:
                client.exchange(b"still here")
            self.assertEqual(self.good("kick", listener="a")["kicked"], 4)
            for client in a[:3] + a[4:]:
                self.assertFalse(client.wait_end())
            self.assertEqual(self.good("kick", peer="10.0.0.0/8")["kicked"], 0)
            for client in b:
                client.exchange(b"still here")
            self.assertIn("say which", self.bad("bad-argument", "kick"))
            self.bad("bad-argument", "kick", all=True, listener="b")
            self.assertEqual(self.good("kick", all=True)["kicked"], 2)
            for client in b:
                self.assertFalse(client.wait_end())
        self.assertEqual(self.good("status")["connections"]["ended"], {"kicked": 7})

    def test_pause_and_resume(self):
        server = self.serve_edition(listener("a", TCP, "edition"), listener("b", TCP))
        with server.connect("a") as there:
            there.receive_line(b"\n")
            self.assertIn("waits", self.run_plait("pause", "a", server.file))
            self.assertEqual(self.listed()["state"], "paused")
            with server.connect("a") as waits, server.connect("b") as other:
                waits.send(b"hello")
                there.exchange(b"goes on")
                other.exchange(b"goes on")
                self.good("reload")  # and all loops have had their turn
                self.assertEqual(self.listed()["connections"], 1)
                self.good("resume", listener="a")
                self.assertEqual(waits.receive_line(b"\n"), b"one plain")
                self.assertEqual(waits.receive(5), b"hello")
            self.assertEqual(self.listed()["state"], "accepting")
            there.exchange(b"went on")

    def test_pause_outlasts_a_reload_and_a_move(self):
        def one(bind, word):
            return listener("a", bind, "edition", options={"word": word})

        server = self.serve_edition(one(TCP, "first"), accept="reuseport")
        self.good("pause", listener="a")
        self.write(server, one(TCP, "second"))
        self.assertEqual(self.good("reload")["changes"], ['a: changed: "options"'])
        with server.connect("a") as waits:
            self.assertEqual(self.listed_as(connections=0)["state"], "paused")
            self.good("resume", listener="a")
            self.assertEqual(waits.receive_line(b"\n"), b"one second")
        self.good("pause", listener="a")
        self.write(server, one("tcp://127.0.0.2:0", "third"))
        self.good("reload")
        moved = wait_for(lambda: server.endpoints()["a"][1:], what="its new address")[0]
        with socket.create_connection(("127.0.0.2", int(moved.rsplit(":", 1)[1]))) as sock:
            self.good("status")
            self.assertEqual(self.listed()["state"], "paused")
            self.good("resume", listener="a")
            self.assertEqual(sock.makefile("rb").readline(), b"one third\n")

    def test_datagrams_wait_while_paused(self):
        server = self.serve_control(listener("u", "udp://127.0.0.1:0"))
        with server.datagram_socket("u") as sock:
            sock.send(b"one")
            self.assertEqual(sock.recv(100), b"one")
            self.good("pause", listener="u")
            for i in range(10):
                sock.send(b"%d" % i)
            self.write(server, listener("u", "udp://127.0.0.1:0", limits={"connections": 7}))
            self.good("reload")
            sock.setblocking(False)
            self.assertRaises(BlockingIOError, sock.recv, 100)
            sock.settimeout(10 * harness.SCALE)
            self.good("resume", listener="u")
            self.assertEqual([sock.recv(100) for _ in range(10)], [b"%d" % i for i in range(10)])
        self.assertIn("pause it", self.bad("bad-argument", "drain", listener="u"))

    def test_drain_and_resume(self):
        server = self.serve_control(listener("a", TCP), listener("b", TCP))
        with server.connect("a") as ends, server.connect("b") as stays:
            ends.exchange(b"hello")
            stays.exchange(b"hello")
            self.assertIn("resumed", self.run_plait("drain", "a", server.file))
            self.assertEqual(ends.receive_to_end(), b"")  # in order
            self.assertEqual(self.listed()["state"], "drained")
            self.assertTrue(self.is_refused(server))
            self.good("reload")
            self.assertTrue(self.is_refused(server))
            stays.exchange(b"still here")
            self.good("resume", listener="a")
            with server.connect("a") as client:
                client.exchange(b"as before")
        self.assertIn('no listener "bb"', self.bad("not-found", "drain", listener="bb"))

    def test_drain_aborts_after_drain_timeout(self):
        server = self.serve_control(listener("a", TCP, timeouts={"close": "10m"}), drain_timeout="10m")
        self.write(server, drain_timeout="500ms")
        self.assertEqual(self.good("reload")["changes"], ["drain_timeout: 500ms"])
        with server.connect("a", receive_buffer=4096) as stuck:
            self.fill(stuck)
            self.good("drain", listener="a")
            server.wait_message("draining took longer", "a")
            self.assertFalse(stuck.wait_end())
        self.good("resume", listener="a")
        with server.connect("a") as client:
            client.exchange(b"as before")

    def test_resumed_in_time_nothing_is_aborted(self):
        server = self.serve_control(listener("a", TCP), listener("b", TCP), drain_timeout="400ms")
        self.good("drain", listener="a")
        self.good("resume", listener="a")
        with server.connect("a") as client:
            client.exchange(b"hello")
            self.good("drain", listener="b")  # whose time is over after that of the other was
            with server.connect("a") as other:
                wait_for(
                    lambda: self.good("connections", sort="age")["connections"][0]["age"] > 1, what="two seconds"
                )
                other.exchange(b"hello")
            client.exchange(b"still here")

    def test_reload_is_everywhere_when_it_answers(self):
        """On four loops that accept each for themselves."""

        def one(word):
            return listener("a", TCP, "edition", options={"word": word})

        server = self.serve_edition(one("0"), threads=4, accept="reuseport")
        with self.control() as peer:
            for i in range(1, 20):
                self.write(server, one(str(i)))
                answer = peer.ask("reload")
                self.assertEqual((answer["changes"], answer["loops_missing"]), (['a: changed: "options"'], 0))
                for _ in range(8):
                    self.assertEqual(self.greeting(server), b"one %d" % i)

    def test_reload_changes_what_the_server_may_take(self):
        server = self.serve_control(listener("a", TCP), limits={"connections": 1, "buffered": "64m"})
        with server.connect("a") as one:
            one.exchange(b"hello")
            self.assertTrue(self.is_refused(server))
            self.write(server, limits={"connections": 2, "buffered": "32m"})
            self.assertEqual(self.good("reload")["changes"], ["limits: changed"])
            with server.connect("a") as two:
                two.exchange(b"hello")
                self.assertTrue(self.is_refused(server))
        self.assertEqual(self.good("status")["buffered"]["most"], 32 << 20)

    def test_reload_says_why_not(self):
        a = listener("a", TCP)
        server = self.serve_control(a)
        self.write(server, listener("a", TCP, "ecko"), listener("a", TCP, limits={"connections": "x"}))
        errors = self.run_plait("reload", server.file, status=1).splitlines()
        checked = self.run_plait("check", server.file, status=1).splitlines()
        self.assertEqual(errors[:-1], checked)
        self.assertGreaterEqual(len(checked), 3)
        self.assertIn(f"all is as it was: {len(checked)} errors", errors[-1])
        answer = json.loads(harness.plait("reload", server.file, "--json").stdout)
        self.assertEqual(len(answer["error"]["problems"]), len(checked))
        server.file.write_text("{")
        self.assertIn("--control", self.run_plait("reload", server.file, status=1))
        self.assertIn(":1:", self.run_plait("reload", "--control", self.path, status=1))
        self.write(server, a)
        self.assertEqual(self.run_plait("reload", "--control", self.path), "reloaded: 0 changes\n")

    def test_another_control_socket_needs_a_restart(self):
        server = self.serve_control(listener("a", TCP))
        self.write(server, control="other.sock")
        result = harness.plait("reload", "--control", self.path)
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr, "warning: control: .* restart")
        self.good("reload")
        self.assertTrue(self.path.exists())

    def test_log_level(self):
        server = self.serve_control(listener("a", TCP))
        self.assertEqual(self.run_plait("log-level", "warning", server.file), "warning, before debug\n")
        count = len(server.messages())
        self.good("status")
        self.assertEqual(self.good("status")["log_level"], "warning")
        self.assertEqual(len(server.messages()), count)
        self.good("log-level", level="debug")
        server.wait_message("control: log level debug")
        self.assertIn("did you mean", self.bad("bad-argument", "log-level", level="debgu"))
        self.good("log-level", level="info")
        self.write(server, log={"level": "debug", "format": "json"})
        self.good("reload")
        self.assertEqual(self.good("status")["log_level"], "debug")

    def test_stop(self):
        server = self.serve_control(listener("a", TCP))
        with server.connect("a") as client:
            client.exchange(b"hello")
            stop = self.background(self.run_plait, "stop", server.file)
            self.assertEqual(client.receive_to_end(), b"")  # drained, not cut
        stop()
        self.assertEqual(server.wait(), 0)
        self.assertFalse(self.path.exists())

    def test_stop_now(self):
        """The first word is the last: nobody takes the place of the worker that ends."""
        server = self.serve_control(listener("a", TCP))
        self.run_plait("stop", "--now", server.file)
        self.assertEqual(server.wait(), 0)
        self.assertFalse([text for text in server.messages() if "starting another worker" in text])

    def test_stop_while_a_loop_is_stuck(self):
        file = self.folder / "held"
        server = self.serve_control(
            listener("a", TCP, "hold", options={"file": str(file)}),
            plugins=[str(PLUGINS / "hold.so")],
            watchdog="500ms",
            drain_timeout="100ms",
        )
        file.touch()
        with server.connect("a") as stuck:
            stuck.send(b"hello")
            server.wait_message("^holds its loop")
            self.run_plait("stop", server.file)
            self.assertNotEqual(server.wait(), 0)
        self.assertFalse([text for text in server.messages() if "starting another worker" in text])

    def test_stop_while_it_stops(self):
        server = self.serve_control(listener("a", TCP, timeouts={"close": "10m"}), drain_timeout="10m")
        with server.connect("a", receive_buffer=4096) as stuck:
            self.fill(stuck)
            with self.control() as first:
                self.assertTrue(first.ask("stop")["ok"])
                self.assertEqual(self.good("status")["state"], "stopping")
                self.assertEqual(self.listed()["state"], "stopped")
                for command in ("pause", "drain", "resume"):
                    self.bad("stopping", command, listener="a")
                self.bad("stopping", "reload")
                self.run_plait("stop", "--now", server.file)
                self.assertTrue(first.has_ended())
        self.assertEqual(server.wait(), 1)


class Loops(ControlCase):
    def test_a_loop_that_is_stuck_is_told_of(self):
        file = self.folder / "held"
        server = self.serve_control(
            listener("a", TCP, "hold", options={"file": str(file)}),
            plugins=[str(PLUGINS / "hold.so")],
            threads=2,
            watchdog="off",
        )
        file.touch()
        try:
            with server.connect("a") as stuck:
                stuck.send(b"hello")
                status = wait_for(
                    lambda: (lambda one: one["loops_missing"] == 1 and one)(self.good("status")),
                    what="a loop that is stuck",
                )
                self.assertEqual(sorted(loop["answers"] for loop in status["loops"]), [False, True])
                self.assertIn("DOES NOT ANSWER", self.run_plait("status", server.file))
                self.assertEqual(self.good("connections")["loops_missing"], 1)
                self.assertEqual(self.good("kick", all=True)["loops_missing"], 1)
                self.assertEqual(self.good("listeners")["loops_missing"], 1)
                self.assertEqual(self.good("reload")["loops_missing"], 1)
                file.unlink()
                self.assertFalse(stuck.wait_end())  # kicked after all
                self.assertEqual(self.good("status")["loops_missing"], 0)
        finally:
            file.unlink(missing_ok=True)

    def test_a_listener_that_went_while_a_loop_is_stuck(self):
        """Of two that are taken out, each with its socket on another loop, one is gone and one cannot go yet."""
        file = self.folder / "held"
        a = listener("a", TCP, "hold", options={"file": str(file)})
        server = self.serve_control(a, plugins=["echo", str(PLUGINS / "hold.so")], threads=2, watchdog="off")
        self.write(server, a, listener("b", TCP), listener("c", TCP))
        self.good("reload")  # nothing but these two is of this reading
        file.touch()
        try:
            with server.connect("a") as stuck:
                stuck.send(b"hello")
                server.wait_message("holds its loop")
                self.write(server, a)
                self.assertEqual(self.good("reload")["loops_missing"], 1)
                listed = {one["name"]: one for one in self.good("listeners")["listeners"]}
                self.assertEqual(len(listed), 2, listed)
                left = listed[max(listed)]
                self.assertEqual((left["state"], left["protocol"]), ("leaving", "echo"))
        finally:
            file.unlink(missing_ok=True)
        wait_for(lambda: len(self.good("listeners")["listeners"]) == 1, what="the end of the other one")

    def test_answers_under_load(self):
        """Eight clients on two loops, as fast as they can; commands in between are all answered."""
        server = self.serve_control(listener("a", TCP))
        port = server.port("a")
        load = self.background(
            harness.plait, "bench", "echo", f"tcp://127.0.0.1:{port}", "-c", "64", "-d", "16", "-t", "60", "-n", "200000"
        )
        wait_for(lambda: self.good("status")["connections"]["now"] >= 64, what="the load")
        with self.control() as peer:
            for _ in range(50):
                for command in ("status", "listeners", "connections", "reload"):
                    self.assertEqual(peer.ask(command)["loops_missing"], 0)
        result = load()
        self.assertEqual(result.returncode, 0, result.stderr)


class Program(ControlCase):
    def test_without_a_server(self):
        file = self.write_config(listener("a", TCP), control="none.sock")
        self.assertIn("no server runs there", self.run_plait("status", file, status=1))
        self.assertIn("FILE is missing", self.run_plait("status", status=2))
        self.assertIn("not both", self.run_plait("status", file, "--control", "x", status=2))
        self.assertIn("LISTENER is missing", self.run_plait("drain", status=2))
        self.assertIn("too long", self.run_plait("status", "--control", "x" * 200, status=1))
        file = self.write_config(listener("a", TCP), _name="without.json")
        self.assertIn('add "control"', self.run_plait("status", file, status=1))
        stale = self.folder / "none.sock"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(stale))
        self.assertIn("nobody listens", self.run_plait("status", "--control", stale, status=1))

    def test_a_server_that_does_not_answer(self):
        path = self.folder / "odd.sock"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(path))
            sock.listen()

            def answer(data):
                peer = sock.accept()[0]
                peer.recv(1000)
                peer.sendall(data)
                peer.close()

            for data, expected in (
                (b"", "ended the connection"),
                (b'{"v":1', "ended the connection"),
                (b'{"v":2,"ok":true}\n', "another version"),
                (b"garbage\n", "another version"),
                (b'{"v":1,"ok":false,"error":{"code":"x","text":"\\u001b[2Jno"}}\n', "no"),
            ):
                join = self.background(answer, data)
                error = self.run_plait("status", "--control", path, status=1)
                self.assertIn(expected, error)
                self.assertNotIn("\x1b", error)
                join()

    def test_states_are_those_that_the_help_names(self):
        self.serve_control(listener("a", TCP))
        said = re.search(r"those that are in ([a-z, \n]+)", self.run_plait("connections", "--help")).group(1)
        for state in re.split(r"[\s,]+(?:or )?", said.strip()):
            self.good("connections", state=state)

    def test_help_lists_what_the_program_has(self):
        server = self.serve_control(listener("a", TCP))
        names = [one["name"] for one in self.good("help")["commands"]]
        for name in names:
            self.assertIn(f"plait {name}", self.run_plait(name, "--help"))
        self.assertTrue(server.alive())


class Socket(ControlCase):
    def test_none_by_default(self):
        server = self.serve(listener("a", TCP))
        self.assertEqual([path.name for path in self.folder.iterdir() if path.is_socket()], [])
        self.assertNotIn("control socket", server.log())

    def test_mode_and_removal(self):
        server = self.serve_control(listener("a", TCP))
        mode = self.path.stat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(mode & 0o777, 0o600)
        server.stop()
        self.assertFalse(self.path.exists())

    def is_stale(self):
        try:
            self.control().sock.close()
        except ConnectionRefusedError:
            return True
        return False

    def test_stale_and_living(self):
        server = self.serve_control(listener("a", TCP))
        second = self.begin(listener("a", TCP), control=str(self.path))
        self.assertEqual(second.wait(), 1)
        self.assertIn("another program is listening on it", second.log())
        self.assertNotIn("listening on tcp", second.log())
        self.good("status")
        server.send_signal(signal.SIGKILL)
        server.wait()
        wait_for(self.is_stale, what="the worker's end, too")
        self.assertTrue(self.path.exists())
        self.serve_control(listener("a", TCP))
        self.good("status")

    def test_a_file_in_the_way(self):
        self.path = self.folder / "control.sock"
        self.path.write_text("precious")
        server = self.begin(listener("a", TCP), control=str(self.path))
        self.assertEqual(server.wait(), 1)
        self.assertRegex(server.log(), "error: control: .*it exists and is no socket")
        self.assertEqual(self.path.read_text(), "precious")

    @unittest.skipIf(os.getuid(), "needs root")
    def test_others_are_refused(self):
        server = self.serve_control(listener("a", TCP))
        os.chmod(self.folder, 0o755)
        os.chmod(self.path, 0o666)  # as if somebody had
        child = os.fork()
        if child == 0:
            status = 2
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                with Control(self.path) as peer, contextlib.suppress(ConnectionError):
                    peer.send(b'{"v":1,"command":"stop"}\n')
                    status = 0 if peer.line() is None else 1
                status = 0 if status == 2 else status
            finally:
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        server.wait_message("refused: only root and the server's own user may")
        self.good("status")


if __name__ == "__main__":
    harness.main()
