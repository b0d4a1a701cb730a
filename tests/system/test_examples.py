#!/usr/bin/python3 -B
"""The programs of examples/: each does what its first line says."""
import pathlib
import re
import signal
import socket
import subprocess

import harness
from harness import BUILDDIR, Case, wait_for
from stream import Stream


class Example:
    """A running program of examples/; what it prints goes to a file."""

    def __init__(self, case, name, *args):
        program = BUILDDIR / "examples" / ".libs" / name
        self.name = name
        self.log_file = case.folder / f"{name}-{len(case.programs)}.out"
        with open(self.log_file, "wb") as out:
            self.process = subprocess.Popen(
                [program, *map(str, args)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=harness._before_exec,
                env=harness.environment(),
            )

    def output(self):
        return self.log_file.read_text(errors="backslashreplace")

    def lines(self):
        """What it printed itself: lines of the log have a time before them."""
        text = self.output()
        whole = text[: text.rfind("\n") + 1].splitlines()
        return [line for line in whole if not re.match(r"\d{4}-\d\d-\d\dT", line)]

    def wait_line(self, pattern, count=1):
        def found():
            hits = [line for line in self.lines() if re.search(pattern, line)]
            return hits if len(hits) >= count else None

        return wait_for(found, 20, f"{count} line(s) like {pattern!r} of {self.name}")

    def address(self):
        """Where it listens: the first line it prints."""
        return wait_for(self.lines, 20, f"the address of {self.name}")[0]

    def wait(self, expect=0):
        status = self.process.wait(30 * harness.SCALE)
        found = harness.REPORTS.search(self.output())
        assert not found, self.output()
        assert status == expect, f"{self.name} ended with {status}: {self.output()}"
        return self.lines()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait()


class Examples(Case):
    def setUp(self):
        super().setUp()
        self.programs = []

    def tearDown(self):
        for program in self.programs:
            if program.process.poll() is None:
                program.process.kill()
            program.process.wait()
        super().tearDown()

    def begin(self, name, *args):
        program = Example(self, name, *args)
        self.programs.append(program)
        return program

    def run_example(self, name, *args, expect=0):
        return self.begin(name, *args).wait(expect)

    def connect(self, address, kind=socket.SOCK_STREAM):
        host, port = re.fullmatch(r"\w+://\[?([^\]]*?)\]?:(\d+)", address).groups()
        sock = socket.socket(socket.AF_INET, kind)
        sock.settimeout(20 * harness.SCALE)
        sock.connect((host, int(port)))
        return sock

    def stream(self, address):
        return Stream(self.connect(address), None, timeout=20 * harness.SCALE)

    def test_timers(self):
        lines = self.run_example("timers", 5, 4)
        words = [re.fullmatch(r"\d\d:\d\d:\d\d (.*)", line).group(1) for line in lines]
        self.assertEqual((words[0], words[-1]), ("start", "stop"))
        self.assertEqual(len(words), 6)
        self.assertTrue(all(word.startswith("tick") for word in words[1:-1]), words)

    def test_chains(self):
        self.assertEqual(
            self.run_example("chains"),
            [
                "at once: square of 3",
                "at once: twice 9",
                "at once: result 18",
                "too large: square of 5000",
                "too large: failed: 5000 is too large to be squared",
                "failed before: failed: no number at all",
                "all chains are laid",
                "later: square of 7",
                "later: twice 49",
                "later: result 98",
                "failed later: failed: there was no number",
            ],
        )

    def test_task_list(self):
        self.assertEqual(
            self.run_example("task_list"),
            [
                "cook is over",
                "sweep is over",
                "wash is over",
                "wash: good",
                "cook: no salt in the house",
                "sweep: good",
            ],
        )

    def test_listing(self):
        folder = self.folder / "listed"
        folder.mkdir()
        for name in ("a", "b", ".hidden"):
            (folder / name).write_text("")
        self.assertEqual(
            self.run_example("listing", folder, folder / "none"),
            [f"{folder} has 2: a b", f"cannot list {folder}/none: No such file or directory"],
        )

    def test_goodbye(self):
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            there, nobody = (f"tcp://127.0.0.1:{s.getsockname()[1]}" for s in (server, closed))
            program = self.begin("goodbye", there, nobody)
            peer, _ = server.accept()
            with peer:
                peer.settimeout(20 * harness.SCALE)
                self.assertEqual(peer.makefile("rb").read(), b"hello and goodbye\r\n")
            lines = program.wait()
        self.assertIn(f"connected to {there}", lines)
        self.assertIn("lost: closed by this side", "\n".join(lines))
        self.assertRegex("\n".join(lines), "failed: .*refused")

    def test_connectors(self):
        lines = self.run_example("connectors")
        self.assertEqual(
            lines[:3],
            [
                "client 1: this is the first server",
                "client 2: this is the second server",
                "client 3: this is the third server",
            ],
        )
        self.assertEqual(len(lines), 6)

    def test_spreader(self):
        server = self.begin("spreader", "tcp://127.0.0.1:0")
        with self.stream(server.address()) as human:
            self.assertEqual(human.receive_line(), b"welcome, you are number 1")
            client = self.begin("spreader_client", server.address(), 10, 2)
            self.assertEqual(human.receive_line(), b"2: is here")
            self.assertEqual(human.receive_line(), b"2: thank you")  # for its welcome
            human.send(b"good evening\r\n")
            self.assertEqual(human.receive_line(), b"2: thank you")
            self.assertEqual(human.receive_line(), b"2: has gone")
            lines = client.wait()
            self.assertEqual(lines[:2], ["welcome, you are number 2", "1: good evening"])
            human.send(b"close\r\n")
            self.assertEqual(human.receive_to_end(), b"")
        server.stop()

    def test_udp_echo(self):
        server = self.begin("udp_echo", "udp://127.0.0.1:0")
        with self.connect(server.address(), socket.SOCK_DGRAM) as client:
            for text in (b"one", b"", b"x" * 1400):
                client.send(text)
                self.assertEqual(client.recv(2000), text)
        server.stop()

    def test_nodes(self):
        ids = (1, 2, 3)
        nodes = {each: self.begin("node", each, self.folder, *ids) for each in ids}
        for each in ids:
            for other in set(ids) - {each}:
                nodes[each].wait_line(rf"node {other} is here")
                nodes[each].wait_line(rf"node {other} on greetings: hello {each}, this is {other}")
        # One that goes and comes again is found by the others.
        nodes[2].stop()
        for each in (1, 3):
            nodes[each].wait_line(r"node 2 has gone")
        nodes[2] = self.begin("node", 2, self.folder, *ids)
        for each in (1, 3):
            nodes[each].wait_line(rf"node 2 on greetings: hello {each}, this is 2", count=2)
            nodes[2].wait_line(rf"node {each} on greetings: hello 2, this is {each}")
        # Who does not know the word is turned away.
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(20 * harness.SCALE)
            stranger.connect(str(self.folder / "node-1.sock"))
            stranger.send(b"\0\0\0\x0bhello wrong")
            self.assertEqual(stranger.makefile("rb").read(), b"")
        nodes[1].wait_line("turned away")
        for node in nodes.values():
            node.stop()

    def test_workers(self):
        lines = self.run_example("workers")
        self.assertEqual(
            lines, [f"worker {i} counted to 1000" for i in (1, 2, 3, 4)] + ["together 4000"]
        )

    def test_four_loops(self):
        server = self.begin("four_loops", "tcp://127.0.0.1:0")
        clients = [self.stream(server.address()) for _ in range(4)]
        for client in clients:
            client.exchange(b"once more")
        server.wait_line(r"loop \d has 127\.0\.0\.1:\d+", count=4)
        loops = {line.split()[1] for line in server.lines()[1:]}
        self.assertEqual(loops, {"0", "1", "2", "3"})
        for client in clients:
            client.finish()
        server.stop()

    def test_child(self):
        lines = self.run_example("child")
        self.assertIn("from 1: ONE TWO THREE", lines)
        self.assertIn("exited with 0", lines)
        self.assertEqual(lines[-1], "ended: no more will come")
        self.assertEqual({f"{fd} is closed" for fd in (0, 1, 2)} - set(lines), set())

    def test_reasons(self):
        server = self.begin("reasons", "tcp://127.0.0.1:0")
        stream = self.stream

        def end(word, reason):
            with stream(server.address()) as client:
                if word is not None:
                    client.send(word)
                    client.wait_end()
                    client.close()
                else:
                    client.reset()
                server.wait_line(rf"lost: [\w ]+, {reason} \(")

        with stream(server.address()) as client:
            client.finish()
        server.wait_line(r"lost: in order, peer-closed")
        end(b"quit\r\n", "closed")
        end(b"break\r\n", "aborted")
        end(b"wrong\r\n", "protocol-error")
        end(b"x" * 20000, "message-too-long")
        end(None, "reset")
        end(b"", "timeout-idle")
        server.stop()


if __name__ == "__main__":
    harness.main()
