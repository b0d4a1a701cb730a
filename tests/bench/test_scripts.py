#!/usr/bin/python3 -B
"""The benchmark's scripts: statistics, readers of the tools' output, tables, the page, the chart, clean ends."""
import os
import pathlib
import re
import sys
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import bench  # noqa: E402
import callgrind  # noqa: E402
import chart  # noqa: E402
import harness  # noqa: E402
import page  # noqa: E402
import part_compare  # noqa: E402
import part_count  # noqa: E402
import processes  # noqa: E402
import stats  # noqa: E402
import systemcalls  # noqa: E402
import workloads  # noqa: E402
from harness import SRCDIR, Case  # noqa: E402

CALLGRIND = """version: 1
events: Ir

ob=(1) /somewhere/libplait.so.0
fl=(1) conn.c
fn=(1) conn_readable
12 100
+1 20
cob=(2) /usr/lib/libc.so.6
cfn=(2) malloc
calls=3 0
* 300
cfn=(4) post_send
calls=7 0
+2 70
ob=(2)
fl=(2)
fn=(2)
0 250
cfn=(3) calloc
calls=1 0
0 50
fn=(3)
0 50
ob=(3) /usr/lib/libcrypto.so.3
fn=(5) CRYPTO_malloc
0 5
cob=(2)
cfn=(2)
calls=2 0
0 10
"""

STRACE = """syscall               calls
---------------- ----------
recvfrom               1000
sendto                  990
epoll_wait                5
futex                     2
---------------- ----------
total                  1997
"""


class Numbers(Case):
    def test_spread(self):
        self.assertEqual(stats.spread([5, 1, 4, 2, 3]), (3, 2, 4))
        self.assertEqual(stats.spread([None, 7]), (7, 7, 7))
        self.assertIsNone(stats.spread([None]))

    def test_a_round_that_failed_is_in_no_ratio(self):
        self.assertEqual(stats.ratios([2, None, 6, 8], [1, 1, None, 4]), [2, 2])

    def test_what_setting_up_costs_is_gone(self):
        few, many = {"a": 1000, "b": 5}, {"a": 1600, "c": 200}
        self.assertEqual(stats.per_operation(few, many, 100), {"a": 6, "b": -0.05, "c": 2})

    def test_digits(self):
        told = {
            1234567.8: "1,234,568",
            123.4: "123",
            1.005: "1.00",
            -0.001: "0.00",
            -2: "-2.00",
            None: "-",
            0: "0.00",
        }
        self.assertEqual({value: stats.digits(value) for value in told}, told)
        self.assertEqual(stats.with_spread([1, 2, 3]), "2.00 (1.50-2.50)")
        self.assertEqual(stats.with_spread([]), "-")

    def test_targets(self):
        self.assertEqual(stats.within(450, 450), "yes")
        self.assertEqual(stats.within(900, 450), "no: 2.00 times")
        self.assertEqual(stats.within(0.5, 0), "no: 0.500")
        self.assertEqual(stats.within(1, None), "-")


class Readers(Case):
    def test_callgrind(self):
        totals = callgrind.Profile(CALLGRIND).totals()
        self.assertEqual(totals["instructions"], 100 + 20 + 250 + 50 + 5)
        self.assertEqual(totals["in libplait.so.0"], 120)
        self.assertEqual(totals["in libc.so.6"], 300)
        self.assertEqual(totals["called post_send"], 7)
        # What malloc asks of calloc is no allocation more; OpenSSL's are apart.
        self.assertEqual((totals["allocations"], totals["OpenSSL's allocations"]), (3, 2))

    def test_strace(self):
        path = self.folder / "calls"
        path.write_text(STRACE)
        kinds = systemcalls.by_kind(systemcalls.read(path))
        told = {kind: kinds[kind] for kind in ("receive", "send", "wait", "other")}
        self.assertEqual(told, {"receive": 1000, "send": 990, "wait": 5, "other": 2})
        self.assertEqual(systemcalls.others(kinds, 1), {"futex": 2})


def compared(**cpu):
    return {who: [{"cpu": value, "rate": 1 / value} for value in values] for who, values in cpu.items()}


