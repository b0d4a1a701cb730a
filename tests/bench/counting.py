"""Exact counts: instructions and allocations with callgrind, system calls with strace, memory as the kernel tells."""
import contextlib
import time

import callgrind
import systemcalls
from processes import Failed, Load, Server
from stats import per_operation

STRACE_TIMES = 5


class Counter:
    """Runs servers under the tools. plait: (program, environment) of the load; where: a temporary folder."""

    def __init__(self, plait, where, say=print):
        self.program, self.environment = plait
        self.where = where
        self.say = say
        self._number = 0

    def load(self, server, kind, options, pid=None):
        return Load(self.program, self.environment, kind, server.endpoint, options, pid)

    def _path(self, name):
        self._number += 1
        return self.where / f"{name}-{self._number}"

    def _whole(self, recipe, wrapper, kind, options):
        """A run to its end: the server has seen every connection go before it ends itself."""
        with Server(recipe, self.where, wrapper) as server:
            sockets = server.sockets()
            try:
                self.load(server, kind, options).result()
            except Failed as error:
                raise Failed(f"{error}; {server.describe()}") from None
            deadline = time.monotonic() + 60
            while server.sockets() > sockets:
                if time.monotonic() > deadline:
                    raise Failed(f"{server.process.args[-1]} does not let its connections go")
                time.sleep(0.02)

    def profile(self, recipe, kind, options):
        """A whole run of the server under callgrind."""
        out = self._path("callgrind")
        wrapper = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        self._whole(recipe, wrapper, kind, options)
        return callgrind.read([out])

    def calls(self, recipe, kind, options):
        """The same under strace: call -> how often."""
        out = self._path("strace")
        wrapper = ["strace", "-f", "-c", "-U", "name,calls", "-o", out]
        self._whole(recipe, wrapper, kind, options)
        return systemcalls.read(out)

    def difference(self, how, recipe, kind, options, few, many, unit=1):
        """What `unit` operations add. recipe is called for each run: some hold a port."""
        totals = []
        for operations in (few, many):
            found = how(recipe(), kind, [*options, "-n", operations, "-t", 600])
            totals.append(found.totals() if isinstance(found, callgrind.Profile) else found)
        return per_operation(*totals, (many - few) / unit)

    def instructions(self, *args, **keywords):
        return self.difference(self.profile, *args, **keywords)

    def system_calls(self, recipe, kind, options, few, many, unit=1):
        """strace is quick: it takes more operations, so that what differs in setting up weighs less."""
        many = few + STRACE_TIMES * (many - few)
        return systemcalls.by_kind(self.difference(self.calls, recipe, kind, options, few, many, unit))

    def idle_memory(self, recipe, held):
        """Bytes of the server's own memory that one of many idle connections adds."""
        with Server(recipe, self.where) as server:
            with contextlib.closing(
                _Stopping(self.load(server, "echo", ["-c", 1, "-n", 100, "-t", 60]))
            ) as warm:
                warm.load.result()
            sockets, before = server.sockets(), server.own_memory()
            load = self.load(server, "echo", ["-c", 1, "-t", 600, "--idle", held])
            with contextlib.closing(_Stopping(load)):
                _wait_for(lambda: server.sockets() >= sockets + held + 1, load, "the connections")
                after = settled(server.own_memory)
        return (after - before) / held


class _Stopping:
    """For contextlib.closing: ends a load that may still run."""

    def __init__(self, load):
        self.load = load

    def close(self):
        self.load.stop()


def _wait_for(condition, load, what, timeout=300):
    deadline = time.monotonic() + timeout
    while not condition():
        if load.process.poll() is not None:
            raise Failed(f"plait bench ended early: {load.process.stderr.read().strip()}")
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not come within {timeout} s")
        time.sleep(0.1)


def settled(figure, seconds=1.5):
    """A figure once it has not changed for a while (handshakes go on after a connection is there)."""
    last, since = figure(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.1)
        value = figure()
        if value != last:
            last, since = value, time.monotonic()
    return last
