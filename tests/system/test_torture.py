#!/usr/bin/python3 -B
"""No memory, at each of plait's own allocations in turn: no signal, nobody stuck, nothing left open, and who comes next is
served.

With PLAIT_TEST_TORTURE=all (./dev torture) each one fails; else some of them, always the same. Whose allocation it is, is told
by the address of the call. There is one loop, so what a client makes it do has one order; the main thread, which reloads,
does nothing at the same time."""
import contextlib
import json
import os
import re
import resource
import signal
import socket
import time

import harness
from harness import CERTS, Server, listener, receive, wait_for
from torture import ALL, OWN, PATIENCE, Torture, Trouble, echo, flood, talk

WHOLE = os.environ.get("PLAIT_TEST_TORTURE") == "all"
# More than any of them asks for.
FOR_EVER = 1 << 40
# What a process says that ends for want of memory, by design.
DELIBERATE = re.compile(r"^plait: no memory for .+$", re.M)


class Serving(Torture):
    """A server that runs, and loses memory while it does something."""

    def begin_server(self):
        for server in self.servers:
            server.kill()
        self.servers.clear()
        self.order.disarm()
        self.flips = 0
        self.first = self.settings()
        server = self.start(self.first).wait_ready()
        server.wait_message("^ready")
        for _ in range(3):  # OpenSSL makes things for ever in the first handshakes
            self.probe(server)
        self.before = self.descriptors(server)
        return server

    def sweep(self, what, act, after=None, before=None, step=1, mode=OWN):
        """Does it again and again, each time with another of its allocations failing, until none is left that could."""
        server = self.begin_server()
        number = failed = hit = 0
        while True:
            number += 1 if WHOLE or number < 3 else step
            try:
                if before:
                    before(server)
                self.order.arm(number, 1, mode)
                try:
                    act(server)
                finally:
                    hit = self.order.disarm()
                    self.check_alive(server)
                if after:
                    after(server)
                self.probe(server)
                self.check_descriptors(server, self.before)
            except (Trouble, AssertionError, OSError) as trouble:
                self.note(what, number, trouble)
                if not hit:
                    break
                server = self.begin_server()
            if not hit:
                break
            failed += 1
        harness.comment(f"{what}: {failed} of {self.order.seen()} allocations failed")
        self.assertGreater(failed, 0, f"{what}: nothing was asked for, or it was not counted")

    def tearDown(self):
        self.order.disarm()
        super().tearDown()
        self.assertEqual(self.troubles, {}, "\n".join(f"{text} {at}" for text, at in self.troubles.items()))

    # What is done.

    def plain(self, server):
        talk(server, "tcp", echo(100))

    def tls(self, server):
        talk(server, "tls", echo(100), self.context)

    def unix(self, server):
        talk(server, "unix", echo(100))

    def owed(self, server):
        talk(server, "tcp", flood(2_000_000))

    def owed_tls(self, server):
        talk(server, "tls", flood(500_000), self.context)

    def lines(self, server):
        def work(sock):
            sock.sendall(b"ab")
            receive_after = b"cd\r\n" * 30
            time.sleep(0.002)
            sock.sendall(receive_after)
            receive(sock, 6)

        talk(server, "line", work)

    def proxied(self, server):
        def work(sock):
            sock.sendall(b"PROXY TCP4 192.0.2.1 ")
            time.sleep(0.002)
            sock.sendall(b"192.0.2.2 1 2\r\n")
            echo(100)(sock)

        talk(server, "proxied", work)

    def chat(self, server):
        def work(sock):
            def inner(other):
                sock.sendall(b"hello\r\n")
                other.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    other.recv(100)

            failure = talk(server, "chat", inner)
            if isinstance(failure, Trouble):
                raise failure

        talk(server, "chat", work)

    def test_a_connection(self):
        for what in (
            self.plain,
            self.tls,
            self.unix,
            self.owed,
            self.owed_tls,
            self.lines,
            self.proxied,
            self.chat,
        ):
            self.sweep(what.__name__, what)

    # The control socket.

    def ask(self, command, **arguments):
        """The answer; None when the connection ended without."""
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(PATIENCE)
                sock.connect(str(self.folder / "control.sock"))
                sock.sendall(json.dumps({"v": 1, "command": command, **arguments}).encode() + b"\n")
                data = b""
                while not data.endswith(b"\n"):
                    more = sock.recv(1 << 16)
                    if not more:
                        return None
                    data += more
                return json.loads(data)
        except TimeoutError:
            raise Trouble(f"{command}: no answer") from None
        except ConnectionError:
            return None

    def good(self, command, **arguments):
        answer = self.ask(command, **arguments)
        if not answer or not answer["ok"]:
            raise Trouble(f"{command}: {answer}")
        return answer

    def test_the_control_socket(self):
        def with_a_client(command):
            def act(server):
                with contextlib.suppress(OSError), server.connect("line"):
                    self.ask(command, listener="line")

            return act

        def resume(_):
            self.good("resume", listener="line")

        for command in ("status", "listeners", "help", "no such one"):
            self.sweep(command, lambda _, command=command: self.ask(command))
        for command in ("connections", "kick"):
            self.sweep(command, with_a_client(command))
        for command in ("pause", "drain"):
            self.sweep(command, with_a_client(command), resume)

    # Reload.

    def state(self, server):
        """What is served, by address; by whose code; with which certificate."""
        listeners = [
            (one["name"], one["address"], one["state"]) for one in self.good("listeners")["listeners"]
        ]
        with server.connect("edition") as client:
            edition = client.receive_line(b"\n").split()[0]
        with server.connect("tls") as client:
            serial = client.tls.getpeercert()["serialNumber"]
        return sorted(listeners), edition, serial

    def changed(self):
        """Another configuration each time: options, certificate, a plugin's code, listeners that come, go and move."""
        self.flips += 1
        odd = self.flips % 2
        config = self.settings(
            listener(f"extra{self.flips}", "tcp://127.0.0.1:0", limits={"per_address": 100}),
            listener("more", f"udp://127.0.0.{1 + odd}:0"),
            listener("named", "tls://127.0.0.1:0", server_names={"a.example": "default"}),
        )
        config["listeners"][4]["options"]["max_length"] = 100 + self.flips
        config["tls"]["default"] = {
            "certificate": str(CERTS / ("server-2.pem" if odd else "server.pem")),
            "key": str(CERTS / ("server-2.key" if odd else "server.key")),
        }
        self.put_edition("two" if odd else "one")
        return config

    def hang_up(self, server, config):
        """What the log says that came of it, and all it says."""
        self.write(server, config)
        count = len(server.messages())
        server.send_signal(signal.SIGHUP)

        def told():
            self.check_alive(server)
            return [text for text in server.messages()[count:] if re.match("reloaded|not reloaded", text)]

        try:
            done = wait_for(told, 10, "the end of the reload")[0]
        except AssertionError as trouble:
            raise Trouble(str(trouble)) from None
        return done.startswith("reloaded"), [
            record["message"] for record in server.records()[count:] if record.get("level") == "error"
        ]

    def settle(self, server):
        """It was done or it was not, wholly; and goes better now."""
        edition = b"two" if self.flips % 2 else b"one"
        state = self.state(server)
        if not self.done and len(self.errors) < 2:
            raise Trouble("it was refused without a reason")
        if not self.done and state != self.was:
            raise Trouble(f"it was refused, but {self.was} became {state}")
        if self.done and (
            state[1] != edition or not any(name == f"extra{self.flips}" for name, *_ in state[0])
        ):
            raise Trouble(f"it was done, but there is {state}")
        done, errors = self.hang_up(server, self.changed())
        if not done:
            raise Trouble(f"a later reload is refused: {errors}")
        done, errors = self.hang_up(server, self.settings())
        if not done:
            raise Trouble(f"a later reload is refused: {errors}")

    def test_a_reload(self):
        def act(server):
            self.done, self.errors = self.hang_up(server, self.changed())

        def before(server):
            self.was = self.state(server)

        self.sweep("reload", act, self.settle, before, step=9)

    def test_a_reload_that_is_refused(self):
        def act(server):
            broken = self.settings(listener("tcp", "tcp://nonsense:0", "nothing"), bogus=3)
            done, errors = self.hang_up(server, broken)
            if done or len(errors) < 2:
                raise Trouble(f"done: {done}, {errors}")

        def after(server):
            done, errors = self.hang_up(server, self.settings())
            if not done:
                raise Trouble(f"a later reload is refused: {errors}")

        self.sweep("broken", act, after, step=11)

    # All that libraries ask for, too. After the first handshakes: one that fails there can leave OpenSSL broken for ever.

    def test_libraries(self):
        self.sweep("plain, libraries", self.plain, mode=ALL)
        self.sweep("tls, libraries", self.tls, mode=ALL, step=31)
        self.sweep("status, libraries", lambda _: self.ask("status"), mode=ALL, step=17)

    def test_no_address_is_left(self):
        """The system gives no more memory: nothing ends, and all goes on when there is some again."""
        server = self.begin_server()
        hard = resource.prlimit(server.pid, resource.RLIMIT_AS)[1]
        with contextlib.ExitStack() as stack:
            resource.prlimit(server.pid, resource.RLIMIT_AS, (0, hard))
            held = refused = 0
            for number in range(200):
                try:
                    stack.enter_context(server.connect("tls" if number % 2 else "tcp", timeout=PATIENCE))
                    held += 1
                except OSError:
                    refused += 1
                self.check_alive(server)
            self.ask("status")
            reloads = [self.hang_up(server, self.changed()) for _ in range(3)]
            self.check_alive(server)
            harness.comment(f"{held} connections, {refused} refused; reloads: {reloads}")
            for done, errors in reloads:
                self.assertTrue(done or any("memory" in error for error in errors), errors)
            resource.prlimit(server.pid, resource.RLIMIT_AS, (hard, hard))
        wait_for(lambda: self.ask("status"), what="the control socket")
        self.probe(server)
        done, errors = self.hang_up(server, self.settings())
        self.assertTrue(done, errors)


