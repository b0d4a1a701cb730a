#!/usr/bin/python3 -B
"""Reading the configuration anew while it is served: listeners that change, come, move and go; the plugins' code; TLS."""
import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket

import harness
from harness import BUILDDIR, CERTS, listener, receive, wait_for
from reload import Reload

HOLD = str(BUILDDIR / "tests/system/.libs/hold.so")


class Listeners(Reload):
    def test_nothing_changed(self):
        server = self.serve_edition(listener("a", "tcp://127.0.0.1:0", "edition"))
        with server.connect("a") as client:
            client.receive_line(b"\n")
            said = self.reload(server)
            self.assertTrue(any(text.endswith(": 0 changes") for text in said), said)
            client.exchange(b"still here")

    def test_options(self):
        def one(word):
            return listener("a", "tcp://127.0.0.1:0", "edition", options={"word": word})

        server = self.serve_edition(one("first"))
        with server.connect("a") as old:
            self.assertEqual(old.receive_line(b"\n"), b"one first")
            said = self.reload(server, one("second"))
            self.assertIn('reload: a: changed: "options"', said)
            wait_for(lambda: self.greeting(server) == b"one second", what="the new options")
            old.exchange(b"as before")
        self.assertEqual(len(server.endpoints()["a"]), 1)

    def test_protocol(self):
        server = self.serve_edition(listener("a", "tcp://127.0.0.1:0", "echo"))
        with server.connect("a") as old:
            old.exchange(b"echo")
            self.reload(server, listener("a", "tcp://127.0.0.1:0", "edition"))
            wait_for(lambda: self.greeting(server) == b"one plain", what="the new protocol")
            old.exchange(b"echo still")

    def test_comes_and_goes(self):
        a, b = (listener(name, "tcp://127.0.0.1:0") for name in "ab")
        server = self.serve(a)
        self.reload(server, a, b)
        server.wait_message("listening on", "b")
        with server.connect("a") as stays, server.connect("b") as goes:
            stays.exchange(b"hello")
            goes.exchange(b"hello")
            self.reload(server, a)
            self.assertEqual(goes.receive_to_end(), b"")
            stays.exchange(b"hello again")
        server.wait_message("gone from tcp://", "b")
        with self.assertRaises(ConnectionRefusedError):
            server.connect("b")

    def test_a_removed_one_waits_for_drain_timeout_at_most(self):
        """Its peer takes nothing of what it is owed."""
        a, b = listener("a", "tcp://127.0.0.1:0"), listener("b", "tcp://127.0.0.1:0", timeouts={"close": "10m"})
        server = self.serve(a, b, drain_timeout="500ms")
        with server.connect("b", receive_buffer=4096) as stuck, server.connect("a") as stays:
            while select.select([], [stuck.sock], [], 1)[1]:
                with contextlib.suppress(BlockingIOError):
                    stuck.sock.send(b"x" * 65536)
            self.reload(server, a)
            server.wait_message("draining took longer", "b")
            server.wait_reason("drain", "b")
            self.assertFalse(stuck.wait_end())
            stays.exchange(b"hello")
        server.wait_message("gone from tcp://", "b")

    def test_moves(self):
        server = self.serve(listener("a", "tcp://127.0.0.1:0"))
        former = server.address("a")
        with server.connect("a") as old:
            old.exchange(b"hello")
            said = self.reload(server, listener("a", "tcp://127.0.0.2:0"))
            self.assertTrue(any(re.search("reload: a: moved from .* to tcp://127.0.0.2:", text) for text in said))
            old.exchange(b"still here" * 1000)
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(former[1])
        server.wait_message("gone from tcp://127.0.0.1", "a")

    def test_back_before_all_loops_have_left(self):
        """A reload waits for what the one before it closes."""
        file = self.folder / "held"

        def one(bind):
            return listener("a", bind, "hold", options={"file": str(file)})

        server = self.serve(one("tcp://127.0.0.1:0"), plugins=[HOLD], threads=1)
        here = server.endpoint("a")
        with server.connect("a") as client:
            client.exchange(b"hello")
            file.touch()
            try:
                client.send(b"hold")
                server.wait_message("^holds its loop")
                self.reload(server, one("tcp://127.0.0.2:0"))
                self.write(server, one(here))
                for _ in range(3):
                    server.send_signal(signal.SIGHUP)
            finally:
                file.unlink()
            self.assertEqual(client.receive(4), b"hold")
            server.wait_message(f"^reload: a: moved from .* to {here}$")
            with server.connect("a") as other:
                other.exchange(b"hello again")
        self.assertFalse([text for text in server.messages() if text.startswith("not reloaded")])

    def test_two_change_places(self):
        server = self.serve_edition(
            listener("a", "tcp://127.0.0.1:0", "edition", options={"word": "a"}),
            listener("b", "tcp://127.0.0.1:0", "edition", options={"word": "b"}),
        )
        binds = {name: server.endpoint(name) for name in "ab"}
        addresses = {name: server.address(name)[1] for name in "ab"}

        def visit(address):
            with socket.create_connection(address) as sock:
                return sock.makefile("rb").readline()

        self.assertEqual(visit(addresses["a"]), b"one a\n")
        for first, second in (("b", "a"), ("a", "b"), ("b", "a")):
            self.reload(
                server,
                listener("a", binds[first], "edition", options={"word": "a"}),
                listener("b", binds[second], "edition", options={"word": "b"}),
            )
            wait_for(lambda: visit(addresses[first]) == b"one a\n", what="a in the place of the other")
            wait_for(lambda: visit(addresses[second]) == b"one b\n", what="b in the place of the other")

    def test_a_socket_is_taken_over_once(self):
        """One address that has two names is refused, as at the start; and can be taken over after that."""
        for supervise in (True, False):
            with self.subTest(supervise=supervise), socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
                free.close()
                server = self.serve(listener("a", f"tcp://127.0.0.1:{port}"), supervise=supervise)
                b, c = listener("b", f"tcp://localhost:{port}"), listener("c", f"tcp://127.0.0.1:{port}")
                said = self.refuse(server, b, c)
                self.assertTrue(any("another program or listener has it" in text for text in said), said)
                self.reload(server, c)
                with server.connect("c") as client:
                    client.exchange(b"hello")

    def test_a_unix_socket_changes_its_name(self):
        for supervise in (True, False):  # who binds it removes its file
            with self.subTest(supervise=supervise):
                self.check_renamed(self.folder / "it.sock", supervise)

    def check_renamed(self, path, supervise):
        server = self.serve(listener("a", f"unix:{path}"), supervise=supervise)
        before = path.stat().st_ino
        self.reload(server, listener("b", f"unix:{path}", socket={"mode": "0600"}))
        server.wait_message("gone from unix:", "a")
        self.assertEqual((path.stat().st_ino, path.stat().st_mode & 0o777), (before, 0o600))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(b"hello")
            self.assertEqual(receive(sock, 5), b"hello")
        server.stop()
        self.assertFalse(path.exists())

    def test_limits(self):
        def one(connections):
            return listener("a", "tcp://127.0.0.1:0", limits={"connections": connections})

        server = self.serve(one(1))
        with server.connect("a") as first:
            first.exchange(b"hello")
            self.assertTrue(self.is_refused(server))
            self.reload(server, one(2))
            with server.connect("a") as second:
                second.exchange(b"hello")
                self.assertTrue(self.is_refused(server))

    def test_accepting_on_each_loop(self):
        def one(word):
            return listener("a", "tcp://127.0.0.1:0", "edition", options={"word": word})

        server = self.serve_edition(one("first"), accept="reuseport", threads=3)
        for word in ("second", "third"):
            self.reload(server, one(word))
            expected = f"one {word}".encode()
            wait_for(lambda: all(self.greeting(server) == expected for _ in range(20)), what="all loops")

    def test_what_needs_a_restart_is_told(self):
        server = self.serve(listener("a", "tcp://127.0.0.1:0"))
        said = self.reload(server, threads=3, accept="reuseport", supervise=False, umask="077", core_dumps=True)
        again = self.reload(server)  # it is as true as before
        for key in ("threads: another", "accept: another", "supervise: another", "umask: what", "core_dumps: what"):
            for texts in (said, again):
                self.assertTrue(any(re.search(f" {key} .* restart", text) for text in texts), (key, texts))

    def test_log(self):
        server = self.serve(listener("a", "tcp://127.0.0.1:0"))
        self.reload(server, log={"level": "info", "format": "json"})
        with server.connect("a") as client:
            client.exchange(b"hello")
        self.assertFalse([one for one in server.records() if one["level"] == "debug" and "opened" in one["message"]])


