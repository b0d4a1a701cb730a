#!/usr/bin/python3 -B
"""A plugin written outside of the tree, against an installed plait, with nothing but pkg-config: loaded by
its path, it serves over TLS."""
import os
import pathlib
import subprocess

import harness
from harness import BUILDDIR, Case, listener

SOURCE = r"""
#include <plait/plait.h>

struct reverse_options {
	const char *greeting;
};

static const struct plait_option options[] = {
	PLAIT_OPTION_STRING("greeting", struct reverse_options, greeting, .fallback = "hello",
			    .doc = "the first words"),
	PLAIT_OPTION_END,
};

static void reverse_made(struct plait_conn *conn)
{
	const struct reverse_options *given = plait_conn_options(conn);
	const struct plait_tls *tls = plait_conn_tls(conn);

	for (const char *c = given->greeting; *c; c++)
		plait_write(conn, c, 1);
	plait_write(conn, tls ? " secret\r\n" : " world\r\n", tls ? 9 : 8);
}

static void reverse_message(struct plait_conn *conn, const void *message, size_t len)
{
	const char *bytes = message;

	while (len)
		plait_write(conn, &bytes[--len], 1);
	plait_write(conn, "\r\n", 2);
}

PLAIT_PROTOCOL(reverse,
	.summary = "answers each line backwards",
	.options = options,
	.options_size = sizeof(struct reverse_options),
	.framing = &plait_line_framing,
	.made = reverse_made,
	.message = reverse_message);
"""

# The author's own test: the plugin's source, the test kit, and a test framework of their choice.
TEST = r"""
#include <CUnit/Basic.h>
#include <plait/testing.h>

extern const struct plait_protocol plait_plugin;

static void lines_come_back(void)
{
	struct plait_test *test = plait_test_new();
	struct plait_factory *factory =
		plait_test_factory(test, &plait_plugin, "{ \"options\": { \"greeting\": \"hi\" } }", NULL);
	struct plait_peer *peer = plait_test_connect(test, factory);
	CU_ASSERT_TRUE(plait_peer_heard(peer, "hi world\r\n"));
	plait_peer_say(peer, "abc\r\n");
	CU_ASSERT_TRUE(plait_peer_heard(peer, "cba\r\n"));
	plait_peer_end(peer);
	CU_ASSERT_EQUAL(plait_peer_reason(peer), PLAIT_REASON_PEER_CLOSED);
	CU_ASSERT_TRUE(plait_test_cuts(test, factory, "ab\r\n\r\ncd\r\n", 10, "hi world\r\nba\r\n\r\ndc\r\n", 20));
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

int main(void)
{
	CU_initialize_registry();
	CU_add_test(CU_add_suite("reverse", NULL, NULL), "lines come back", lines_come_back);
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures == 0 ? 0 : 1;
}
"""

GREETER = """
#include <plait/plait.h>

static void greet_made(struct plait_conn *conn)
{
	plait_write(conn, "hello\\r\\n", 7);
	plait_close(conn);
}

PLAIT_PROTOCOL(greet, .made = greet_made);
"""