class Ends(Torture):
    """Processes that lose memory when they start, or when they stop."""

    def tearDown(self):
        self.order.disarm()
        for server in self.servers:
            server.kill()
        self.servers.clear()
        super().tearDown()
        self.assertEqual(self.troubles, {}, "\n".join(f"{text} {at}" for text, at in self.troubles.items()))

    def wait_started(self, server):
        """True: it is ready. False: it has ended."""
        try:
            wait_for(lambda: server.process.poll() is not None or '"message":"ready' in server.log(), 20)
        except AssertionError:
            raise Trouble("neither ready nor ended") from None
        return '"message":"ready' in server.log()

    def ends_at_once(self, server):
        """A loop's first turns are part of the start, too."""
        try:
            self.probe(server)
            return False
        except Trouble:
            if server.process.poll() is None:
                raise
            return True

    def judge_refusal(self, server):
        status, log = server.wait(), server.log()
        said = DELIBERATE.search(log)
        if status == -signal.SIGABRT and said:
            return
        if status == 1 and re.search(r'"level":"error"|^\S*:? ?error: ', log, re.M):
            return
        raise Trouble(f"it ended with {status}: {log.strip().splitlines()[-1:]}")

    def stop(self, server, expect=(0,)):
        server.send_signal(signal.SIGTERM)
        try:
            status = server.wait(20)
        except AssertionError as trouble:
            raise Trouble(str(trouble)) from None
        if status not in expect:
            raise Trouble(f"it stopped with {status}: {server.log().strip().splitlines()[-1:]}")

    def finish(self, server):
        server.kill()
        self.servers.remove(server)

    def start_sweep(self, what, step, mode, length=1):
        number = refused = 0
        while True:
            number += 1 if WHOLE or number < 3 else step
            self.order.arm(number, length, mode)
            server = self.start(self.settings())
            try:
                ready = self.wait_started(server)
                hit = self.order.disarm()
                if ready and not self.ends_at_once(server):
                    self.stop(server)
                else:
                    refused += 1
                    self.judge_refusal(server)
            except (Trouble, AssertionError, OSError) as trouble:
                hit = self.order.disarm()
                self.note(what, number, trouble)
            self.finish(server)
            if not hit:
                break
        harness.comment(f"{what}: {number - 1} of {self.order.seen()} allocations, {refused} starts refused")
        self.assertGreater(number, 5)

    def test_a_start(self):
        self.start_sweep("start", 17, OWN)

    def test_a_start_without_any_more(self):
        """From there on all fail."""
        self.start_sweep("start, no more", 29, OWN, FOR_EVER)

    def test_a_stop(self):
        number = 0
        while True:
            number += 1 if WHOLE or number < 3 else 5
            self.order.disarm()
            server = self.start(self.settings(drain_timeout="100ms"))
            hit = 0
            try:
                self.assertTrue(self.wait_started(server))
                self.probe(server)
                with server.connect("tls") as one, server.connect("line"), server.connect("chat"):
                    self.order.arm(number)
                    one.exchange(b"x" * 100, finish=False)
                    self.stop(server, (0, 1))
                hit = self.order.disarm()
            except (Trouble, AssertionError, OSError) as trouble:
                hit = self.order.disarm()
                self.note("stop", number, trouble)
            self.finish(server)
            if not hit:
                break
        harness.comment(f"stop: {number - 1} of {self.order.seen()} allocations")
        self.assertGreater(number, 5)


if __name__ == "__main__":
    harness.main()
