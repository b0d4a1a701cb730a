#!/usr/bin/python3 -B
"""Broken plugins: each is refused with one exact error, by check and by run, and nothing is bound."""
import json
import os
import re
import shlex
import shutil
import subprocess

import harness
from harness import SRCDIR, Case, plait

CASES = SRCDIR / "tests" / "broken-plugins"
FLAGS = {"missing-library": ["-Wl,--no-as-needed", "-lnobodyhasthis"]}


def build(source, target, *flags):
    """Compiles one of the plugins here, as its author would."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    command = [
        *compiler,
        "-std=gnu11",
        "-D_GNU_SOURCE",
        f"-I{SRCDIR}/include",
        f"-I{CASES}",
        "-shared",
        "-fPIC",
    ]
    result = subprocess.run(
        [*command, "-o", target, CASES / f"{source}.c", *flags], capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise AssertionError(f"{source}.c does not compile:\n{result.stderr}")
    target.chmod(0o755)


def patch(file, offset, data):
    with open(file, "r+b") as stream:
        stream.seek(offset)
        stream.write(data)


def pattern(expected, values):
    """A regular expression that matches the expected text alone, its placeholders filled in."""
    out = ""
    for part in re.split(r"(@[A-Z0-9+-]+@)", expected):
        number = re.fullmatch(r"@(MAJOR|MINOR)([+-]\d+)@", part)
        if number:
            out += str(values[number.group(1)] + int(number.group(2)))
        elif re.fullmatch(r"@[A-Z]+@", part):
            name = part.strip("@")
            out += {"N": r"\d+", "ANY": r"[^\n]*", "MACHINE": r"[^\n;]+"}.get(name) or re.escape(
                str(values[name])
            )
        else:
            out += re.escape(part)
    return out


class Broken(Case):
    timeout_s = 120

    def setUp(self):
        super().setUp()
        text = plait("version").stdout
        major, minor = re.search(r"plugin ABI (\d+)\.(\d+)", text).groups()
        self.values = {
            "VERSION": re.search(r"plait (\S+)", text).group(1),
            "MAJOR": int(major),
            "MINOR": int(minor),
        }
        self.home = self.folder.resolve()

    def place(self, name):
        """A folder of that case's own, which nobody else may write to."""
        folder = self.home / name
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
        return folder

    def check(self, name, folder, plugins, **top):
        """Both commands refuse the plugins with the very text of NAME.expected."""
        config = {"plugins": plugins, **top}
        config["listeners"] = [{"name": "x", "bind": "unix:x.sock", "protocol": "sound"}]
        (folder / "plait.json").write_text(json.dumps(config))
        values = dict(self.values, FOLDER=folder, FILE=folder / f"{name}.so")
        wanted = pattern((CASES / f"{name}.expected").read_text(), values)
        for command in ("check", "run"):
            with self.subTest(name, command=command):
                result = plait(command, "plait.json", cwd=folder)
                self.assertEqual((result.returncode, result.stdout), (1, ""))
                if not re.fullmatch(wanted, result.stderr):
                    self.fail(f"found {result.stderr!r}\nwanted {wanted!r}")
                self.assertFalse((folder / "x.sock").exists(), "a socket was bound")

    def sound(self, name):
        """A folder with the good plugin under that name."""
        folder = self.place(name)
        file = folder / f"{name}.so"
        build("sound", file)
        return folder, file

    def test_a_sound_one_is_taken(self):
        folder, _ = self.sound("sound")
        config = {"plugins": ["./sound.so"], "listeners": []}
        config["listeners"].append({"name": "x", "bind": "unix:x.sock", "protocol": "sound"})
        (folder / "plait.json").write_text(json.dumps(config))
        result = plait("check", "plait.json", cwd=folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, "plait.json: ok: 1 listener, 1 plugin\n")

    def test_each_case_is_run(self):
        """No expectation lies here that nothing looks at."""
        expected = {path.stem for path in CASES.glob("*.expected")}
        sources = {path.stem for path in CASES.glob("*.c")} - {"sound"}
        methods = {name[5:].replace("_", "-") for name in dir(self) if name.startswith("test_")}
        self.assertEqual(expected - sources - methods, set())
        self.assertGreaterEqual(len(expected), 12)

    def test_sources(self):
        stub = self.home / "libnobodyhasthis.so"
        subprocess.run(
            [
                *shlex.split(os.environ.get("CC") or "cc"),
                "-shared",
                "-fPIC",
                "-Wl,-soname,libnobodyhasthis.so.1",
            ]
            + ["-o", stub, "-x", "c", "/dev/null"],
            check=True,
        )
        for source in sorted(CASES.glob("*.c")):
            name = source.stem
            if name == "sound":
                continue
            folder = self.place(name)
            build(name, folder / f"{name}.so", f"-L{self.home}", *FLAGS.get(name, ()))
            plugins = [f"./{name}.so"]
            if name == "duplicate-name":
                build("sound", folder / "sound.so")
                plugins.insert(0, "./sound.so")
            self.check(name, folder, plugins)

    def with_mode(self, name, mode):
        folder, file = self.sound(name)
        file.chmod(mode)
        self.check(name, folder, [f"./{name}.so"])

    def test_writable_by_all(self):
        self.with_mode("writable-by-all", 0o646)

    def test_writable_by_group(self):
        self.with_mode("writable-by-group", 0o664)

    def test_writable_folder(self):
        folder, _ = self.sound("writable-folder")
        folder.chmod(0o777)
        self.check("writable-folder", folder, ["./writable-folder.so"])

    def test_foreign_file(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give a file away")
        folder, file = self.sound("foreign-file")
        os.chown(file, 12345, 12345)
        self.check("foreign-file", folder, ["./foreign-file.so"])

    def with_bytes(self, name, data, suffix=".so"):
        folder = self.place(name)
        file = folder / f"{name}{suffix}"
        file.write_bytes(data)
        file.chmod(0o644)
        self.check(name, folder, [f"./{name}{suffix}"])

    def test_text_file(self):
        self.with_bytes("text-file", b"#!/bin/sh\nexit 0\n")

    def test_empty_file(self):
        self.with_bytes("empty-file", b"")

    def test_libtool_text(self):
        self.with_bytes("libtool-text", b"# libtool-text.la - a libtool library file\n", ".la")

    def test_cut_short(self):
        folder, file = self.sound("cut-short")
        whole = file.read_bytes()
        for size in (7, 63, 100, 4096, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:size])
            self.check("cut-short", folder, ["./cut-short.so"])

    def test_folder(self):
        folder = self.place("folder")
        (folder / "folder.so").mkdir()
        self.check("folder", folder, ["./folder.so"])

    def test_fifo(self):
        folder = self.place("fifo")
        os.mkfifo(folder / "fifo.so", 0o644)
        self.check("fifo", folder, ["./fifo.so"])

    def test_other_machine(self):
        folder, file = self.sound("other-machine")
        little = file.read_bytes()[5] == 1
        patch(file, 18, b"\x16\x00" if little else b"\x00\x16")
        self.check("other-machine", folder, ["./other-machine.so"])

    def test_object_file(self):
        folder = self.place("object-file")
        build("sound", folder / "object-file.so", "-c", "-Wno-unused-command-line-argument")
        self.check("object-file", folder, ["./object-file.so"])

    def test_missing_file(self):
        folder, file = self.sound("missing-file")
        shutil.move(file, folder / "missing-files.so")
        self.check("missing-file", folder, ["./missing-file.so"])

    def test_missing_name(self):
        folder, _ = self.sound("missing-name")
        self.check("missing-name", folder, ["missing-nmae"], plugin_path=[str(folder)])

    def test_named_twice(self):
        folder, file = self.sound("named-twice")
        shutil.move(file, folder / "sound.so")
        self.check("named-twice", folder, ["./sound.so", f"{folder}/../named-twice/sound.so"])


if __name__ == "__main__":
    harness.main()
