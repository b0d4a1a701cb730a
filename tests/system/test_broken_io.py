#!/usr/bin/python3 -B
"""Other tests once more, on a kernel that takes and gives less than it is asked for, interrupts, and has nothing for now, at
random from a seed (break_io.c): nothing is lost.

With PLAIT_TEST_TORTURE=all (./dev torture) the whole suite with three seeds; else a part of it with one."""
import os
import pathlib
import subprocess
import sys
import unittest

import harness
from harness import BUILDDIR

HERE = pathlib.Path(__file__).resolve().parent
SHIM = BUILDDIR / "tests/system/.libs/break_io.so"
WHOLE = os.environ.get("PLAIT_TEST_TORTURE") == "all"
SEEDS = (1, 2, 3) if WHOLE else (1,)
PART = ("line", "udp", "starttls", "proxy")
# They measure, torture in another way, need the alert that a broken handshake ends with (which is tried once), or preload the
# same calls.
NOT_THESE = (
    "bench",
    "broken_io",
    "ktls",
    "many",
    "names",
    "plugin_outside",
    "reload_storm",
    "tls_clients",
    "tls_page",
    "torture",
    "valgrind",
)

# What becomes of 200 calls for the ten bytes that are there, made as plait makes them.
CALLS = """
import ctypes, errno, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
receive = ctypes.c_long({"x86_64": 45}.get(platform.machine(), 207))
here, there = socket.socketpair()
here.setblocking(False)
there.send(b"x" * 2000)
def call():
    fd, some, none = (ctypes.c_long(number) for number in (here.fileno(), 10, 0))
    size = libc.syscall(receive, fd, ctypes.create_string_buffer(10), some, none, none, none)
    return errno.errorcode[ctypes.get_errno()] if size < 0 else "short" if size < 10 else "good"
print(sorted({call() for _ in range(200)}))
"""


def scripts():
    if not WHOLE:
        return PART
    names = sorted(path.stem.removeprefix("test_") for path in HERE.glob("test_*.py"))
    return [name for name in names if name not in NOT_THESE]


class BrokenIo(unittest.TestCase):
    servers = ()

    def run_script(self, name, seed):
        result = subprocess.run(
            [sys.executable, "-B", str(HERE / f"test_{name}.py")],
            capture_output=True,
            text=True,
            errors="backslashreplace",
            env={**os.environ, "PLAIT_TEST_PRELOAD": str(SHIM), "BREAK_IO": str(seed)},
        )
        results = [line for line in result.stdout.splitlines() if line.startswith(("ok", "not ok", "Bail"))]
        harness.comment(f"{name}, seed {seed}: {sum(line.startswith('ok') for line in results)} tests")
        if result.returncode != 0:
            raise AssertionError(f"{name}, seed {seed}:\n{result.stdout[-20000:]}{result.stderr[-4000:]}")
        self.assertGreater(len(results), 0)


    def test_the_kernel_is_broken(self):
        """Else the others would show nothing."""
        if harness.SANITIZER:
            self.skipTest(f"the {harness.SANITIZER} sanitizer stands in front of these calls")
        libraries = f"{BUILDDIR}/.libs/libplait.so:{SHIM}"
        for seed in SEEDS:
            result = subprocess.run(
                [sys.executable, "-c", CALLS],
                capture_output=True,
                text=True,
                env={**os.environ, "LD_PRELOAD": libraries, "BREAK_IO": str(seed)},
            )
            self.assertEqual(result.stdout, "['EAGAIN', 'EINTR', 'good', 'short']\n", result.stderr)


def add(name):
    def test(self):
        if harness.SANITIZER:
            self.skipTest(f"the {harness.SANITIZER} sanitizer stands in front of these calls")
        for seed in SEEDS:
            self.run_script(name, seed)

    setattr(BrokenIo, f"test_{name}", test)


for script in scripts():
    add(script)

if __name__ == "__main__":
    harness.main()
