#!/usr/bin/python3 -B
"""Configs, good and broken, through the program: exact errors and statuses, nothing bound; help; schema."""
import copy
import itertools
import json
import shutil
import socket
import subprocess

import harness
from harness import CERTS, SRCDIR, Case, listener, plait

BROKEN = SRCDIR / "tests" / "configs" / "broken"
COMMANDS = ("run", "check", "plugins", "schema", "bench", "version")


class Broken(Case):
    def setUp(self):
        super().setUp()
        self.cases = sorted(BROKEN.glob("*.json"))

    def errors(self, result):
        """Without those about text.txt, which stands where a certificate would, with the path of this folder."""
        return "".join(line for line in result.stderr.splitlines(True) if "/text.txt: " not in line)

    def test_there_are_30(self):
        self.assertGreaterEqual(len(self.cases), 30)

    def test_each_gives_its_exact_errors(self):
        for case in self.cases:
            with self.subTest(case.name):
                result = plait("check", case.name, cwd=BROKEN)
                self.assertEqual(result.returncode, 1)
                self.assertEqual(self.errors(result), case.with_suffix(".expected").read_text())
                self.assertEqual(result.stdout, "")

    def test_run_refuses_them_too(self):
        for case in self.cases:
            with self.subTest(case.name):
                result = plait("run", case.name, cwd=BROKEN)
                self.assertEqual(result.returncode, 1)
                # Log lines may stand before them.
                self.assertIn(case.with_suffix(".expected").read_text(), self.errors(result))
                self.assertNotIn("listening on", result.stderr)

    def test_nothing_is_bound(self):
        sock = self.folder / "good" / "echo.sock"
        sock.parent.mkdir()
        before = sock.parent.stat().st_mtime_ns
        good = listener("good", f"unix:{sock}")
        for bad in (
            listener("bad", "tcp://127.0.0.1:0", "ecko"),
            listener("bad", "tls://127.0.0.1:0", tls="none"),
            listener("bad", "tcp://127.0.0.1:99999"),
            listener("good", "tcp://127.0.0.1:0"),
            listener("bad", "tcp://host.invalid:0"),
            listener("bad", "tcp://127.0.0.1:0", options={"x": 1}),
        ):
            result = plait("run", self.write_config(good, bad))
            self.assertEqual(result.returncode, 1, bad)
            self.assertRegex(result.stderr, r"plait\.json:\d+:\d+: error: listeners\[1\]")
            self.assertNotIn("listening on", result.stderr)
            self.assertEqual(
                sock.parent.stat().st_mtime_ns, before, "something was made where the socket would be"
            )

    def test_all_errors_of_all_kinds_come_at_once(self):
        (self.folder / "text.pem").write_text("no certificate\n")
        file = self.write_config(
            listener("one", "tcp://127.0.0.1:0", "echo", limits={"connection": 1}),
            listener("two", "tcp://127.0.0.1:0", "line", options={"max_lenght": 80}),
            listener("three", "tcp://nowhere.invalid:0"),
            listener("four", "tls://127.0.0.1:0", tls="mine"),
            listener("five", "tcp//127.0.0.1:0", "line", options={"too_long": "weep"}),
            plugins=["echo", "line", "nowhere"],
            tls={"mine": {key: str(self.folder / "text.pem") for key in ("certificate", "key")}},
            thread=4,
        )
        result = plait("check", file)
        self.assertEqual(result.returncode, 1)
        for place in (
            "plugins[2]: ",
            "thread: ",
            "tls.mine.certificate: ",
            "tls.mine.key: ",
            "listeners[0].limits.connection: ",
            "listeners[1].options.max_lenght: ",
            "listeners[2].bind: ",
            "listeners[4].bind: ",
            "listeners[4].options.too_long: ",
        ):
            self.assertIn(f"error: {place}", result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 9, result.stderr)

    def test_what_a_name_brings_along_moves_no_cursor(self):
        (self.folder / "text.pem").write_text("no certificate\n")
        file = self.write_config(
            listener("one", "tls://127.0.0.1:0", tls="a\x1b[31m\nb"),
            tls={"a\x1b[31m\nb": {key: str(self.folder / "text.pem") for key in ("certificate", "key")}},
        )
        result = plait("check", file)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 2, result.stderr)
        self.assertNotIn("\x1b", result.stderr)
        self.assertRegex(result.stderr, r':\d+:\d+: error: tls\["a\\u001b\[31m\\nb"\]\.key: ')

    def test_bad_certificates(self):
        (self.folder / "text.pem").write_text("no certificate\n")
        ec, locked = self.folder / "other.key", self.folder / "locked.key"
        pkey = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        subprocess.run([*pkey, "-out", ec], check=True, stderr=subprocess.DEVNULL)
        lock = ["openssl", "pkey", "-aes256", "-passout", "pass:secret"]
        subprocess.run([*lock, "-in", CERTS / "server.key", "-out", locked], check=True)
        pairs = {
            "text": (self.folder / "text.pem", CERTS / "server.key", "certificate chain: no start line; expected PEM"),
            "key": (CERTS / "server.pem", self.folder / "text.pem", "private key: unsupported; expected PEM"),
            "other kind": (CERTS / "server.pem", CERTS / "server-rsa.key", "it is not the key of "),
            "same kind": (CERTS / "server.pem", ec, "it is not the key of "),
            "locked": (CERTS / "server.pem", locked, "it has a passphrase"),
            "missing": (self.folder / "none.pem", CERTS / "server.key", "No such file"),
            "swapped": (CERTS / "server.key", CERTS / "server.pem", "this is a private key"),
        }
        for name, (certificate, key, words) in pairs.items():
            file = self.write_config(
                listener("echo", "tls://127.0.0.1:0", tls="mine"),
                tls={"mine": {"certificate": str(certificate), "key": str(key)}},
            )
            for command in ("check", "run"):
                result = plait(command, file)
                self.assertEqual(result.returncode, 1, name)
                self.assertIn("tls.mine", result.stderr, name)
                self.assertIn(words, result.stderr, name)
                self.assertNotIn("listening on", result.stderr)

    def test_a_missing_file_and_no_file(self):
        for path in (self.folder / "none.json", self.folder):
            for command in ("check", "run"):
                result = plait(command, path)
                self.assertEqual(result.returncode, 1)
                self.assertIn(str(path), result.stderr)


