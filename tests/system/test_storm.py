#!/usr/bin/python3 -B
"""Many who mean no good at once: those who mean well are served as before, memory stays bounded, and in the end all of them
have gone. With PLAIT_STRESS=1 at full size, with figures that are compared."""
import json
import os
import subprocess
import sys
import threading

import harness
from control import ControlCase
from harness import CERTS, HERE, SCALE, listener, wait_for

STRESS = bool(os.environ.get("PLAIT_STRESS"))
SIZES = (
    {"open": 2500, "greeting": 2500, "silent": 1000, "not_reading": 200, "resets": 500}
    if STRESS
    else {"open": 40, "greeting": 40, "silent": 20, "not_reading": 10, "resets": 50}
)
TIMEOUT_S = 60 if STRESS else 6
BUFFERED = 8 << 20 if STRESS else 1 << 19


class Storm(ControlCase):
    timeout_s = 400 if STRESS else 90

    def serve_lines(self):
        seconds = f"{TIMEOUT_S}s"
        timeouts = {"handshake": seconds, "message": seconds, "write": seconds, "first_byte": seconds}
        one = listener(
            "lines", "tls://127.0.0.1:0", "line", timeouts=timeouts, limits={"handshakes": 8000}, socket={"backlog": 4096}
        )
        return self.serve_control(
            one, limits={"buffered": BUFFERED}, log={"level": "info", "format": "json"}
        )

    def visit(self, server, kind="line", *more):
        """What good clients measure: the 99th of 100 round trips, in microseconds."""
        end = ["-t", "8"] if STRESS else ["-n", "300"]
        endpoint = server.endpoint("lines").replace("127.0.0.1", "localhost")
        result = harness.plait("bench", "--json", "-c", "2", *end, "--ca", CERTS / "ca.pem", *more, kind, endpoint, timeout=60)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)["latency_us"]

    def begin_attack(self, server):
        attack = subprocess.Popen(
            [sys.executable, "-B", HERE / "attack.py", "127.0.0.1", str(server.port("lines")), CERTS / "ca.pem", json.dumps(SIZES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(attack.wait)
        self.addCleanup(attack.kill)
        self.assertEqual(attack.stdout.readline(), "ready\n")
        return attack

    def watch(self, server, seen, done):
        """The largest figures, as long as the storm lasts."""
        pid = self.good("status")["pid"]
        while not done.wait(0.05):
            buffered = self.good("status")["buffered"]["bytes"]
            seen["buffered"] = max(seen.get("buffered", 0), buffered)
            seen["memory"] = max(seen.get("memory", 0), harness.process_memory(pid))

    def test_good_clients_do_not_notice(self):
        server = self.serve_lines()
        before = harness.process_memory(self.good("status")["pid"])
        self.visit(server)
        quiet = {kind: self.visit(server, kind) for kind in ("line", "handshake")}
        seen, done = {}, threading.Event()
        watched = self.background(self.watch, server, seen, done)
        attack = self.begin_attack(server)
        during = self.good("status")["connections"]["now"]
        storm = {kind: self.visit(server, kind) for kind in ("line", "handshake")}
        still = self.good("status")["connections"]["now"]
        attack.stdin.write("stop\n")
        attack.stdin.flush()
        resets = json.loads(attack.stdout.readline())["resets"]
        wait_for(lambda: self.good("status")["connections"]["now"] == 0, 2 * TIMEOUT_S, "the last of them to go")
        done.set()
        watched()
        attack.stdin.close()
        attack.wait(20 * SCALE)
        status = self.good("status")
        for kind in quiet:
            harness.comment(
                f"{kind}: p50 {quiet[kind]['p50']:.0f} us quiet, {storm[kind]['p50']:.0f} in the storm;"
                f" p99 {quiet[kind]['p99']:.0f} and {storm[kind]['p99']:.0f}"
            )
        harness.comment(
            f"{during} connections when the storm was there, {still} at its end, {resets} resets; most bytes buffered"
            f" {seen['buffered']} of {BUFFERED}; memory {before >> 20} MiB before, {seen['memory'] >> 20} at most,"
            f" {harness.process_memory(status['pid']) >> 20} after; ended: {json.dumps(status['connections']['ended'])}"
        )
        ended = status["connections"]["ended"]
        offenders = sum(
            ended.get(reason, 0) for reason in ("timeout-message", "timeout-first-byte", "timeout-write", "shed")
        )
        self.assertEqual(offenders, SIZES["open"] + SIZES["not_reading"])
        self.assertEqual(ended["timeout-handshake"], SIZES["greeting"] + SIZES["silent"])
        self.visit(server)
        if STRESS:
            self.assertLess(storm["line"]["p99"], 2 * quiet["line"]["p99"])
            self.assertLess(seen["buffered"], BUFFERED * 5 / 4)


if __name__ == "__main__":
    harness.main()
