"""What every system test stands on: the real server on a config of the test's own, and results in TAP."""
import collections
import contextlib
import ctypes
import faulthandler
import glob
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

from stream import Stream, client_context

HERE = pathlib.Path(__file__).resolve().parent
SRCDIR = pathlib.Path(os.environ.get("top_srcdir") or HERE.parent.parent).resolve()
BUILDDIR = pathlib.Path(os.environ.get("top_builddir") or SRCDIR / "build" / "dev").resolve()
# The program itself, not libtool's wrapper script: signals and figures of memory are to be the server's.
PLAIT = os.environ.get("PLAIT") or str(BUILDDIR / ".libs" / "plait")
CERTS = pathlib.Path(
    os.environ.get("CERTS")
    or next(
        (
            path
            for path in (BUILDDIR / "certs" / "dev", SRCDIR / "certs" / "dev", BUILDDIR / "certs")
            if (path / "server.pem").exists()
        ),
        SRCDIR / "certs" / "dev",
    )
).resolve()

# A sanitizer's or valgrind's words for "this program is broken", and glibc's for a failed assertion.
REPORTS = re.compile(
    r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed"
    r"|stack smashing|buffer overflow detected|malloc\(\)|free\(\)|double free"
)


def sanitizer():
    """The sanitizer the program was built with: "address", "thread" or None."""
    program = pathlib.Path(PLAIT)
    with contextlib.suppress(OSError):
        for path in [program, *program.parent.glob("libplait.so*")]:
            text = path.read_bytes()
            for word, name in ((b"__asan_init", "address"), (b"__tsan_init", "thread")):
                if word in text:
                    return name
    return None


SANITIZER = sanitizer()
# Every deadline is multiplied by it; nothing else depends on the machine's speed.
SCALE = float(os.environ.get("PLAIT_TEST_SCALE") or {"address": 4, "thread": 8}.get(SANITIZER, 1))
# How much work the heaviest tests do, as a divisor.
LIGHTER = 4 if SANITIZER or SCALE > 1 else 1


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _before_exec():
    """The server gets every descriptor it may have, and does not outlive the test."""
    raise_descriptor_limit()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def environment(**more):
    env = dict(os.environ, LC_ALL="C", **more)
    # What makes a test of every test: an object that is preloaded into the program, beside what a test preloads.
    if "PLAIT_TEST_PRELOAD" in env:
        env["LD_PRELOAD"] = ":".join(filter(None, (env.get("LD_PRELOAD"), env["PLAIT_TEST_PRELOAD"])))
    if "PLAIT" not in env:
        env.setdefault("LD_LIBRARY_PATH", str(BUILDDIR / ".libs"))
        env.setdefault("PLAIT_PLUGIN_PATH", ":".join(sorted(glob.glob(f"{BUILDDIR}/plugins/*/.libs"))))
    return env


def plait(*args, timeout=30, env=None, **keywords):
    """Runs one command of the program to its end."""
    return subprocess.run(
        [PLAIT, *map(str, args)],
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=timeout * SCALE,
        stdin=subprocess.DEVNULL,
        env={**environment(), **(env or {})},
        **keywords,
    )


def comment(text):
    for line in str(text).splitlines():
        print("#", line, flush=True)


def wait_for(condition, timeout=10, what="a condition"):
    """Polls until condition() is true and returns what it returned."""
    deadline = time.monotonic() + timeout * SCALE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout * SCALE:g} s in vain for {what}")
        time.sleep(0.01)


def receive(sock, size):
    """So much of a stream, in as many parts as it comes."""
    data = bytearray()
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise EOFError(f"the server closed after {bytes(data)!r}")
        data += more
    return bytes(data)


def resolves(name):
    with contextlib.suppress(OSError):
        return bool(socket.getaddrinfo(name, None))
    return False


