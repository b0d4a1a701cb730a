#!/usr/bin/python3 -B
"""Measures plait against a hand-written epoll server and others, and writes the tables of docs/performance.md.

bench.py --build FOLDER [--page FILE] [--readme FILE] [--quick] [--rounds N] [--seconds S] [NAME...]

NAME is a part (count, compare, loops, growth), PART/ROW or ROW, with * and ?; none is all. Results are kept in
FOLDER/results, so that the whole can be run in pieces; --quick tries everything out in a short time and writes no page.
"""
import argparse
import fnmatch
import json
import os
import pathlib
import platform
import re
import resource
import signal
import subprocess
import sys
import time

import page
import part_compare
import part_count
import part_growth
import part_loops
import summary
from counting import Counter
from peers import Peers
from processes import Failed, folder
from stats import digits

PARTS = {"count": part_count, "compare": part_compare, "loops": part_loops, "growth": part_growth}
INTERRUPTED = 130


class Bench:
    """What the parts need to run a row."""

    def __init__(self, arguments, where):
        self.quick = arguments.quick
        self.rounds = arguments.rounds or (2 if self.quick else 10)
        self.seconds = arguments.seconds or (0.3 if self.quick else 1.0)
        self.folder = where
        self.peers = Peers(arguments.build, where)
        self.load_program = (self.peers.plait_program, self.peers.environment)
        self.counter = Counter(self.load_program, where)

    def recipe(self, name, *args, **keywords):
        return self.peers.recipe(name, *args, **keywords)

    def recipe_for(self, name, work):
        """The server's recipe for a workload, or None."""
        return self.recipe(
            name,
            work.speaks,
            work.transport,
            certificate=work.certificate,
            one_ticket=work.kind == "handshake",
        )

    def say(self, text):
        print(f"  {text}", file=sys.stderr, flush=True)


def wanted(part, row, names):
    texts = (part, row, f"{part}/{row}")
    return not names or any(fnmatch.fnmatchcase(text, name) for name in names for text in texts)


def _first_line(*argv, env=None):
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            capture_output=True,
            text=True,
            timeout=20,
            env={**os.environ, **(env or {})},
        )
    except OSError:
        return None
    text = (done.stdout + done.stderr).strip()
    return text.splitlines()[0] if text and not done.returncode else None


def about(bench):
    """What it was measured with."""
    cpu = re.search(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    facts = {
        "machine": f"{cpu.group(1) if cpu else platform.machine()}, {os.cpu_count()} processors",
        "kernel": f"Linux {platform.release()}",
        "plait": _first_line("git", "-C", pathlib.Path(__file__).parent, "describe", "--always", "--dirty"),
        "compiler": _first_line("gcc", "--version"),
        "OpenSSL": _first_line("openssl", "version"),
        "valgrind": _first_line("valgrind", "--version"),
        "date": time.strftime("%Y-%m-%d"),
    }
    for name, package in (
        ("libevent", "libevent-2.1-7"),
        ("libuv", "libuv1"),
        ("libwebsockets", "libwebsockets17"),
        ("Twisted", "python3-twisted"),
    ):
        facts[name] = _first_line("dpkg-query", "-W", "-f", "${Version}", package)
    for name, flag in (("nginx", "-v"), ("haproxy", "-v")):
        program = bench.peers.find(name)
        facts[name] = program and _first_line(program, flag)
    return {name: fact for name, fact in facts.items() if fact}


class Results:
    """Rows of a part, kept in a file as they come."""

    def __init__(self, where, part):
        self.path = where / f"{part}.json"
        self.rows = json.loads(self.path.read_text()) if self.path.exists() else {}

    def put(self, row, found, facts, rounds):
        self.rows[row] = {"found": found, "about": facts, "rounds": rounds}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = self.path.with_suffix(".tmp")
        whole.write_text(json.dumps(self.rows, indent=1))
        whole.replace(self.path)

    def found(self):
        return {row: one["found"] for row, one in self.rows.items()}


def run(arguments, where):
    """Runs the rows that are wanted; the number of those that failed."""
    bench = Bench(arguments, where)
    facts, failed, ran = about(bench), 0, 0
    results_folder = arguments.build / ("results-quick" if arguments.quick else "results")
    for part, module in PARTS.items():
        results = Results(results_folder, part)
        for row in module.rows():
            if not wanted(part, row, arguments.names):
                continue
            ran += 1
            began = time.monotonic()
            try:
                found = module.run(row, bench)
                results.put(row, found, facts, bench.rounds)
                took = digits(time.monotonic() - began, 0)
                print(f"{part}/{row}: {module.line(row, found)} [{took} s]", flush=True)
            except Failed as error:
                failed += 1
                print(f"{part}/{row}: failed: {error}", flush=True)
    if not ran:
        names = "\n".join(f"  {part}/{row}" for part, module in PARTS.items() for row in module.rows())
        raise SystemExit(f"bench: no row is called so; there are\n{names}")
    return failed


def write_page(arguments):
    """The page's tables and charts, from all results there are."""
    text = arguments.page.read_text()
    facts, found = {}, {}
    for part, module in PARTS.items():
        results = Results(arguments.build / "results", part)
        if not results.rows:
            continue
        found[part] = results.found()
        for one in results.rows.values():
            facts.update(one["about"])
        for name, lines in module.tables(found[part]).items():
            text = page.put(text, name, "\n".join(lines))
        for name, drawing in getattr(module, "charts", lambda _: {})(found[part]).items():
            (arguments.page.parent / name).write_text(drawing)
    if facts:
        text = page.put(text, "about", "\n".join(f"- {name}: {fact}" for name, fact in facts.items()))
    arguments.page.write_text(text)
    if arguments.readme:
        lines = summary.table(found.get("count", {}), found.get("compare", {}))
        arguments.readme.write_text(page.put(arguments.readme.read_text(), "summary", "\n".join(lines)))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the optimised build")
    parser.add_argument("--page", type=pathlib.Path, help="the page to write tables into")
    parser.add_argument("--readme", type=pathlib.Path, help="the page to write the summary into")
    parser.add_argument(
        "--quick", action="store_true", help="two short rounds, to try it out; nothing is kept"
    )
    parser.add_argument("--rounds", type=int, help="rounds of a comparison (10)")
    parser.add_argument("--seconds", type=float, help="how long one run of a round takes (1)")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="parts and rows; page: only write the page anew"
    )
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Ended by a signal, it still ends what it started.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(INTERRUPTED))
    failed = 0
    try:
        if arguments.names != ["page"]:
            with folder() as where:
                failed = 1 if run(arguments, where) else 0
    except KeyboardInterrupt:
        print("bench: interrupted; what was measured is kept", file=sys.stderr)
        failed = INTERRUPTED
    if arguments.page and not arguments.quick:
        write_page(arguments)
    return failed


if __name__ == "__main__":
    sys.exit(main())