class Datagrams(Reload):
    def test_a_port_keeps_its_socket(self):
        """What is queued when the port gets other options is answered, by one or the other."""

        def one(word):
            return listener("a", "udp://127.0.0.1:0", "edition", options={"word": word})

        server = self.serve_edition(one("w0"))
        with server.datagram_socket("a") as sock:
            for number in range(1, 20):
                self.write(server, one(f"w{number}"))
                server.send_signal(signal.SIGHUP)
                for index in range(50):
                    sock.send(b"%d" % index)
                    greeting, body = sock.recv(1000).split(b"\n")
                    self.assertEqual(body, b"%d" % index)
                    self.assertRegex(greeting, rb"^one w\d+$")

                def arrived():
                    sock.send(b"?")
                    return sock.recv(1000) == b"one w%d\n?" % number

                wait_for(arrived, what="the new options")

    def test_protocol(self):
        server = self.serve_edition(listener("a", "udp://127.0.0.1:0"))
        with server.datagram_socket("a") as sock:
            sock.send(b"x")
            self.assertEqual(sock.recv(100), b"x")
            self.reload(server, listener("a", "udp://127.0.0.1:0", "edition"))

            def arrived():
                sock.send(b"x")
                return sock.recv(100) == b"one plain\nx"

            wait_for(arrived, what="the new protocol")

    def test_comes_and_goes(self):
        a, b = (listener(name, "udp://127.0.0.1:0") for name in "ab")
        server = self.serve(a)
        self.reload(server, a, b)
        server.wait_message("listening on", "b")
        with server.datagram_socket("b") as sock:
            sock.send(b"x")
            self.assertEqual(sock.recv(100), b"x")
            self.reload(server, a)
            server.wait_message("gone from udp://", "b")
            with self.assertRaises(ConnectionRefusedError):
                for _ in range(100):
                    sock.send(b"x")
                    sock.recv(100)

    def test_what_is_set_for_good(self):
        server = self.serve(listener("a", "udp://127.0.0.1:0"))
        said = self.refuse(server, listener("a", "udp://127.0.0.1:0", socket={"broadcast": True}))
        self.assertTrue(
            any(re.search(r"listeners\[0\].socket.broadcast: cannot change while", text) for text in said), said
        )


