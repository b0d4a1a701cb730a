"""What the pages for operators show is what plait takes and does, and they leave no setting out."""
import json
import re

import harness
from harness import CERTS, SRCDIR, Case, plait

NAMES = ("operations", "limits", "proxy", "privileges", "control")
PAGES = {name: (SRCDIR / "docs" / f"{name}.md").read_text() for name in NAMES}
README = (SRCDIR / "README.md").read_text()
# What an example does not say because the page is not about it.
BASE = {
    "plugins": ["echo", "line", "broadcast"],
    "tls": {"default": {"certificate": "certs/server.pem", "key": "certs/server.key"}},
    "listeners": [{"name": "echo", "bind": "tls://127.0.0.1:0", "protocol": "echo"}],
}


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S)


def anchors(text):
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^##+ (.*)$", text, re.M)}


class TestPages(Case):
    def test_examples_pass_the_check(self):
        (self.folder / "certs").symlink_to(CERTS)
        (self.folder / "lists").mkdir()
        (self.folder / "lists" / "bad.txt").write_text("192.0.2.0/24 # a block\n")
        file = self.folder / "plait.json"
        count = 0
        for page in PAGES.values():
            for text in blocks(page, "json"):
                config = json.loads(text)
                # There is no such user here.
                config.pop("user", None), config.pop("group", None)
                file.write_text(json.dumps({**BASE, **config}))
                done = plait("check", file)
                self.assertEqual(0, done.returncode, f"{text}\n{done.stdout}{done.stderr}")
                count += 1
        self.assertGreater(count, 12)

    def test_every_setting_is_explained(self):
        reference = plait("reference").stdout
        text = "".join(PAGES.values())
        keys = []
        for title in (
            "limits",
            "sandbox",
            r"listeners\[\].timeouts",
            r"listeners\[\].buffers",
            r"listeners\[\].limits",
            r"listeners\[\].limits.per_prefix",
            r"listeners\[\].proxy_protocol",
        ):
            section = re.search(rf"^## `{title}`\n(.*?)(?=^## |\Z)", reference, re.M | re.S).group(1)
            keys += re.findall(r"^\| `(\w+)` \|", section, re.M)
        self.assertGreater(len(keys), 30)
        keys += ["supervise", "watchdog", "user", "group", "umask", "core_dumps", "control", "drain_timeout"]
        keys += ["allow", "deny", "overflow"]
        self.assertEqual([], [key for key in keys if not re.search(rf'[`".]{key}[`"]', text)])

    def test_defaults_are_those_of_the_program(self):
        reference = plait("reference").stdout
        count = 0
        for title in ("timeouts", "buffers"):
            section = re.search(rf"^## `listeners\[\].{title}`\n(.*?)(?=^## )", reference, re.M | re.S).group(1)
            for key, default in re.findall(r"^\| `(\w+)` \| \w+ \| `(\w+)` \|", section, re.M):
                said = "none" if default == "0" else f"`{default}`"
                row = next(
                    (r for r in re.findall(r"^\| (`.*)$", PAGES["limits"], re.M) if f"`{key}`" in r.split(" | ")[0]), ""
                )
                self.assertIn(said, row.split(" | ")[1] if row else "", f"{title}.{key}")
                count += 1
        self.assertGreater(count, 8)

    def test_reasons_are_those_of_the_program(self):
        names = set(re.findall(r'\{ "([a-z-]+)",', (SRCDIR / "core" / "net" / "reason.c").read_text()))
        rows = re.search(r"^\| reason \|.*?\n\n", PAGES["operations"], re.M | re.S).group(0)
        said = {name for row in rows.strip().splitlines()[2:] for name in re.findall(r"`([a-z-]+(?:\.\.\.)?)`", row.split("|")[1])}
        self.assertGreater(len(said), 12)
        for name in said:
            found = any(n.startswith(name[:-3]) for n in names) if name.endswith("...") else name in names
            self.assertTrue(found, name)
        # Errors of peers are all explained.
        for name in re.findall(r'\{ "((?:limit|timeout)-[a-z-]+)",', (SRCDIR / "core" / "net" / "reason.c").read_text()):
            self.assertTrue(name in said or f"{name.split('-')[0]}-..." in said, name)

    def test_the_control_sockets_errors_are_listed(self):
        source = "".join(path.read_text() for path in (SRCDIR / "core/server/control").glob("*.c"))
        codes = set(re.findall(r'(?:request_refuse\(\s*request|blame\(fault), "([a-z-]+)"|code\\":\\"([a-z-]+)', source))
        listed = re.search(r"Codes of errors: (.*?)\. ", PAGES["control"], re.S).group(1)
        said = re.findall(r"([a-z-]+)(?: \(.*?\))?(?:,|$)", listed, re.S)
        self.assertEqual(sorted(one or other for one, other in codes), sorted(said))

    def test_links_lead_somewhere(self):
        for name, text in {**PAGES, "README": README}.items():
            here = SRCDIR if name == "README" else SRCDIR / "docs"
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                path, _, anchor = target.partition("#")
                if "://" in target:
                    continue
                page = here / path if path else here / f"{name}.md"
                self.assertTrue(page.exists(), f"{name}: {target}")
                if anchor:
                    self.assertIn(anchor, anchors(page.read_text()), f"{name}: {target}")


class TestCommands(Case):
    def test_commands_do_what_the_page_says(self):
        chat = {"name": "chat", "bind": "tcp://127.0.0.1:0", "protocol": "broadcast"}
        server = self.serve(chat, control="control.sock")
        server.wait_message("^control socket on ")
        lines = [
            line.split("#")[0].split()
            for block in blocks(PAGES["operations"], "sh")
            for line in block.splitlines()
            if line.startswith("plait ") and " plait.json" in line
        ]
        self.assertGreater(len(lines), 15)
        skipped = {"stop", "upgrade"}
        for words in sorted(lines, key=lambda words: words[1] == "drain"):
            if words[1] in skipped:
                continue
            words = [str(server.file) if word == "plait.json" else word for word in words]
            done = plait(*words[1:])
            # There is no connection 4711.
            self.assertEqual(done.returncode, 1 if "4711" in words else 0, f"{words}\n{done.stdout}{done.stderr}")
        self.assertEqual(plait("stop", server.file).returncode, 0)
        self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    harness.main()