def process_memory(pid):
    """Resident bytes of a process that are its own (not shared with a file)."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^RssAnon:\s+(\d+) kB", status, re.M).group(1)) * 1024


class Server:
    """A running `plait run FILE`. Listeners are found by name; their real ports are learnt from the log."""

    def __init__(self, folder, config, wrapper=(), program=None, env=None, scale=1):
        self.folder = pathlib.Path(folder)
        self.config = config
        self.scale = scale
        self.names = [listener["name"] for listener in config["listeners"]]
        self.file = self.folder / f"plait-{len(list(self.folder.glob('plait-*.json')))}.json"
        self.file.write_text(json.dumps(config, indent=1))
        self.log_file = self.file.with_suffix(".log")
        self.final_log = None
        self.status = None
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [*wrapper, program or PLAIT, "run", str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_before_exec,
                env=environment(**(env or {})),
            )

    def children(self):
        """The workers' process numbers; none without a supervisor, or once it has ended."""
        with contextlib.suppress(OSError):
            tasks = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            return [int(word) for word in tasks.read_text().split()]
        return []

    @property
    def pid(self):
        """The process that serves: the worker, or without a supervisor the only one."""
        below = self.children() if self.config.get("supervise", True) else []
        return below[0] if below else self.process.pid

    def wait_ready(self, timeout=20):
        wait_for(
            lambda: self.process.poll() is not None or len(self.endpoints()) >= len(set(self.names)),
            timeout * self.scale,
            "the server's listening lines",
        )
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode} before it listened")
        return self

    def log(self):
        if self.final_log is not None:
            return self.final_log
        return self.log_file.read_text(errors="backslashreplace")

    def records(self):
        """The log's JSON lines, parsed; a line that is no JSON is a dict with the key "raw"."""
        out = []
        text = self.log()
        for line in text[: text.rfind("\n") + 1].splitlines():
            try:
                out.append(json.loads(line))
            except ValueError:
                out.append({"raw": line, "message": line})
        return out

    def messages(self, listener=None):
        return [
            record.get("message", "")
            for record in self.records()
            if listener is None or record.get("listener") == listener
        ]

    def wait_message(self, pattern, listener=None, count=1, timeout=10):
        """Waits until count of the listener's log messages match pattern."""

        def found():
            hits = [text for text in self.messages(listener) if re.search(pattern, text)]
            return hits if len(hits) >= count else None

        return wait_for(found, timeout * self.scale, f"{count} log line(s) like {pattern!r}")

    def wait_reason(self, reason, listener=None, count=1, timeout=10):
        """Waits until count connections of the listener (all of them if None) have ended for that reason."""
        return wait_for(
            lambda: len(self.ended(reason, listener)) >= count,
            timeout * self.scale,
            f"{count} connection(s) that ended with {reason}",
        )

    def ended(self, reason, listener=None):
        """The connections that the log says ended for that reason."""
        pattern = re.compile(rf"(?:ended: )?{reason}(?: \(|:)")
        return {
            record.get("conn") or -number
            for number, record in enumerate(self.records())
            if listener in (None, record.get("listener")) and pattern.match(record.get("message", ""))
        }

    def endpoints(self):
        """listener name -> the endpoints it listens on, as the log gave them."""
        found = collections.defaultdict(list)
        for line in self.log().splitlines():
            with contextlib.suppress(ValueError, AttributeError):
                record = json.loads(line)
                match = re.match(r"listening on (\S+)", record.get("message", ""))
                if match and match.group(1) not in found[record.get("listener")]:
                    found[record.get("listener")].append(match.group(1))
        found.pop(None, None)
        return found

    def endpoint(self, name):
        return self.endpoints()[name][0]

    def port(self, name):
        return int(self.endpoint(name).rsplit(":", 1)[1])

    def address(self, name, host=None):
        """(family, sockaddr) of a listener, for a client on this machine."""
        endpoint = self.endpoint(name)
        if endpoint.startswith("unix:"):
            path = endpoint[5:]
            return socket.AF_UNIX, "\0" + path[1:] if path.startswith("@") else path
        bound, port = re.fullmatch(r"\w+://\[?([^\]]*?)\]?:(\d+)", endpoint).groups()
        host = host or {"::": "::1", "0.0.0.0": "127.0.0.1", "*": "127.0.0.1"}.get(bound, bound)
        return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))

    def connect(self, name, host=None, tls=None, receive_buffer=None, timeout=20):
        """A client Stream. tls: None (as the listener's scheme says), a version, an SSLContext or False."""
        family, address = self.address(name, host)
        sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(timeout * SCALE * self.scale)
        try:
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        if tls is None:
            tls = self.endpoint(name).startswith("tls:")
        if tls is True or isinstance(tls, str):
            tls = client_context(CERTS / "ca.pem", tls if isinstance(tls, str) else None)
        return Stream(sock, tls or None, timeout=timeout * SCALE * self.scale)

    def exchange(self, name, tls, rng, sizes, stream):
        """Messages of those sizes with something that echoes, each on a connection of its own; then all of them on
        one, before a stream."""
        for size in sizes:
            with self.connect(name, tls=tls) as client:
                client.exchange(rng.randbytes(size), rng, finish=True)
        with self.connect(name, tls=tls) as client:
            for size in sizes:
                client.exchange(rng.randbytes(size), rng)
            client.exchange(rng.randbytes(stream), rng, finish=True)

    def datagram_socket(self, name, host=None, timeout=10):
        family, address = self.address(name, host)
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(timeout * SCALE)
        sock.connect(address)
        return sock

    def memory(self):
        return process_memory(self.pid)

    def alive(self):
        return self.process.poll() is None

    def send_signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, timeout=20):
        """The exit status, once the server has ended by itself."""
        try:
            self.status = self.process.wait(timeout * SCALE * self.scale)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"the server did not end within {timeout * SCALE * self.scale:g} s"
            ) from None
        finally:
            self.kill()
        return self.status

    def stop(self, number=signal.SIGTERM, expect=0, timeout=20):
        """Ends the server as an operator would and checks how it went."""
        if self.status is None:
            if self.alive():
                self.send_signal(number)
            self.wait(timeout)
        if self.status != expect:
            raise AssertionError(f"the server's exit status is {self.status}, expected {expect}")
        self.check_reports()

    def check_reports(self):
        found = REPORTS.search(self.log())
        if found:
            raise AssertionError(f"the server's log has a report: {found.group(0)}")

    def kill(self):
        if self.process.poll() is None:
            below = self.children() if self.config.get("supervise", True) else []
            self.process.kill()
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self.final_log is None and self.log_file.exists():
            self.final_log = self.log_file.read_text(errors="backslashreplace")


