"""What docs/tls.md shows is what plait takes, and it leaves no setting out."""
import json
import re
import subprocess

import harness
from harness import CERTS, SRCDIR, Case, plait

PAGE = (SRCDIR / "docs" / "tls.md").read_text()
# What an example does not say because another one has.
BASE = {
    "plugins": ["echo", "line", "broadcast"],
    "tls": {"default": {"certificate": "certs/server.pem", "key": "certs/server.key"}},
    "listeners": [{"name": "echo", "bind": "tls://127.0.0.1:0", "protocol": "echo"}],
}


class TestPage(Case):
    def check(self, text):
        (self.folder / "certs").exists() or (self.folder / "certs").symlink_to(CERTS)
        file = self.folder / "plait.json"
        file.write_text(json.dumps({**BASE, **json.loads(text)}))
        return plait("check", file)

    def test_examples_pass_the_check(self):
        examples = re.findall(r"^```json\n(.*?)^```$", PAGE, re.M | re.S)
        self.assertGreater(len(examples), 8)
        for text in examples:
            done = self.check(text)
            self.assertEqual(0, done.returncode, f"{text}\n{done.stdout}{done.stderr}")

    def test_keys_of_tickets_as_it_makes_them(self):
        made = re.search(r"^\((umask 077; .*ticket\.keys)\)$", PAGE, re.M).group(1)
        subprocess.run(["bash", "-c", made], cwd=self.folder, check=True)
        tls = {**BASE["tls"]["default"], "ticket_keys": "ticket.keys"}
        done = self.check(json.dumps({"tls": {"default": tls}}))
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_every_setting_is_explained(self):
        reference = plait("reference").stdout
        keys = []
        for title in ("tls.NAME", r"tls.NAME.certificates\[\]", "tls.NAME.client"):
            section = re.search(rf"^## `{title}`\n(.*?)(?=^## |\Z)", reference, re.M | re.S).group(1)
            keys += re.findall(r"^\| `(\w+)` \|", section, re.M)
        self.assertGreater(len(keys), 20)
        keys += ["server_names", "strict_sni", "alpn", "handshakes", "handshake"]
        self.assertEqual([], [key for key in keys if not re.search(rf'[`".]{key}[`"]', PAGE)])

    def test_links_lead_to_sections(self):
        titles = {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in re.findall(r"^## (.*)$", PAGE, re.M)}
        self.assertEqual(set(), set(re.findall(r"\(#([^)]*)\)", PAGE)) - titles)


if __name__ == "__main__":
    harness.main()
