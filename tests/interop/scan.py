#!/usr/bin/env python3
"""testssl.sh against a tls:// listener with defaults, and what it does not look at: the order of the groups.

Exits 1 on a finding of MEDIUM or worse that is not excused here, on any version but TLS 1.2 and 1.3, on any cipher
without AEAD or forward secrecy, and on any order but ours. With nginx unpacked, it is scanned for comparison.
"""
import argparse
import collections
import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from harness import CERTS, SCALE, Server, environment, plait, wait_for  # noqa: E402

# Findings that are none of the server's: testssl.sh's id, and why.
EXCUSED = {
    "cert_revocation": "the development CA names neither a CRL nor an OCSP responder in its certificates; "
    "a public CA does",
}
SEVERITIES = ("OK", "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
GRAVE = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")
VERSIONS = {"SSLv2": False, "SSLv3": False, "TLS1": False, "TLS1_1": False, "TLS1_2": True, "TLS1_3": True}
AEAD = re.compile(r"GCM|CHACHA20|CCM")
FORWARD_SECRET = re.compile(r"^(TLS_(AES|CHACHA20)|ECDHE-|DHE-)")
SCAN_TIMEOUT_S = 1200
STRANGER = "P-521"  # a group that is none of ours


# ---- judging what testssl.sh found ----


def ciphers_found(findings):
    """The names (OpenSSL's) of the ciphers that it could agree on."""
    found = [re.split(r"\s+", one["finding"].strip()) for one in findings if one["id"].startswith("cipher_x")]
    return sorted({words[1] for words in found})


def judge(findings, orders):
    """(what is wrong, what is excused), as lines. orders: cipherorder_* -> the list there should be."""
    wrong, excused = [], []
    by_id = collections.defaultdict(list)
    for one in findings:
        by_id[one["id"]].append(one["finding"])
        if one["severity"] in GRAVE:
            name = one["id"].split(" ")[0]
            text = f"{one['severity']} {one['id']}: {one['finding']}"
            if name in EXCUSED:
                excused.append(f"{text} ({EXCUSED[name]})")
            else:
                wrong.append(text)
    if "scanTime" not in by_id or "scanProblem" in by_id:
        wrong.append("the scan did not come to its end")
    for version, wanted in VERSIONS.items():
        said = " ".join(by_id[version]) or "not looked at"
        # "not offered" begins with neither of these, nor does "not offered and downgraded to ..."
        if said.startswith("offered") != wanted or said == "not looked at":
            wrong.append(f"{version}: {said}")
    for cipher in ciphers_found(findings):
        if not AEAD.search(cipher) or not FORWARD_SECRET.search(cipher):
            wrong.append(f"{cipher} has no AEAD or no forward secrecy")
    if not ciphers_found(findings):
        wrong.append("no cipher was found")
    if not any(said.startswith("server") for said in by_id["cipher_order"]):
        wrong.append(f"order of ciphers: {' '.join(by_id['cipher_order']) or 'not looked at'}")
    for name, wanted in orders.items():
        said = " ".join(by_id[name]).split()
        if said != wanted:
            wrong.append(f"{name}: {' '.join(said) or 'not looked at'}, expected {' '.join(wanted)}")
    return wrong, excused


# ---- the order in which a server chooses, asked for with openssl s_client ----


def defaults():
    """The lists of ciphers, ciphersuites and groups that the program's own reference gives as its defaults."""
    text = plait("reference").stdout
    found = {}
    for key in ("ciphers", "ciphersuites", "groups"):
        found[key] = re.search(rf"^\| `{key}` \| \w+ \| `([^`]+)`", text, re.M).group(1).split(":")
    return found


def chosen(port, options):
    """What the server chooses from an offer: the session as openssl s_client describes it."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost"]
    command += ["-CAfile", str(CERTS / "ca.pem"), "-verify_return_error", *options]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=20 * SCALE)
    return done.stdout + done.stderr


NAMES = {"prime256v1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def backwards(names):
    """The names the other way round, but ChaCha20 last: who begins with it is given it, for want of AES in hardware."""
    return sorted(names[::-1], key=lambda name: "CHACHA20" in name)


def order(port, wanted, options, pattern):
    """The order in which the server chooses from wanted, which is offered backwards and without what it chose."""
    left, found = list(wanted), []
    while left:
        said = chosen(port, options(backwards(left)))
        match = re.search(pattern, said)
        one = NAMES.get(match.group(1), match.group(1)) if match else None
        if one not in left:
            return found + [f"nothing of {':'.join(left)}"]
        found.append(one)
        left.remove(one)
    return found


def look_at_orders(port):
    """What is wrong with the orders of ciphers and groups, as lines."""
    ours, wrong = defaults(), []
    cipher, group = r"Cipher is (\S+)", r"Server Temp Key: (?:ECDH, )?([^,\s]+)"
    looks = {
        "ciphers of TLS 1.2": ("ciphers", lambda offer: ["-tls1_2", "-cipher", ":".join(offer)], cipher),
        "ciphers of TLS 1.3": ("ciphersuites", lambda offer: ["-tls1_3", "-ciphersuites", ":".join(offer)], cipher),
        "groups of TLS 1.2": ("groups", lambda offer: ["-tls1_2", "-groups", ":".join(offer)], group),
        # A share for one of our groups is taken as it is, to save a round trip: so the share is for none of them.
        "groups of TLS 1.3": (
            "groups",
            lambda offer: ["-tls1_3", "-groups", ":".join([STRANGER, *offer])],
            group,
        ),
    }
    for name, (key, options, pattern) in looks.items():
        found = order(port, ours[key], options, pattern)
        if found != ours[key]:
            wrong.append(f"{name}: {':'.join(found)}, expected {':'.join(ours[key])}")
    first = "TLS_CHACHA20_POLY1305_SHA256"
    if f"Cipher is {first}" not in chosen(port, ["-ciphersuites", f"{first}:TLS_AES_128_GCM_SHA256"]):
        wrong.append(f"who begins with {first} is not given it")
    return wrong


# ---- what is scanned ----


@contextlib.contextmanager
def our_server(folder):
    """plait with defaults on both kinds of certificates; yields its port."""
    server = Server(
        folder,
        {
            "plugins": ["echo"],
            "log": {"format": "json"},
            "tls": {
                "default": {
                    "certificate": str(CERTS / "server.pem"),
                    "key": str(CERTS / "server.key"),
                    "certificates": [
                        {"certificate": str(CERTS / "server-rsa.pem"), "key": str(CERTS / "server-rsa.key")}
                    ],
                }
            },
            "listeners": [{"name": "echo", "bind": "tls://127.0.0.1:0", "protocol": "echo"}],
        },
    )
    try:
        server.wait_ready()
        yield server.port("echo")
        server.stop()
    finally:
        server.kill()


NGINX = """daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certs}/server.pem;
        ssl_certificate_key {certs}/server.key;
        ssl_certificate {certs}/server-rsa.pem;
        ssl_certificate_key {certs}/server-rsa.key;
    }}
}}
"""


def answers(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


@contextlib.contextmanager
def nginx_server(program, folder):
    """nginx with its own defaults for TLS."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    conf = pathlib.Path(folder) / "nginx.conf"
    conf.write_text(NGINX.format(folder=folder, port=port, certs=CERTS))
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(conf)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment())
    try:
        wait_for(lambda: process.poll() is not None or answers(port), what="nginx")
        yield port
    finally:
        process.terminate()
        process.wait()