class Case(unittest.TestCase):
    """A test with a folder of its own, and servers that end cleanly with it."""

    timeout_s = 60

    def run(self, result=None):
        self.servers = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="plait-"))
        try:
            super().run(result)
        finally:
            signal.alarm(0)
            for server in self.servers:
                server.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    def setUp(self):
        limit = int(self.timeout_s * SCALE)
        signal.signal(signal.SIGALRM, self._too_long)
        signal.alarm(limit)
        faulthandler.dump_traceback_later(2 * limit + 60, exit=True)

    def _too_long(self, *_):
        raise AssertionError(f"the test took longer than {self.timeout_s * SCALE:g} s")

    def tearDown(self):
        signal.alarm(int(30 * SCALE))
        for server in self.servers:
            if server.status is None:
                server.stop()
            else:
                server.check_reports()
        signal.alarm(0)

    def config(self, *listeners, **top):
        """A config with every shipped plugin and those of the development certificates that are named."""
        named = [one.get("tls", "default") for one in listeners if one["bind"].startswith("tls:")]
        config = {
            "threads": 2,
            "log": {"level": "debug", "format": "json"},
            "plugins": ["echo", "line", "broadcast"],
            "tls": {
                name: {"certificate": str(CERTS / f"{file}.pem"), "key": str(CERTS / f"{file}.key")}
                for name, file in (("default", "server"), ("rsa", "server-rsa"))
                if name in named
            },
        }
        if not config["tls"]:
            del config["tls"]
        config.update(top)
        config["listeners"] = list(listeners)
        return config

    def begin(self, *listeners, _wrapper=(), _program=None, _env=None, _scale=1, _folder=None, **top):
        """A server that may still be starting."""
        config = self.config(*listeners, **top)
        server = Server(_folder or self.folder, config, _wrapper, _program, _env, _scale)
        self.servers.append(server)
        return server

    def serve(self, *listeners, **options):
        return self.begin(*listeners, **options).wait_ready()

    def write_config(self, *listeners, _name="plait.json", **top):
        path = self.folder / _name
        path.write_text(json.dumps(self.config(*listeners, **top), indent=1))
        return path

    def background(self, work, *args):
        """Runs work on a thread; the returned function waits for it and passes on its failure."""
        outcome = {}

        def body():
            try:
                outcome["value"] = work(*args)
            except BaseException as error:  # handed to the test below
                outcome["error"] = error

        thread = threading.Thread(target=body, daemon=True)
        thread.start()

        def join(timeout=60):
            thread.join(timeout * SCALE)
            self.assertFalse(thread.is_alive(), "a background client did not finish")
            if "error" in outcome:
                raise outcome["error"]
            return outcome.get("value")

        join.running = thread.is_alive
        return join


