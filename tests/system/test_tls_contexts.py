#!/usr/bin/python3 -B
"""What TLS contexts are made of: what `plait check` says of them, and what clients see."""
import re
import subprocess

import harness
from harness import CERTS, SCALE, Case, listener, plait


def pair(name, **more):
    return {"certificate": str(CERTS / f"{name}.pem"), "key": str(CERTS / f"{name}.key"), **more}


def s_client(port, *args):
    """What openssl s_client says of a handshake."""
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=30 * SCALE,
    ).stdout


def stapled(output):
    """The serial number that the OCSP response in it is about, None without one."""
    found = re.search(r"Certificate ID:.*?Serial Number: ([0-9A-F]+)", output, re.S)
    return found and found.group(1)


def serial(name):
    words = ["openssl", "x509", "-in", CERTS / f"{name}.pem", "-noout", "-serial"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip().split("=")[1]


class Contexts(Case):
    def test_warnings_have_their_place_and_stop_nothing(self):
        staple = str(CERTS / "staple-stale.der")
        more = [pair("server-rsa", staple=str(CERTS / "staple-foreign.der"))]
        file = self.write_config(
            listener("one", "tls://127.0.0.1:0", tls="mine"),
            listener("two", "tls://127.0.0.1:0", tls="old"),
            tls={"mine": pair("server", staple=staple, certificates=more), "old": pair("expired")},
        )
        result = plait("check", file)
        self.assertEqual(result.returncode, 0, result.stderr)
        for place in ("mine.staple", "mine.certificates[0].staple", "old.certificate"):
            pattern = rf"plait\.json:\d+:\d+: warning: tls\.{re.escape(place)}: {re.escape(str(CERTS))}/"
            self.assertRegex(result.stderr, pattern)
        self.assertEqual(len(result.stderr.splitlines()), 3, result.stderr)

    def test_a_system_that_allows_little(self):
        allows = self.folder / "openssl.cnf"
        allows.write_text(
            "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = system\n[system]\n"
            "MinProtocol = TLSv1.3\nCiphersuites = TLS_CHACHA20_POLY1305_SHA256\n"
            "SignatureAlgorithms = RSA-PSS+SHA256\nGroups = X25519\n"
        )
        server = self.serve(listener("one", "tls://127.0.0.1:0"), _env={"OPENSSL_CONF": str(allows)})
        server.stop()

    def test_a_readable_key_is_refused_unless_it_is_allowed(self):
        key = self.folder / "open.key"
        key.write_bytes((CERTS / "server.key").read_bytes())
        key.chmod(0o644)
        for allowed in (False, True):
            tls = {"default": {**pair("server"), "key": str(key), "allow_readable_key": allowed}}
            file = self.write_config(listener("one", "tls://127.0.0.1:0"), tls=tls)
            result = plait("check", file)
            self.assertEqual(result.returncode, 0 if allowed else 1)
            if not allowed:
                self.assertRegex(result.stderr, r"error: tls\.default\.key: \S+open\.key: all users .*chmod 6[04]0 ")

    def test_each_client_gets_the_staple_of_its_certificate(self):
        rsa = pair("server-rsa", staple=str(CERTS / "staple-rsa.der"))
        server = self.serve(
            listener("one", "tls://127.0.0.1:0", tls="both", server_names={"rsa.example": "rsa", "a.example": "a"}),
            tls={
                "both": pair("server", staple=str(CERTS / "staple-good.der"), certificates=[rsa]),
                "rsa": rsa,
                "a": pair("a"),
            },
        )
        port = server.port("one")
        for version in ("-tls1_2", "-tls1_3"):
            for args, name in (
                ((), "server"),
                (("-sigalgs", "rsa_pss_rsae_sha256"), "server-rsa"),
                (("-servername", "rsa.example"), "server-rsa"),
            ):
                output = s_client(port, "-status", version, *args)
                self.assertIn("OCSP Response Status: successful", output)
                self.assertEqual(stapled(output), serial(name))
            output = s_client(port, "-status", version, "-servername", "a.example")
            self.assertIn("OCSP response: no response sent", output)


if __name__ == "__main__":
    harness.main()
