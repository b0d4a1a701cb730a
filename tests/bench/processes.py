"""Servers and load as processes: pinned, found by what they say, and ended with the script, however it ends."""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SERVER_CPU, LOAD_CPU = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
READY_TIMEOUT_S = 60
END_TIMEOUT_S = 120


class Failed(Exception):
    """Something did not run as it should: told to the person, and the row is left out."""


def _prepare(cpu):
    """In the child: every descriptor it may have, one processor, and an end when the script ends."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(argv, cpu=None, env=None, **keywords):
    """A process in a group of its own, so that what it starts can be ended with it."""
    return subprocess.Popen(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: _prepare(cpu),
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        **keywords,
    )


def end(process, number=signal.SIGTERM, wrapped=False, timeout=END_TIMEOUT_S):
    """Ends the process in order, or after a while by force, and what is left of its group.

    A wrapper ends by itself when what it wraps has ended, and tells then what it found.
    """
    if process.poll() is None:
        for pid in wrapped and children(process.pid) or [process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def children(pid):
    """The processes that a wrapper such as strace started."""
    with contextlib.suppress(OSError):
        return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@contextlib.contextmanager
def folder():
    """A temporary folder that only we may use."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="plait-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_port():
    """For servers that cannot say which port they got."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def accepts(endpoint):
    port = int(endpoint.rsplit(":", 1)[1])
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Server:
    """A server that runs. `recipe` is (argv, env, endpoint or None): without an endpoint it says "listening on ..."."""

    def __init__(self, recipe, where, wrapper=(), cpu=SERVER_CPU):
        argv, env, endpoint = recipe
        self.log_file = where / f"server-{time.monotonic_ns()}.log"
        self.wrapped = bool(wrapper)
        with open(self.log_file, "wb") as log:
            self.process = start([*wrapper, *argv], cpu, env, stdout=log, stderr=log)
        try:
            self.endpoint = self._wait(endpoint)
        except BaseException:
            self.stop()
            raise

    def _wait(self, endpoint):
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            if endpoint is None:
                match = re.search(r"listening on (\w+://[\d.]+:\d+)", self.log())
                if match:
                    return match.group(1)
            elif accepts(endpoint):
                return endpoint
            if self.process.poll() is not None:
                raise Failed(f"{self.process.args[0]} ended at its start: {self.log()[-600:]}")
            time.sleep(0.02)
        raise Failed(f"{self.process.args[0]} does not listen after {READY_TIMEOUT_S} s: {self.log()[-600:]}")

    def log(self):
        return self.log_file.read_text(errors="replace")

    def describe(self):
        """How it is, for whoever looks for the reason of a failure."""
        status = self.process.poll()
        state = "runs" if status is None else f"ended with {status}"
        return f"the server {self.process.args[-1]} {state}; its last words: {self.log()[-600:].strip() or 'none'}"

    @property
    def pid(self):
        """The server's own process: a wrapper's child where there is one (valgrind is the server itself)."""
        below = children(self.process.pid) if self.wrapped else []
        return below[0] if below else self.process.pid

    def sockets(self):
        """How many sockets it has open."""
        count = 0
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{self.pid}/fd"):
                with contextlib.suppress(OSError):
                    count += os.readlink(f"/proc/{self.pid}/fd/{name}").startswith("socket:")
        return count

    def own_memory(self):
        """Bytes of memory that are its own: heap, stacks and such, but no file's."""
        text = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Anonymous:\s+(\d+) kB", text, re.M).group(1)) * 1024

    def loops(self):
        """How many descriptors each of its epoll sets watches."""
        counts = []
        base = pathlib.Path(f"/proc/{self.pid}")
        for link in (base / "fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(link) == "anon_inode:[eventpoll]":
                    counts.append((base / "fdinfo" / link.name).read_text().count("tfd:"))
        return counts

    def stop(self):
        end(self.process, wrapped=self.wrapped)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Load:
    """One run of plait bench."""

    def __init__(self, plait, env, kind, endpoint, options, pid=None, cpu=LOAD_CPU):
        argv = [plait, "bench", kind, endpoint, "--json", *options]
        if pid is not None:
            argv += ["--pid", pid]
        self.process = start(argv, cpu, env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self, timeout=600):
        """What it found, or Failed; errors in the run are a failure, too: a figure with errors in it says nothing."""
        try:
            out, words = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"no end after {timeout} s: {' '.join(self.process.args)}") from None
        finally:
            end(self.process, signal.SIGKILL)
        try:
            found = json.loads(out)
        except ValueError:
            raise Failed(
                f"{' '.join(self.process.args)}: {words.strip() or out.strip() or 'no result'}"
            ) from None
        errors = {name: count for name, count in found.get("errors", {}).items() if count}
        if errors or self.process.returncode:
            raise Failed(f"{' '.join(self.process.args)}: {errors} {found.get('failure') or words.strip()}")
        # The first handshake of each connection at a time has no ticket to resume from.
        if "resumed" in found and found["operations"] - found["resumed"] > 2 * found["connections"]:
            raise Failed(f"only {found['resumed']} of {found['operations']} handshakes were resumed")
        return found

    def stop(self):
        end(self.process)
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()
