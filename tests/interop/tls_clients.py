"""The clients of the table: each makes a full handshake and a resumed one, and returns what the server said in them."""
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading

from harness import BUILDDIR

HERE = pathlib.Path(__file__).resolve().parent
ANSWER = re.compile(r"^hello \S.*$", re.M)  # the line of hello.c


class Refused(Exception):
    """The client got no answer; the text is its own account of why."""


class Target:
    """One listener, as a client is told of it. certificate: (PEM, key) or None."""

    def __init__(self, port, version, ca, certificate, folder, timeout):
        self.port, self.version, self.ca, self.certificate = port, version, str(ca), certificate
        self.folder, self.timeout = pathlib.Path(folder), timeout

    def files(self, certificate_option, key_option):
        return [certificate_option, self.certificate[0], key_option, self.certificate[1]] if self.certificate else []


def account(text):
    """The line of a client's output that says best why it failed."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for pattern in (r"alert", r"error|fail|refus|reset|ended", r"."):
        found = [line for line in lines if re.search(pattern, line, re.I)]
        if found:
            return found[-1]
    return "it said nothing"


# What clients make of alerts; the last is one that does not say which.
ALERTS = {
    "unknown ca": r"unknown ca|CA is unknown",
    "certificate revoked": r"certificate (was )?revoked",
    "certificate required": r"certificate (is )?required",
    "handshake failure": r"handshake fail",
    "alert": r"alert",
}


def alert(text):
    """The name of the alert that an account speaks of."""
    text = text.replace("_", " ")
    return next((name for name, pattern in ALERTS.items() if re.search(pattern, text, re.I)), None)


def converse(command, target):
    """Runs a client that passes its input on, until the server has answered. Returns all it printed."""
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
    )
    overdue = threading.Event()
    timer = threading.Timer(target.timeout, lambda: (overdue.set(), process.kill()))
    timer.start()
    lines = []
    try:
        try:
            process.stdin.write("hello\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended already; what it printed says why
        for line in process.stdout:
            lines.append(line)
            if ANSWER.match(line):
                break
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        lines += process.stdout.readlines()
        process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    text = "".join(lines)
    if overdue.is_set():
        raise TimeoutError(f"no end within {target.timeout:g} s: {account(text)}")
    if not ANSWER.search(text):
        raise Refused(account(text))
    return text


def run(command, target):
    """Runs a client that does everything by itself. Returns what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=target.timeout,
    )
    if not ANSWER.search(done.stdout):
        raise Refused(account(done.stderr or done.stdout))
    return done.stdout


def agreed(answers, views):
    """The answers, each with the client's own view of it when that differs."""
    return [
        answer if (view == "resumed") == answer.split()[3].startswith("resumed") else f"{answer} (client: {view})"
        for answer, view in zip(answers, views)
    ]


class Client:
    """name: its column. program: what must be there for it."""

    name = program = ""
    package = ""  # Debian's, that has the program
    tells_alerts = True  # apart

    def missing(self):
        return None if shutil.which(self.program) else f"{self.program} is not installed (Debian: {self.package})"

    def version(self):
        """Its version number."""
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
        return found.group(0) if found else "?"

    def rounds(self, target):
        """[answer of the full handshake, answer of the resumed one], or raises Refused."""
        raise NotImplementedError


class OpenSSL(Client):
    name, program, package = "openssl s_client", "openssl", "openssl"

    def version(self):
        return subprocess.run([self.program, "version"], capture_output=True, text=True).stdout.split()[1]

    def rounds(self, target):
        session = target.folder / "session.pem"
        session.unlink(missing_ok=True)
        command = [self.program, "s_client", "-quiet", "-no_ign_eof", "-connect", f"127.0.0.1:{target.port}"]
        command += ["-servername", "localhost", "-verify_hostname", "localhost", "-verify_return_error"]
        command += ["-CAfile", target.ca, "-tls" + target.version.replace(".", "_")]
        command += target.files("-cert_chain", "-key")
        if target.certificate:
            command += ["-cert", target.certificate[0]]
        first = ANSWER.search(converse([*command, "-sess_out", session], target)).group(0)
        if not session.exists():
            raise Refused("it was given no session to come back with")
        return [first, ANSWER.search(converse([*command, "-sess_in", session], target)).group(0)]


class GnuTLS(Client):
    name, program, package = "gnutls-cli", "gnutls-cli", "gnutls-bin"

    def rounds(self, target):
        command = [self.program, "--port", target.port, "--sni-hostname", "localhost"]
        command += ["--verify-hostname", "localhost", "--x509cafile", target.ca]
        command += ["--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{target.version}"]
        command += target.files("--x509certfile", "--x509keyfile")
        full = converse([*command, "127.0.0.1"], target)
        resumed = converse([*command, "--resume", "--waitresumption", "127.0.0.1"], target)
        views = ["resumed" if "This is a resumed session" in text else "full" for text in (full, resumed)]
        return agreed([ANSWER.search(text).group(0) for text in (full, resumed)], views)


class Curl(Client):
    name, program, package = "curl", "curl", "curl"

    def rounds(self, target):
        url = f"https://localhost:{target.port}/"
        version = ["--tlsv" + target.version, "--tls-max", target.version]
        command = [self.program, "-sSv", "--resolve", f"localhost:{target.port}:127.0.0.1", "--cacert", target.ca]
        command += [*version, *target.files("--cert", "--key"), url, url]
        answers = ANSWER.findall(run(command, target))
        if len(answers) != 2:
            raise Refused(f"{len(answers)} of its two requests were answered")
        return answers


class Python(Client):
    name = "Python ssl"

    def missing(self):
        return None

    def version(self):
        return ".".join(ssl.OPENSSL_VERSION.split()[1:2])

    def rounds(self, target):
        context = ssl.create_default_context(cafile=target.ca)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[f"TLSv{target.version}".replace(".", "_")]
        if target.certificate:
            context.load_cert_chain(*target.certificate)
        answers, views, session = [], [], None
        for _ in range(2):
            try:
                with socket.create_connection(("127.0.0.1", target.port), target.timeout) as plain:
                    with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
                        tls.sendall(b"hello\n")
                        text = tls.makefile("r").readline()
                        if not ANSWER.match(text):
                            raise Refused("the connection ended before an answer")
                        answers.append(text.strip())
                        views.append("resumed" if tls.session_reused else "full")
                        session = tls.session
            except OSError as error:
                raise Refused(str(error)) from None
        return agreed(answers, views)


class BothRounds(Client):
    """A program of ours that makes both handshakes: PORT VERSION CA [CERTIFICATE KEY]."""

    def command(self):
        raise NotImplementedError

    def rounds(self, target):
        files = target.certificate or ()
        text = run([*self.command(), target.port, target.version, target.ca, *files], target)
        return agreed(ANSWER.findall(text), re.findall(r"^client (\w+)$", text, re.M))


class Node(BothRounds):
    name, program, package = "Node.js tls", "node", "nodejs"

    def command(self):
        return [self.program, HERE / "node_client.js"]


class WolfSSL(BothRounds):
    name = "wolfSSL"
    tells_alerts = False
    path = BUILDDIR / "tests" / "interop" / "wolfssl_client"

    def missing(self):
        return None if os.access(self.path, os.X_OK) else "its client is not built (Debian: libwolfssl-dev)"

    def version(self):
        done = subprocess.run([self.path, "--version"], capture_output=True, text=True)
        return done.stdout.strip()

    def command(self):
        return [self.path]


CLIENTS = [OpenSSL(), GnuTLS(), Curl(), Python(), Node(), WolfSSL()]
