#!/usr/bin/python3 -B
"""Work on threads when the server ends: what runs is waited for, and its result still comes to its loop; what has not begun
is released; what does not end in time is named."""
import os
import shlex
import signal
import subprocess

import harness
from harness import SRCDIR, Case, listener

# Each line is a FIFO, from which a thread reads until somebody has written. "brief" makes the server impatient; "mark" is
# work that says when it is dropped.
SOURCE = r"""
#include <fcntl.h>
#include <plait/plait.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct plait_result read_fifo(void *arg)
{
	char bytes[64];
	plait_log_info("begins %s", (char *)arg);
	int fd = open(arg, O_RDONLY);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
	return plait_owned(arg, free);
}

static void release(void *arg)
{
	plait_log_info("released %s on a loop: %d", (char *)arg, plait_loop_current() != NULL);
	free(arg);
}

static struct plait_result came_back(struct plait_result result, void *arg)
{
	(void)arg;
	if (result.failure)
		plait_log_info("failed: %d", result.failure->code);
	else
		plait_log_info("came back %s on a loop: %d", (char *)result.value, plait_loop_current() != NULL);
	plait_result_drop(&result);
	return plait_value(NULL);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void dropped(void *arg)
{
	(void)arg;
	plait_log_info("the mark was dropped");
}

static void configure(struct plait_conn *conn, unsigned deadline_ms)
{
	struct plait_thread_settings settings = { .max = 1, .deadline_ms = deadline_ms };
	plait_threads_configure(plait_conn_loop(conn), &settings, NULL);
}

static void made(struct plait_conn *conn)
{
	configure(conn, 60000);
}

static void message(struct plait_conn *conn, const void *line, size_t len)
{
	if (len == 5 && !memcmp(line, "brief", 5)) {
		configure(conn, 1);
		return;
	}
	if (len == 4 && !memcmp(line, "mark", 4)) {
		plait_call_in_thread_owned(plait_conn_loop(conn), nothing, NULL, dropped);
		return;
	}
	char *path = strndup(line, len);
	struct plait_deferred *deferred =
		plait_defer_to_thread_owned(plait_conn_loop(conn), read_fifo, path, release);
	plait_add_both(deferred, came_back, NULL);
	plait_deferred_unref(&deferred);
	plait_write(conn, "handed over\r\n", 13);
}

PLAIT_PROTOCOL(toil, .framing = &plait_line_framing, .made = made, .message = message);
"""


class Threads(Case):
    def toil(self):
        source, plugin = self.folder / "toil.c", self.folder / "toil.so"
        source.write_text(SOURCE)
        compiler = shlex.split(os.environ.get("CC") or "cc")
        subprocess.run(
            [*compiler, "-std=gnu11", "-D_GNU_SOURCE", f"-I{SRCDIR}/include", "-shared", "-fPIC", "-o", plugin, source],
            check=True,
        )
        plugin.chmod(0o755)
        return self.serve(listener("toil", "tcp://127.0.0.1:0", "toil"), plugins=[str(plugin)])

    def hand_over(self, server, client, name):
        os.mkfifo(self.folder / name)
        client.send(f"{self.folder / name}\r\n".encode())
        self.assertEqual(client.receive_line(), b"handed over")

    def test_the_end_waits_for_what_runs_and_releases_what_does_not(self):
        server = self.toil()
        with server.connect("toil") as client:
            self.hand_over(server, client, "first")
            server.wait_message("begins .*first")
            self.hand_over(server, client, "second")
            client.send(b"mark\r\n")
            server.send_signal(signal.SIGTERM)
            self.assertEqual(client.receive_to_end(), b"")
        server.wait_message("the mark was dropped")
        (self.folder / "first").write_bytes(b"go on")
        self.assertEqual(server.wait(), 0)
        server.check_reports()
        log = server.log()
        self.assertRegex(log, "came back .*first on a loop: 1")
        self.assertRegex(log, "released .*second on a loop: 1")
        self.assertNotRegex(log, "begins .*second")
        self.assertIn("failed: -9", log)

    def test_what_does_not_end_is_named(self):
        server = self.toil()
        with server.connect("toil") as client:
            client.send(b"brief\r\n")
            self.hand_over(server, client, "never")
            server.wait_message("begins .*never")
        server.stop(expect=1)
        self.assertRegex(server.log(), r"thread work-0 has not ended: its work, \+0x[0-9a-f]+ of [^,]*toil[^,]*, runs for")


if __name__ == "__main__":
    harness.main()
