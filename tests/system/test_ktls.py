#!/usr/bin/python3 -B
"""TLS by the kernel, and without one that has it: what clients see is the same."""
import pathlib
import random

import harness
from harness import BUILDDIR, CERTS, Case, listener

FAKE = BUILDDIR / "tests" / "system" / ".libs" / "fake_kernel.so"
FILES = BUILDDIR / "tests" / "system" / ".libs" / "files.so"
SIZES = (1, 2, 100, 1460, 4096, 5000, 16384, 16385, 65536, 1024 * 1024 + 1)
STREAM = 8 * 1024 * 1024 // harness.LIGHTER


def contexts(ktls="auto"):
    return {
        "default": {
            "certificate": str(CERTS / "server.pem"),
            "key": str(CERTS / "server.key"),
            "ktls": ktls,
        }
    }


def has_kernel():
    ulp = pathlib.Path("/proc/sys/net/ipv4/tcp_available_ulp")
    return ulp.exists() and "tls" in ulp.read_text().split()


class Ktls(Case):
    timeout_s = 90

    def exchange(self, server):
        rng = random.Random(5)
        for version in ("1.2", "1.3"):
            server.exchange("echo", version, rng, SIZES, STREAM)

    def fake(self, mode="encrypt"):
        if harness.SANITIZER or not FAKE.exists():
            self.skipTest("a preloaded kernel does not go with this build")
        return {"LD_PRELOAD": str(FAKE), "FAKE_KTLS": mode}

    def test_as_this_machine_has_it(self):
        server = self.serve(listener("echo", "tls://127.0.0.1:0"), tls=contexts())
        self.exchange(server)
        said = [text for text in server.messages() if text.startswith("ktls: ")]
        self.assertEqual(len(said), 1, said)
        self.assertIn("the kernel encrypts" if has_kernel() else "OpenSSL encrypts", said[0])

    def test_off_is_the_default_and_asks_nobody(self):
        server = self.serve(listener("echo", "tls://127.0.0.1:0"), _env=self.fake())
        self.exchange(server)
        self.assertNotIn("ktls", server.log())
        self.assertNotIn("fake kernel", server.log())

    def test_a_kernel_that_does_not_know_the_cipher(self):
        server = self.serve(listener("echo", "tls://127.0.0.1:0"), tls=contexts(), _env=self.fake("refuse"))
        self.exchange(server)
        server.wait_message("ktls: the kernel encrypts")
        self.assertIn("fake kernel: no keys for sending", server.log())
        self.assertNotIn("by the kernel", "".join(server.messages("echo")))

    def test_a_kernel_that_encrypts(self):
        server = self.serve(listener("echo", "tls://127.0.0.1:0"), tls=contexts(), _env=self.fake())
        self.exchange(server)
        server.wait_message("opened, TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256, by the kernel")
        server.wait_message("opened, TLSv1.3 TLS_AES_128_GCM_SHA256, by the kernel")
        # Tickets (22) and close_notify (21) are messages of their own.
        for kind in (21, 22):
            self.assertIn(f"fake kernel: a message of type {kind}", server.log())

    def test_files_by_sendfile(self):
        path = self.folder / "content"
        path.write_bytes(random.Random(6).randbytes(STREAM))
        server = self.serve(
            listener("files", "tls://127.0.0.1:0", "files", options={"path": str(path)}),
            plugins=[str(FILES)],
            tls=contexts(),
            _env=self.fake(),
        )
        for version in ("1.2", "1.3"):
            with server.connect("files", tls=version) as client:
                client.send(b"file\r\n")
                self.assertEqual(client.receive(STREAM), path.read_bytes())

    def test_a_peer_that_goes(self):
        server = self.serve(listener("echo", "tls://127.0.0.1:0"), tls=contexts(), _env=self.fake())
        for _ in range(20):
            with server.connect("echo") as client:
                client.send(b"x" * 100000)
                client.reset()
        self.exchange(server)


if __name__ == "__main__":
    harness.main()