def listener(name, bind, protocol="echo", **more):
    return {"name": name, "bind": bind, "protocol": protocol, **more}


class _Tap(unittest.TestResult):
    """Prints one TAP line a test, and what there is to know of one that failed."""

    number = 0

    def startTest(self, test):
        super().startTest(test)
        self.troubles, self.skip_reason, self.began = [], None, time.monotonic()

    def addError(self, test, err):
        super().addError(test, err)
        if not hasattr(test, "servers"):
            print("Bail out!", "".join(traceback.format_exception(*err)).replace("\n", "\n# "), flush=True)
            sys.exit(99)
        frames = [f for f in traceback.extract_tb(err[2]) if f"{os.sep}unittest{os.sep}" not in f.filename]
        text = "".join(traceback.format_list(frames) + traceback.format_exception_only(*err[:2]))
        for server in test.servers:
            lines = server.log().splitlines()
            shown = (
                lines if len(lines) <= 80 else [*lines[:30], f"... {len(lines) - 80} lines ...", *lines[-50:]]
            )
            text += f"log of the server (exit status {server.process.poll()}):\n"
            text += "".join(f"| {line[:500]}\n" for line in shown)
        self.troubles.append(text)

    addFailure = addError

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.troubles.append(str(subtest))
            self.addError(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.skip_reason = reason

    def stopTest(self, test):
        super().stopTest(test)
        _Tap.number += 1
        line = f"{'not ok' if self.troubles else 'ok'} {self.number} - {test.id().split('.', 1)[-1]}"
        if self.skip_reason is not None:
            line += f" # SKIP {self.skip_reason}"
        print(line, flush=True)
        for text in self.troubles:
            comment(text)
        comment(f"{time.monotonic() - self.began:.2f} s")


def _flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item


def main():
    """Runs the tests of the calling script (those whose names contain an argument, when there is one)."""
    if not os.access(PLAIT, os.X_OK):
        print(f"Bail out! there is no program {PLAIT}: set PLAIT, or build first", flush=True)
        sys.exit(99)
    for name in ("server.pem", "server.key", "server-rsa.pem", "server-rsa.key", "ca.pem"):
        if not (CERTS / name).exists():
            print(f"Bail out! there is no {CERTS / name}: set CERTS, or run certs/make first", flush=True)
            sys.exit(99)
    raise_descriptor_limit()
    tests = list(_flatten(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])))
    if len(sys.argv) > 1:
        tests = [test for test in tests if any(word in test.id() for word in sys.argv[1:])]
    print(f"1..{len(tests)}", flush=True)
    result = _Tap()
    unittest.TestSuite(tests).run(result)
    sys.stdout.flush()
    # Threads of a test that failed may hang in a socket: they are not waited for.
    os._exit(0 if result.wasSuccessful() else 1)
