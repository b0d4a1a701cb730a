#!/usr/bin/python3 -B
"""The clients people really use talk to echo, and TLS ends, refuses and times out as it should."""
import contextlib
import os
import random
import shutil
import subprocess
import threading
import time
import unittest

import harness
from harness import CERTS, SCALE, Case, listener

SIZES = (1, 1000, 65536, 64 * 1024 * 1024 // harness.LIGHTER)
CA = str(CERTS / "ca.pem")


def talk(argv, data, size=None, close_input=False, timeout=30):
    """Feeds data to a client's input and returns the first size bytes of its output, its standard error
    and its exit status (None when it had to be stopped because it waits for ever)."""
    size = len(data) if size is None else size
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    errors = []

    def feed():
        try:
            view, cuts = memoryview(data), random.Random(8)
            while view:
                view = view[process.stdin.write(view[: cuts.randint(1, 200_000)]) :]
            if close_input:
                process.stdin.close()
        except OSError:
            pass

    threads = [
        threading.Thread(target=feed, daemon=True),
        threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True),
    ]
    watch = threading.Timer(timeout * SCALE, process.kill)
    watch.start()
    for thread in threads:
        thread.start()
    received = bytearray()
    while len(received) < size or close_input:
        part = process.stdout.read(65536)
        if not part:
            break
        received += part
    if not close_input:
        process.terminate()
    status = process.wait()
    watch.cancel()
    for thread in threads:
        thread.join(5 * SCALE)
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()
    return bytes(received), b"".join(errors).decode(errors="replace"), status