class Tables(Case):
    def test_a_verdict(self):
        work = workloads.by_name(workloads.COMPARE, "echo-50")
        for ours, libuv, verdict in (
            ([1.0, 1.04, 1.05], [2, 2, 2], "yes"),
            ([1.1, 1.1, 1.1], [1, 1, 1], "no: 1.10 (within the noise)"),
            ([1.5, 1.5, 1.5], [1, 1, 1], "no: 1.50, libuv is ahead"),
        ):
            found = compared(raw=[1, 1, 1], plait=ours, libuv=libuv)
            self.assertEqual(part_compare._verdict(work, found), verdict)

    def test_calls_above_their_targets_are_named(self):
        calls = {"receive": 1.001, "send": 0.06, "wait": 0.0006, "other": 0.2}
        for name, missed in (
            ("echo-50", "other 0.200"),
            ("storm", ""),
            ("udp", None),
        ):
            self.assertEqual(part_count._missed(workloads.by_name(workloads.COUNT, name), calls), missed)
        storm = workloads.by_name(workloads.COUNT, "storm")
        self.assertEqual(
            part_count._missed(storm, {**calls, "send": 0.12}), "a receiver's sends in a turn 2.000"
        )

    def test_tables_of_nothing_and_of_a_part(self):
        """The whole run can be made in pieces: a table has the rows there are."""
        for module in bench.PARTS.values():
            for lines in module.tables({}).values():
                self.check_table(list(lines))
        lines = list(part_compare.tables({"udp": compared(raw=[4, 4], plait=[2, 2])})["compare"])
        self.check_table(lines)
        self.assertEqual(len(lines), 3)
        self.assertIn("0.50 (0.50-0.50)", lines[2])

    def check_table(self, lines):
        columns = {line.count("|") for line in lines}
        self.assertEqual(len(columns), 1, lines)

    def test_names_choose_rows(self):
        self.assertTrue(bench.wanted("count", "echo-1", []))
        self.assertTrue(bench.wanted("count", "echo-1", ["count"]))
        self.assertTrue(bench.wanted("count", "echo-1", ["loops", "echo-*"]))
        self.assertFalse(bench.wanted("count", "echo-1", ["compare/echo-1"]))

    def test_rows_have_names_of_their_own(self):
        for module in bench.PARTS.values():
            self.assertEqual(len(module.rows()), len(set(module.rows())))

    def test_messages_are_counted_whole(self):
        """A broadcast is counted by deliveries: only whole messages make runs alike."""
        for row in workloads.COUNT:
            if row.work.kind == "broadcast":
                receivers = int(re.search(r"-c (\d+)", row.work.words).group(1)) - 1
                self.assertEqual((row.few % receivers, row.many % receivers), (0, 0), row.name)


class Page(Case):
    def test_only_what_is_between_the_markers_changes(self):
        text = "mine\n<!-- bench x -->\nold\n\\1\n<!-- end x -->\nmine, too\n"
        self.assertEqual(
            page.put(text, "x", "new \\1\n"), "mine\n<!-- bench x -->\nnew \\1\n<!-- end x -->\nmine, too\n"
        )

    def test_a_page_without_a_place_says_so(self):
        with self.assertRaisesRegex(page.NoPlace, "bench x"):
            page.put("<!-- bench xy --><!-- end xy -->", "x", "")

    def test_the_page_has_a_place_for_every_table(self):
        text = (SRCDIR / "docs" / "performance.md").read_text()
        names = ["about", *(name for module in bench.PARTS.values() for name in module.tables({}))]
        for name in names:
            page.put(text, name, "")
        self.assertEqual(sorted(names), sorted(re.findall(r"<!-- bench (\S+) -->", text)))
        page.put((SRCDIR / "README.md").read_text(), "summary", "")

    def test_the_chart_is_an_image_for_light_and_dark(self):
        panels = [
            chart.Panel(
                "a & b", {"plait": [(1, 5.0), (19000, 7.5), (10, None)], "raw": [(1, 5.0), (10000, 6)]}
            )
        ]
        text = chart.draw("title", panels)
        root = xml.etree.ElementTree.fromstring(text)
        self.assertTrue(root.tag.endswith("svg"))
        self.assertIn("prefers-color-scheme: dark", text)
        self.assertEqual(text.count('class="line'), 2)
        self.assertEqual(text.count("<circle"), 4)

    def test_grid_lines_are_few_and_round(self):
        for most in (0.03, 1, 7.5, 12, 99, 100, 1234, 40000):
            self.assertTrue(2 <= most / chart.step(most) <= 6.01, most)
            self.assertIn(f"{chart.step(most):e}"[0], "125")


class Ends(Case):
    def test_a_server_ends_with_what_it_started(self):
        program = self.folder / "server"
        program.write_text(
            "#!/bin/sh\nsleep 1000 &\necho $! >child.tmp && mv child.tmp child\n"
            "echo listening on tcp://127.0.0.1:1\nwait\n"
        )
        program.chmod(0o755)
        here = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, here)
        with processes.Server(([program], {}, None), self.folder, cpu=None) as server:
            self.assertEqual(server.endpoint, "tcp://127.0.0.1:1")
            child = int((self.folder / "child").read_text())
            self.assertTrue(pathlib.Path(f"/proc/{child}").exists())
        self.assertIsNotNone(server.process.poll())
        harness.wait_for(lambda: gone(child), what="the end of the server's child")

    def test_a_server_that_does_not_start_says_why(self):
        with self.assertRaisesRegex(processes.Failed, "no such luck"):
            processes.Server(
                (["/bin/sh", "-c", "echo no such luck; exit 3"], {}, None), self.folder, cpu=None
            )

    def test_folders_go(self):
        with processes.folder() as where:
            (where / "file").write_text("x")
        self.assertFalse(where.exists())


def gone(pid):
    """Ended, or dead and waiting for whoever adopted it."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


if __name__ == "__main__":
    harness.main()