class Plugins(Reload):
    def test_new_code(self):
        server = self.serve_edition(listener("a", "tcp://127.0.0.1:0", "edition"), listener("b", "tcp://127.0.0.1:0"))
        with server.connect("a") as old, server.connect("b") as other:
            self.assertEqual(old.receive_line(b"\n"), b"one plain")
            self.put_edition("two")
            said = self.reload(server)
            self.assertIn("reload: a: changed: the plugin's code", said)
            self.assertFalse([text for text in said if "b: changed" in text])
            wait_for(lambda: self.greeting(server) == b"two plain", what="the new code")
            old.exchange(b"the old code is still there" * 100)
            other.exchange(b"hello")
            self.assertEqual(self.mapped(server), 2)
            self.assertFalse([text for text in server.messages() if "unloaded" in text])
        server.wait_message("edition one unloaded")
        wait_for(lambda: self.mapped(server) == 1, what="the old code to be gone")
        self.assertEqual(self.greeting(server), b"two plain")

    def test_code_stays_as_long_as_something_leads_into_it(self):
        server = self.serve_edition(listener("a", "tcp://127.0.0.1:0", "edition", options={"linger": "500ms"}))
        self.put_edition("two")
        self.reload(server)
        server.wait_message("its former code stays")
        server.wait_message("edition one unloaded")
        messages = server.messages()
        self.assertLess(
            messages.index("edition one has done all it had to"), messages.index("edition one unloaded")
        )
        self.assertEqual(self.greeting(server), b"two plain")

    def test_same_code(self):
        server = self.serve_edition(listener("a", "tcp://127.0.0.1:0", "edition"))
        self.put_edition("one")
        self.assertTrue(any(text.endswith(": 0 changes") for text in self.reload(server)))
        self.assertEqual(len([text for text in server.messages() if "edition one loaded" in text]), 1)

    def test_datagrams(self):
        server = self.serve_edition(listener("a", "udp://127.0.0.1:0", "edition"))
        with server.datagram_socket("a") as sock:
            self.put_edition("two")
            self.reload(server)
            server.wait_message("edition one unloaded")
            sock.send(b"x")
            self.assertEqual(sock.recv(100), b"two plain\nx")

    def test_a_plugin_comes_and_goes(self):
        self.put_edition("one")
        server = self.serve(listener("a", "tcp://127.0.0.1:0"))
        plugins = server.config["plugins"]
        self.reload(
            server,
            listener("a", "tcp://127.0.0.1:0"),
            listener("b", "tcp://127.0.0.1:0", "edition"),
            plugins=[*plugins, str(self.folder / "edition.so")],
        )
        server.wait_message("listening on", "b")
        self.assertEqual(self.greeting(server, "b"), b"one plain")
        self.reload(server, listener("a", "tcp://127.0.0.1:0"), plugins=plugins)
        server.wait_message("edition one unloaded")