class Addresses(Case):
    def test_the_listener_is_named_and_nothing_stays_bound(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            sock = self.folder / "first.sock"
            for scheme in ("tcp", "tls"):
                result = plait(
                    "run",
                    self.write_config(
                        listener("first", f"unix:{sock}"), listener("second", f"{scheme}://127.0.0.1:{port}")
                    ),
                )
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr, "(?i)in use")
                self.assertRegex(result.stderr, "second|listeners\\[1\\]")
                self.assertIn(str(port), result.stderr)
                self.assertFalse(sock.exists(), "the first listener's socket was left behind")

    def test_udp(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            for accept in ("least-loaded", "reuseport"):
                result = plait(
                    "run", self.write_config(listener("dgram", f"udp://127.0.0.1:{port}"), accept=accept)
                )
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr, "(?i)in use")

    def test_between_two_servers(self):
        for scheme, accept in itertools.product(("tcp", "udp"), ("least-loaded", "reuseport")):
            first = self.serve(
                listener("echo", "tcp://127.0.0.1:0"), listener("it", f"{scheme}://127.0.0.1:0"), accept=accept
            )
            result = plait(
                "run",
                self.write_config(listener("it", f"{scheme}://127.0.0.1:{first.port('it')}"), accept=accept),
            )
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, "(?i)in use")
            self.assertNotIn("listening on", result.stderr)
            with first.connect("echo") as client:
                client.exchange(b"still mine", finish=True)

    def test_an_address_of_another_machine(self):
        result = plait("run", self.write_config(listener("echo", "tcp://192.0.2.77:0")))
        self.assertEqual(result.returncode, 1)
        self.assertIn("192.0.2.77", result.stderr)

    def test_a_host_that_nobody_knows(self):
        result = plait("check", self.write_config(listener("echo", "tcp://nowhere.invalid:0")))
        self.assertEqual(result.returncode, 1)
        self.assertRegex(
            result.stderr, r'error: listeners\[0\]\.bind: cannot find the address of "nowhere\.invalid": '
        )


class CommandLine(Case):
    def test_wrong_usage_exits_2(self):
        for args in (
            (),
            ("run",),
            ("check",),
            ("run", "a", "b"),
            ("frobnicate",),
            ("run", "--nope"),
            ("--nope",),
            ("plugins", "a", "b"),
            ("version", "x"),
            ("schema", "x"),
            ("chekc", "x"),
        ):
            result = plait(*args)
            self.assertEqual(result.returncode, 2, args)
            self.assertEqual(result.stdout, "", args)
            self.assertIn("help", result.stderr, args)
        self.assertIn("check", plait("chekc", "x").stderr)

    def test_help_everywhere(self):
        for args in (("--help",), ("-h",), ("help",)):
            result = plait(*args)
            self.assertEqual((result.returncode, result.stderr), (0, ""), args)
            for command in COMMANDS:
                self.assertIn(command, result.stdout)
        for command in COMMANDS:
            texts = set()
            for args in ((command, "--help"), (command, "-h"), ("help", command)):
                result = plait(*args)
                self.assertEqual((result.returncode, result.stderr), (0, ""), args)
                self.assertRegex(result.stdout, rf"(?i)usage: plait {command}")
                texts.add(result.stdout)
            self.assertEqual(len(texts), 1)

    def test_version(self):
        text = plait("version").stdout
        for pattern in (
            r"plait \d+\.\d+",
            r"(?i)abi \d+\.\d+",
            r"(?i)openssl 3",
            r"(?i)libevent 2",
            r"(?i)jansson 2",
        ):
            self.assertRegex(text, pattern)
        self.assertEqual(plait("--version").returncode, 0)

    def test_plugins(self):
        text = plait("plugins").stdout
        for name in ("echo", "line", "broadcast"):
            self.assertIn(name, text)
        text = plait("plugins", "line").stdout
        for word in ("max_length", "16k", "too_long", "close", "error", "delimiter"):
            self.assertIn(word, text)
        self.assertEqual(plait("plugins", "nonesuch").returncode, 1)

    def test_output_that_cannot_be_written_is_a_failure(self):
        for args in (("schema",), ("plugins",), ("version",), ("--help",)):
            with open("/dev/full", "wb") as full:
                result = subprocess.run(
                    [harness.PLAIT, *args], stdout=full, stderr=subprocess.PIPE, env=harness.environment()
                )
            self.assertEqual(result.returncode, 1, args)