class Outside(Case):
    timeout_s = 150

    def install(self):
        """An installed plait, in a folder that stands for the root of another machine."""
        if not (BUILDDIR / "Makefile").exists():
            self.skipTest("there is no configured build")
        root = self.folder / "root"
        env = {
            key: value
            for key, value in os.environ.items()
            if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "LD_LIBRARY_PATH")
        }
        done = subprocess.run(
            ["make", "-C", BUILDDIR, "install", f"DESTDIR={root}"],
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-3000:])
        return root

    def test_pkg_config_is_all_it_takes(self):
        root = self.install()
        pc = next(root.rglob("plait.pc"))
        env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent), PKG_CONFIG_SYSROOT_DIR=str(root))

        def pkg_config(*args):
            return subprocess.run(
                ["pkg-config", *args, "plait"], env=env, text=True, check=True, stdout=subprocess.PIPE
            ).stdout.split()

        flags = pkg_config("--cflags", "--libs")
        sandbox = self.folder / "elsewhere"
        sandbox.mkdir(mode=0o755)
        (sandbox / "reverse.c").write_text(SOURCE)
        compiler = os.environ.get("CC", "cc").split()
        sanitize = [f"-fsanitize={harness.SANITIZER}"] if harness.SANITIZER else []
        done = subprocess.run(
            [
                *compiler,
                "-Wall",
                "-Wextra",
                "-Werror",
                "-shared",
                "-fPIC",
                *sanitize,
                "-o",
                "reverse.so",
                "reverse.c",
                *flags,
            ],
            cwd=sandbox,
            text=True,
            stderr=subprocess.PIPE,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        (sandbox / "reverse.so").chmod(0o755)

        program = next(root.rglob("bin/plait"))
        library = next(path for path in root.rglob("libplait.so*")).parent
        there = {
            "LD_LIBRARY_PATH": str(library),
            "PLAIT_PLUGIN_PATH": str(root) + pkg_config("--variable=plugindir")[0].removeprefix(str(root)),
        }
        server = self.serve(
            listener("reverse", "tls://127.0.0.1:0", "reverse", options={"greeting": "hi"}),
            listener("plain", "tcp://127.0.0.1:0", "reverse"),
            listener("echo", "tcp://127.0.0.1:0"),
            plugins=["echo", str(sandbox / "reverse.so")],
            _program=program,
            _env=there,
        )
        maps = pathlib.Path(f"/proc/{server.pid}/maps").read_text()
        self.assertIn(str(library), maps)
        self.assertNotIn(str(BUILDDIR) + "/", maps)
        with server.connect("reverse") as client:
            self.assertEqual(client.receive_line(), b"hi secret")
            client.send(b"abc\r\nracecar\r\n\r\n")
            self.assertEqual([client.receive_line() for _ in range(3)], [b"cba", b"racecar", b""])
        with server.connect("plain") as client:
            self.assertEqual(client.receive_line(), b"hello world")
        with server.connect("echo") as client:
            client.exchange(b"the shipped ones load too", finish=True)

        (sandbox / "test.c").write_text(TEST)
        build = [*compiler, "-Wall", "-Wextra", "-Werror", *sanitize, "-o", "test", "test.c", "reverse.c"]
        done = subprocess.run(
            [*build, *flags, "-lcunit"], cwd=sandbox, text=True, stderr=subprocess.PIPE
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run(
            [sandbox / "test"], env=dict(os.environ, **there), text=True, stdout=subprocess.PIPE
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("asserts      5      5      5      0", done.stdout)

    def compile(self, plugin, text=SOURCE):
        source = self.folder / "plugin.c"
        source.write_text(text)
        compiler = os.environ.get("CC", "cc").split()
        sanitize = [f"-fsanitize={harness.SANITIZER}"] if harness.SANITIZER else []
        include, library = f"-I{harness.SRCDIR}/include", f"-L{BUILDDIR}/.libs"
        subprocess.run(
            [*compiler, "-shared", "-fPIC", *sanitize, include, "-o", plugin, source, library, "-lplait"],
            check=True,
        )
        plugin.chmod(0o755)

    def test_a_path_is_relative_to_the_config_file(self):
        (self.folder / "mine").mkdir(mode=0o755)
        self.compile(self.folder / "mine" / "reverse.so")
        server = self.serve(
            listener("reverse", "unix:reverse.sock", "reverse"), plugins=["./mine/reverse.so"]
        )
        with server.connect("reverse") as client:
            self.assertEqual(client.receive_line(), b"hello world")
            # Overwriting the file does not touch what runs.
            (self.folder / "mine" / "reverse.so").write_bytes(b"no plugin any more")
            client.send(b"abc\r\n")
            self.assertEqual(client.receive_line(), b"cba")
        with server.connect("reverse") as client:
            self.assertEqual(client.receive_line(), b"hello world")

    def test_one_that_only_greets_listens_on_streams(self):
        (self.folder / "mine").mkdir(mode=0o755)
        self.compile(self.folder / "mine" / "greet.so", GREETER)
        shown = harness.plait("plugins", self.folder / "mine" / "greet.so")
        self.assertIn("listens on: tcp, tls, unix\n", shown.stdout)
        server = self.serve(listener("greet", "unix:greet.sock", "greet"), plugins=["./mine/greet.so"])
        with server.connect("greet") as client:
            self.assertEqual(client.receive_to_end(), b"hello\r\n")

    def test_it_is_found_whatever_its_file_is_called(self):
        folder = self.folder / "mine"
        folder.mkdir(mode=0o755)
        (folder / "broken.so").write_text("no plugin, and nobody asked for it")
        there = {"PLAIT_PLUGIN_PATH": str(folder)}
        missing = harness.plait("plugins", "reverse", env=there)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("no plugin of that name", missing.stderr)
        self.compile(folder / "backwards.so")
        found = harness.plait("plugins", "reverse", env=there)
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        self.assertIn("backwards.so", found.stdout)


if __name__ == "__main__":
    harness.main()