class Tls(Reload):
    def context(self, name):
        return {"certificate": str(CERTS / f"{name}.pem"), "key": str(CERTS / f"{name}.key")}

    def served(self, server, name="a"):
        with server.connect(name) as client:
            client.exchange(b"hello")
            return client.tls.getpeercert(True)

    def test_another_certificate(self):
        server = self.serve(listener("a", "tls://127.0.0.1:0", tls="mine"), tls={"mine": self.context("server")})
        before = self.served(server)
        with server.connect("a") as old:
            old.exchange(b"hello")
            self.reload(server, tls={"mine": self.context("server-rsa")})
            wait_for(lambda: self.served(server) != before, what="the other certificate")
            old.exchange(b"hello again" * 1000)

    def test_a_context_that_came_is_renewed(self):
        """Its files are read again as those of the first ones are."""
        files = {key: str(self.folder / f"mine.{key}") for key in ("certificate", "key")}

        def put(name):
            for key, path in self.context(name).items():
                fresh = self.folder / "fresh"
                shutil.copy(path, fresh)
                os.replace(fresh, files[key])

        put("server")
        server = self.serve(listener("a", "tls://127.0.0.1:0", tls="first"), tls={"first": self.context("server-rsa")})
        self.reload(server, listener("a", "tls://127.0.0.1:0", tls="mine"), tls={"mine": files})
        before = self.served(server)
        put("server-2")
        said = self.signal(server, "^reloaded")
        self.assertEqual([text[:13] for text in said if ": renewed; " in text], ["tls.mine: ren"])
        self.assertNotEqual(self.served(server), before)

    def test_a_protocol_that_listens_when_it_starts(self):
        """With TLS, while the reload has read certificates itself."""
        server = self.serve_edition(
            listener("a", "tcp://127.0.0.1:0", "edition"),
            listener("b", "tls://127.0.0.1:0", tls="mine"),
            tls={"mine": self.context("server")},
        )
        a, b = server.config["listeners"]
        self.reload(server, {**a, "options": self.context("server-rsa")}, b)
        server.wait_message("^listens, too, on tls:")
        self.reload(server, a, b)
        self.refuse(
            server,
            {**a, "options": self.context("server-rsa")},
            b,
            listener("c", "tcp://127.0.0.1:0", "edition", options={"refuse": True}),
        )
        server.wait_message("^listens, too, on tls:", count=2)
        self.assertEqual(len([text for text in server.messages() if text.startswith("tls.mine: renewed")]), 2)

    def test_another_context(self):
        contexts = {"one": self.context("server"), "two": self.context("server-rsa")}
        server = self.serve(
            listener("a", "tls://127.0.0.1:0", tls="one"), listener("b", "tls://127.0.0.1:0", tls="two"), tls=contexts
        )
        one, two = self.served(server, "a"), self.served(server, "b")
        self.assertNotEqual(one, two)
        self.reload(
            server, listener("a", "tls://127.0.0.1:0", tls="two"), listener("b", "tls://127.0.0.1:0", tls="one")
        )
        wait_for(lambda: (self.served(server, "a"), self.served(server, "b")) == (two, one), what="the exchange")

    def test_plain_becomes_tls(self):
        """On the same port."""
        server = self.serve(listener("a", "tcp://127.0.0.1:0"))
        bind = server.endpoint("a").replace("tcp:", "tls:")
        with server.connect("a") as old:
            old.exchange(b"hello")
            self.reload(server, listener("a", bind, tls="mine"), tls={"mine": self.context("server")})
            old.exchange(b"hello again")
            wait_for(lambda: len(server.endpoints()["a"]) == 2, what="the second listening line")
            context = harness.client_context(CERTS / "ca.pem")
            with server.connect("a", tls=context) as client:
                client.exchange(b"secret")


if __name__ == "__main__":
    harness.main()