class Clients(Case):
    def setUp(self):
        super().setUp()
        self.abstract = f"@plait-test-{os.getpid()}-{time.monotonic_ns()}"
        self.server = self.serve(
            listener("tcp", "tcp://127.0.0.1:0"),
            listener("udp", "udp://127.0.0.1:0"),
            listener("tls", "tls://127.0.0.1:0"),
            listener("rsa", "tls://127.0.0.1:0", tls="rsa"),
            listener("unix", "unix:echo.sock"),
            listener("abstract", f"unix:{self.abstract}"),
        )
        self.path = str(self.folder / "echo.sock")

    def port(self, name):
        return str(self.server.port(name))

    def both_ways(self, argv, sizes=SIZES, **keywords):
        """Every size comes back identical; once with all sent and no more said about it."""
        if not shutil.which(argv[0]):
            self.skipTest(f"{argv[0]} is not installed")
        for size in sizes:
            data = random.Random(size).randbytes(size)
            received, errors, status = talk(argv, data, **keywords)
            self.assertTrue(
                received == data,
                f"{' '.join(argv)}: {len(received)} bytes came back for {size}, or they"
                f" differ; exit status {status}; it said: {errors}",
            )
            if keywords.get("close_input"):
                self.assertEqual(status, 0, errors)

    def test_openssl(self):
        for name in ("tls", "rsa"):
            for version in ("-tls1_2", "-tls1_3"):
                self.both_ways(
                    [
                        "openssl",
                        "s_client",
                        "-quiet",
                        "-connect",
                        f"127.0.0.1:{self.port(name)}",
                        version,
                        "-CAfile",
                        CA,
                        "-verify_return_error",
                        "-verify_hostname",
                        "localhost",
                        "-servername",
                        "localhost",
                    ],
                    SIZES if name == "tls" else SIZES[:3],
                )

    def test_gnutls(self):
        # It half-closes at the end of its input and waits for the server's end. It writes its output byte by byte,
        # so a large stream takes it very long.
        sizes = (*SIZES[:3], SIZES[3] // 8)
        for name in ("tls", "rsa"):
            for version in ("1.2", "1.3"):
                self.both_ways(
                    [
                        "gnutls-cli",
                        "--port",
                        self.port(name),
                        "--x509cafile",
                        CA,
                        "--sni-hostname=localhost",
                        "--verify-hostname=localhost",
                        f"--logfile={self.folder}/gnutls.log",
                        "--priority",
                        f"NORMAL:-VERS-ALL:+VERS-TLS{version}",
                        "127.0.0.1",
                    ],
                    sizes if name == "tls" else sizes[:3],
                    close_input=True,
                )

    def test_socat_tcp(self):
        self.both_ways(["socat", "-t30", "-", f"TCP4:127.0.0.1:{self.port('tcp')}"], close_input=True)

    def test_socat_tls(self):
        for name in ("tls", "rsa"):
            self.both_ways(
                ["socat", "-", f"OPENSSL:127.0.0.1:{self.port(name)},cafile={CA},commonname=localhost"]
            )

    def test_socat_unix(self):
        self.both_ways(["socat", "-t30", "-", f"UNIX-CONNECT:{self.path}"], close_input=True)
        self.both_ways(["socat", "-t30", "-", f"ABSTRACT-CONNECT:{self.abstract[1:]}"], close_input=True)

    def test_socat_udp(self):
        self.both_ways(
            ["socat", "-b", "65507", "-", f"UDP4:127.0.0.1:{self.port('udp')}"], (1, 1000, 8000, 40000)
        )

    def test_ncat_tcp(self):
        self.both_ways(["ncat", "127.0.0.1", self.port("tcp")], close_input=True)

    def test_ncat_tls(self):
        # ncat stops reading after 56 KiB at once, in the middle of a record, and then waits for the socket while the
        # rest lies decrypted in OpenSSL: it does so with any server that sends 64 KiB together and then nothing.
        sizes = (1, 1000, 48 * 1024)
        verified = ["--ssl-verify", "--ssl-trustfile", CA, "--ssl-servername", "localhost"]
        self.both_ways(["ncat", *verified, "127.0.0.1", self.port("tls")], sizes)
        self.both_ways(["ncat", "--ssl", "127.0.0.1", self.port("rsa")], sizes)

    def test_ncat_unix(self):
        self.both_ways(["ncat", "-U", self.path], close_input=True)

    def test_ncat_udp(self):
        self.both_ways(["ncat", "--udp", "127.0.0.1", self.port("udp")], (1, 1000, 8000))

    def test_the_comparison_can_fail(self):
        received, _, _ = talk(
            ["socat", "-t5", "-", f"TCP4:127.0.0.1:{self.port('tcp')}"], b"one byte", close_input=True
        )
        self.assertNotEqual(received, b"one bite")


class Tls(Case):
    """What TLS promises beside carrying bytes."""

    def s_client(self, server, *args, stdin=b"", timeout=20):
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port('tls')}", "-CAfile", CA, *args],
            input=stdin,
            capture_output=True,
            timeout=timeout * SCALE,
        )

    @unittest.skipIf("PLAIT_TEST_PRELOAD" in os.environ, "the alert is tried once")
    def test_tls_1_1_is_refused(self):
        server = self.serve(listener("tls", "tls://127.0.0.1:0"))
        for version in ("-tls1", "-tls1_1"):
            result = self.s_client(server, version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertNotEqual(result.returncode, 0)
            self.assertRegex(result.stderr.decode(), "protocol version|unsupported protocol")
        server.wait_reason("tls-handshake", "tls", count=2)
        with server.connect("tls") as client:
            client.exchange(b"still here", finish=True)

    def test_renegotiation_is_refused(self):
        server = self.serve(listener("tls", "tls://127.0.0.1:0"))
        process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port('tls')}", "-CAfile", CA, "-tls1_2"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        server.wait_message("TLSv1.2|open|connected|made|handshake", "tls")
        time.sleep(0.3)
        try:
            output = process.communicate(b"R\n", timeout=20 * SCALE)[0].decode(errors="replace")
        finally:
            process.kill()
        self.assertIn("RENEGOTIATING", output)
        server.wait_message("an attempt to renegotiate", "tls")
        with server.connect("tls", tls="1.2") as client:
            client.exchange(b"still here", finish=True)

    def test_no_compression_and_a_whole_chain(self):
        server = self.serve(listener("tls", "tls://127.0.0.1:0"))
        for version in ("-tls1_2", "-tls1_3"):
            text = self.s_client(server, version, "-verify_return_error").stdout.decode(errors="replace")
            self.assertIn("Compression: NONE", text)
            self.assertIn("Verify return code: 0 (ok)", text)

    def test_openssl_sees_an_orderly_close(self):
        for version in ("-tls1_2", "-tls1_3"):
            server = self.serve(listener("tls", "tls://127.0.0.1:0"))
            process = subprocess.Popen(
                [
                    "openssl",
                    "s_client",
                    "-connect",
                    f"127.0.0.1:{server.port('tls')}",
                    "-CAfile",
                    CA,
                    version,
                    "-quiet",
                    "-verify_return_error",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            process.stdin.write(b"hello")
            process.stdin.flush()
            self.assertEqual(process.stdout.read(5), b"hello")
            server.stop()
            errors = process.stderr.read().decode(errors="replace")
            process.kill()
            process.communicate()
            self.assertNotIn("unexpected eof", errors)
            self.assertNotIn("errno", errors)

    def test_truncation_is_told_from_a_clean_close(self):
        server = self.serve(listener("tls", "tls://127.0.0.1:0"))
        for version in ("1.2", "1.3"):
            with server.connect("tls", tls=version) as client:
                client.exchange(b"clean", finish=True)
            with server.connect("tls", tls=version) as client:
                client.exchange(b"clean too")
                client.close()
        server.wait_reason("peer-closed", "tls", count=4)
        self.assertFalse(server.ended("tls-truncated"))
        for count, version in ((1, "1.2"), (2, "1.3")):
            with server.connect("tls", tls=version) as client:
                client.exchange(b"cut")
                client.truncate()
                client.wait_end()
            server.wait_reason("tls-truncated", "tls", count=count)

    def test_a_handshake_that_does_not_come_is_cut(self):
        server = self.serve(listener("tls", "tls://127.0.0.1:0", timeouts={"handshake": "700ms"}))
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        with server.connect("tls", tls=False) as silent, server.connect(
            "tls", tls=False
        ) as partial, server.connect("tls", tls=False) as trickle, server.connect("tls") as good:
            partial.send(hello)
            began = time.monotonic()
            with contextlib.suppress(OSError):
                for byte in hello:
                    trickle.send(bytes([byte]))
                    time.sleep(0.1)
            for client in (silent, partial, trickle):
                client.wait_end()
            self.assertLess(time.monotonic() - began, 5 * SCALE)
            server.wait_reason("timeout-handshake", "tls", count=3)
            good.exchange(b"untouched", finish=True)


if __name__ == "__main__":
    harness.main()