class Sample(Case):
    """The sample config, and the schema that an independent validator holds against it."""

    def setUp(self):
        super().setUp()
        self.file = self.folder / "sample.json"
        shutil.copy(SRCDIR / "plait.json", self.file)
        self.sample = json.loads(self.file.read_text())
        for context in self.sample.get("tls", {}).values():
            for path in context.values():
                there = self.folder / path
                there.parent.mkdir(parents=True, exist_ok=True)
                if not there.exists():
                    there.symlink_to(CERTS / there.name)

    def test_check(self):
        result = plait("check", self.file)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("ok", result.stdout)

    def validator(self, *args):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("python3-jsonschema is not installed")
        result = plait("schema", *args)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        schema = json.loads(result.stdout)
        jsonschema.Draft7Validator.check_schema(schema)
        self.assertIn("draft-07", schema["$schema"])
        return jsonschema.Draft7Validator(schema)

    def test_the_sample_validates(self):
        for args in ((), ("--config", self.file)):
            errors = [
                f"{list(error.path)}: {error.message}"
                for error in self.validator(*args).iter_errors(self.sample)
            ]
            self.assertEqual(errors, [])

    def test_what_the_tests_use_validates(self):
        validator = self.validator()
        good = self.config(
            listener(
                "a",
                "tls://[::]:7443",
                tls="default",
                timeouts={"handshake": "10s", "idle": 300},
                limits={"connections": 10, "per_address": 2},
                buffers={"high": "64k", "low": 1024, "cap": "1m"},
                socket={"backlog": 5, "nodelay": False, "v6only": True, "keepalive": {"enabled": False}},
            ),
            listener(
                "b",
                "unix:b.sock",
                "line",
                options={"max_length": "1k", "too_long": "error"},
                socket={"mode": "0600"},
            ),
            listener("c", "tcp://*:1", "broadcast", options={"room": "x", "slow_reader": "disconnect"}),
            threads="auto",
            accept="reuseport",
            drain_timeout="1m",
        )
        self.assertEqual([error.message for error in validator.iter_errors(good)], [])

    def test_broken_ones_do_not(self):
        validator = self.validator()

        def broken(change):
            config = copy.deepcopy(self.sample)
            change(config)
            return config

        changes = {
            "unknown key": lambda c: c.update(listners=[]),
            "no listeners": lambda c: c.pop("listeners"),
            "listeners is an object": lambda c: c.update(listeners={}),
            "threads is a word": lambda c: c.update(threads="many"),
            "threads is negative": lambda c: c.update(threads=-1),
            "listener without bind": lambda c: c["listeners"][0].pop("bind"),
            "listener without protocol": lambda c: c["listeners"][0].pop("protocol"),
            "unknown listener key": lambda c: c["listeners"][0].update(portocol="echo"),
            "bad duration": lambda c: c["listeners"][0].update(timeouts={"idle": "5x"}),
            "bad size": lambda c: c["listeners"][0].update(buffers={"high": "lots"}),
            "bad choice": lambda c: c.update(accept="sometimes"),
            "bad log level": lambda c: c.update(log={"level": "chatty"}),
            "tls without key": lambda c: c.update(tls={"default": {"certificate": "x.pem"}}),
            "bad type": lambda c: c["listeners"][0].update(socket={"nodelay": "yes"}),
            "bad option of line": lambda c: c["listeners"].append(
                listener("x", "tcp://127.0.0.1:1", "line", options={"max_length": "long"})
            ),
            "unknown option of line": lambda c: c["listeners"].append(
                listener("x", "tcp://127.0.0.1:1", "line", options={"maxlength": 5})
            ),
            "unknown option of broadcast": lambda c: c["listeners"].append(
                listener("x", "tcp://127.0.0.1:1", "broadcast", options={"slow_reader": "pity"})
            ),
        }
        for name, change in changes.items():
            with self.subTest(name):
                self.assertFalse(validator.is_valid(broken(change)))
                # The program and the validator agree.
                path = self.folder / "broken.json"
                path.write_text(json.dumps(broken(change)))
                self.assertEqual(plait("check", path).returncode, 1)


if __name__ == "__main__":
    harness.main()