def scan(port, folder, more=()):
    """testssl.sh's findings about a port."""
    results = pathlib.Path(folder) / f"testssl-{port}.json"
    command = ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip", "127.0.0.1"]
    command += ["--add-ca", str(CERTS / "ca.pem"), "--jsonfile", str(results), *more, f"localhost:{port}"]
    # It looks into git for its version and leaves files where it is: so it runs in a folder of its own.
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=SCAN_TIMEOUT_S * SCALE,
        cwd=folder,
    )
    try:
        return json.loads(results.read_text())
    except (OSError, ValueError):
        sys.exit(f"testssl.sh left no results:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def summary(name, findings):
    count = collections.Counter(one["severity"] for one in findings)
    versions = [one["id"] for one in findings if one["id"] in VERSIONS and one["finding"].startswith("offered")]
    found = ciphers_found(findings)
    weak = [cipher for cipher in found if not AEAD.search(cipher) or not FORWARD_SECRET.search(cipher)]
    print(f"{name}: {', '.join(versions)}; {len(found)} ciphers, {len(weak)} of them without AEAD or forward "
          f"secrecy; findings: {', '.join(f'{count[s]} {s}' for s in SEVERITIES)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--nginx", help="a folder where Debian's nginx is unpacked")
    parser.add_argument("--keep", help="a file for testssl.sh's findings about plait (JSON)")
    arguments = parser.parse_args()
    if not shutil.which("testssl"):
        sys.exit("testssl.sh is not installed (Debian: testssl.sh)")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="plait-") as folder:
        with our_server(folder) as port:
            wrong = look_at_orders(port)
            findings = scan(port, folder)
        if arguments.keep:
            pathlib.Path(arguments.keep).write_text(json.dumps(findings, indent=1))
        ours = defaults()
        more, excused = judge(
            findings, {"cipherorder_TLSv1_2": ours["ciphers"], "cipherorder_TLSv1_3": ours["ciphersuites"]}
        )
        wrong += more
        summary("plait", findings)
        program = arguments.nginx and shutil.which("nginx", path=f"{arguments.nginx}/usr/sbin")
        if program:
            with nginx_server(program, folder) as port:
                summary("nginx with its defaults", scan(port, folder))
        else:
            print("nginx is not there to be compared")
    for text in excused:
        print(f"excused: {text}")
    for text in wrong:
        print(f"WRONG: {text}")
    print(f"{len(wrong)} wrong, {len(excused)} excused, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
