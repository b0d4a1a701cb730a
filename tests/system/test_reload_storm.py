#!/usr/bin/python3 -B
"""Reload after reload under load: nobody is refused, nothing is lost or altered, nothing piles up. PLAIT_RELOADS says how many
(PLAIT_RELOADS=1000 for the whole storm)."""
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import time

import harness
from control import Control
from harness import BUILDDIR, CERTS, Case, environment, listener, wait_for

RELOADS = int(os.environ.get("PLAIT_RELOADS", "60"))
PACE_S = 0.05
SETTLED = 50  # after so many, memory and descriptors are compared with what they are at the end
WARM = 30000  # connections for which the load alone has taken no more memory
EDITIONS = {name: BUILDDIR / f"tests/system/.libs/edition_{name}.so" for name in ("one", "two")}


class Load:
    """plait bench, which checks every byte and counts every failure."""

    def __init__(self, *args):
        self.args = args
        self.process = subprocess.Popen(
            [harness.PLAIT, "bench", *map(str, args), "-t", "3600", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )

    def end(self):
        """What it measured, until it is asked to stop; a failure has ended it before."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60 * harness.SCALE)
        return json.loads(out) if out else {"errors": {"early": err}}

    def kill(self):
        self.process.kill()
        self.process.communicate()


class Storm(Case):
    timeout_s = 240 + RELOADS

    def configured(self, number):
        """What the number-th configuration says: with each one something is another."""
        certificate = ("server", "server-2")[number // 2 % 2]
        options = {"word": "", "note": str(number // 4)}
        listeners = [
            listener("connect", "tls://127.0.0.1:0", "edition", tls="mine", options=options),
            listener("stream", "tls://127.0.0.1:0", "edition", tls="mine", options=options),
            listener("plain", "tcp://127.0.0.1:0", "edition", options=options),
            listener("udp", "udp://127.0.0.1:0", "edition", options=options),
        ]
        if number % 3 == 0:
            listeners.append(listener("guest", f"unix:{self.folder}/guest.sock"))
        return {
            "tls": {
                "mine": {"certificate": str(CERTS / f"{certificate}.pem"), "key": str(CERTS / f"{certificate}.key")}
            },
            "listeners": listeners,
        }

    def put_edition(self, number):
        fresh = self.folder / "fresh.so"
        shutil.copy(EDITIONS[("one", "two")[number // 5 % 2]], fresh)
        os.replace(fresh, self.folder / "edition.so")

    def put_config(self, server, number):
        config = {**server.config, **self.configured(number)}
        fresh = server.file.with_suffix(".fresh")
        fresh.write_text(json.dumps(config))
        os.replace(fresh, server.file)

    def open_files(self, server):
        return len(list(pathlib.Path(f"/proc/{server.pid}/fd").iterdir()))

    def editions(self, server):
        maps = pathlib.Path(f"/proc/{server.pid}/maps").read_text()
        return len(re.findall(r"^\S+ r-xp \S+ \S+ \d+ +/memfd:edition.so", maps, re.M))

    def reload(self, server, number, log):
        self.put_edition(number)
        self.put_config(server, number)
        server.send_signal(signal.SIGHUP)
        said = []

        def answered():
            said.extend(log.readlines())
            return [line for line in said if '"reloaded ' in line or '"not reloaded' in line]

        line = wait_for(answered, what="the reload to be answered")[0]
        self.assertNotIn("not reloaded", line, "".join(said[-20:]))

    def warm_up(self, server):
        """The load alone lets the heap grow at first: how many connections are at one step at one time is chance. What reloads
        leave is measured from where it has ended."""
        most, since = 0, 0

        def warm():
            nonlocal most, since
            opened, memory = control.ask("status")["connections"]["opened"], server.memory()
            if memory > most * 1.002:
                most, since = memory, opened
            return opened - since > WARM

        with Control(self.folder / "control.sock") as control:
            wait_for(warm, timeout=180, what="memory that the load alone does not add to")

    def compare(self, what, values):
        """Medians: what is under way when one looks, such as a former edition, is by chance."""
        early, late = (statistics.median(some) for some in (values[SETTLED - 10 : SETTLED + 10], values[-20:]))
        harness.comment(f"{what}: {early:g} after {SETTLED} reloads, {late:g} after {len(values)}")
        if len(values) > 2 * SETTLED:
            self.assertLessEqual(late, early * 1.05, what)

    def test_storm(self):
        self.put_edition(0)
        first = self.configured(0)
        server = self.serve(
            *first["listeners"],
            tls=first["tls"],
            plugins=["echo", str(self.folder / "edition.so")],
            log={"level": "info", "format": "json"},
            drain_timeout="60s",
            control="control.sock",
        )
        loads = [
            Load("handshake", server.endpoint("connect"), "-c", 2),
            Load("handshake", server.endpoint("connect"), "-c", 1, "--resume"),
            Load("connect", server.endpoint("plain"), "-c", 2),
            Load("echo", server.endpoint("stream"), "-c", 2, "-s", "64k"),
            Load("echo", server.endpoint("plain"), "-c", 2, "-s", "16k", "-d", 4),
            Load("udp", server.endpoint("udp"), "-c", 4),
        ]
        memory, files = [], []
        try:
            if RELOADS > 2 * SETTLED:
                self.warm_up(server)
            with open(server.log_file, encoding="utf-8") as log:
                for number in range(1, RELOADS + 1):
                    next_at = time.monotonic() + PACE_S
                    self.reload(server, number, log)
                    memory.append(server.memory())
                    files.append(self.open_files(server))
                    for load in loads:
                        self.assertIsNone(load.process.poll(), f"{load.args} ended early")
                    time.sleep(max(0, next_at - time.monotonic()))
            results = {load.args[:1] + load.args[2:]: load.end() for load in loads}
        finally:
            for load in loads:
                load.kill()
        for name, result in results.items():
            harness.comment(f"{' '.join(map(str, name))}: {json.dumps(result)[:300]}")
            self.assertFalse(any(result["errors"].values()), f"{name}: {result}")
            self.assertGreater(result["operations"], 0)
        wait_for(lambda: self.editions(server) == 1, what="former editions of the plugin to be gone")
        wait_for(lambda: self.open_files(server) <= files[0] + 1, what="what connections had open to be closed")
        self.compare("memory", memory)
        self.compare("files", files)


if __name__ == "__main__":
    harness.main()
