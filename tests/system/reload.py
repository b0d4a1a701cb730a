"""Servers that read their configuration anew."""
import json
import os
import pathlib
import re
import shutil
import signal

from harness import BUILDDIR, Case, wait_for

PLUGINS = BUILDDIR / "tests/system/.libs"
EDITIONS = {name: PLUGINS / f"edition_{name}.so" for name in ("one", "two")}


class Reload(Case):
    def put_edition(self, name):
        """As an installer does it: the new file takes the old one's place in one go."""
        fresh = self.folder / "fresh.so"
        shutil.copy(EDITIONS[name], fresh)
        os.replace(fresh, self.folder / "edition.so")

    def serve_edition(self, *listeners, **top):
        self.put_edition("one")
        return self.serve(*listeners, plugins=["echo", str(self.folder / "edition.so")], **top)

    def write(self, server, *listeners, **top):
        """The configuration that is served, with other listeners if any are given, and what top changes."""
        config = {**server.config, **top}
        if listeners:
            config["listeners"] = list(listeners)
        server.config = {key: value for key, value in config.items() if value is not None}
        fresh = server.file.with_suffix(".fresh")
        fresh.write_text(json.dumps(server.config, indent=1))
        os.replace(fresh, server.file)

    def signal(self, server, pattern):
        """Has it read anew, and returns what the log says of that."""
        count = len(server.messages())
        server.send_signal(signal.SIGHUP)
        wait_for(
            lambda: any(re.search(pattern, text) for text in server.messages()[count:]),
            what=f"a log line like {pattern!r}",
        )
        return server.messages()[count:]

    def reload(self, server, *listeners, **top):
        self.write(server, *listeners, **top)
        return self.signal(server, r"^reloaded .*: \d+ change")

    def refuse(self, server, *listeners, **top):
        self.write(server, *listeners, **top)
        return self.signal(server, "^not reloaded")

    def greeting(self, server, name="a"):
        with server.connect(name) as client:
            return client.receive_line(b"\n")

    def is_refused(self, server, name="a"):
        try:
            return not server.connect(name).wait_end()
        except ConnectionError:
            return True

    def mapped(self, server):
        """How many copies of the plugin the process has."""
        maps = pathlib.Path(f"/proc/{server.pid}/maps").read_text()
        return len(set(re.findall(r"^\S+ r-xp \S+ \S+ (\d+) +/memfd:edition.so", maps, re.M)))
