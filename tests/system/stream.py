"""A client connection for the tests, plain or TLS: each step has a deadline and can be taken by itself."""
import contextlib
import random
import select
import socket
import ssl
import struct
import time

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CHUNK = 256 * 1024


def client_context(ca_file, version=None):
    """Trusts the development CA alone and speaks the one version, when one is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    if version:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


class Truncated(AssertionError):
    """TLS data ended without a close_notify."""


class Stream:
    """Over memory BIOs, so that a TLS half-close, a truncation or a broken record can be made at will."""

    def __init__(self, sock, context=None, name="localhost", timeout=20, handshake=True):
        self.sock, self.timeout = sock, timeout
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = None
        self.ended = False  # the peer's direction has ended in order
        self.out = b""  # bytes on their way to the kernel
        self.kept = bytearray()  # bytes received, not yet asked for
        if context:
            self.inward, self.outward = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.inward, self.outward, server_hostname=name)
            if handshake:
                try:
                    self.handshake()
                except BaseException:
                    sock.close()
                    raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    # One step each; none of them waits.

    def flush_some(self):
        """Hands what is pending to the kernel; true when nothing is left."""
        if not self.out and self.tls and self.outward.pending:
            self.out = memoryview(self.outward.read())
        while self.out:
            try:
                sent = self.sock.send(self.out)
            except BlockingIOError:
                return False
            self.out = self.out[sent:]
            if not self.out and self.tls and self.outward.pending:
                self.out = memoryview(self.outward.read())
        return True

    def send_some(self, view):
        """Takes bytes off view, as many as can go now; returns their number."""
        if not self.flush_some():
            return 0
        if not self.tls:
            try:
                return self.sock.send(view)
            except BlockingIOError:
                return 0
        try:
            taken = self.tls.write(view)
        except ssl.SSLWantReadError:
            return 0
        self.flush_some()
        return taken

    def receive_some(self):
        """What has arrived: bytes, b"" at an orderly end, None when there is nothing now."""
        if self.ended:
            return b""
        if not self.tls:
            try:
                data = self.sock.recv(CHUNK)
            except BlockingIOError:
                return None
            self.ended = not data
            return data
        try:
            data = self.sock.recv(CHUNK)
            if data:
                self.inward.write(data)
            else:
                self.inward.write_eof()
        except BlockingIOError:
            pass
        parts = []
        while True:
            try:
                part = self.tls.read(CHUNK)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                part = b""
            except ssl.SSLEOFError:
                raise Truncated("the stream ended without close_notify") from None
            if not part:
                self.ended = True
                break
            parts.append(part)
        if parts:
            return b"".join(parts)
        return b"" if self.ended else None

    def wait(self, events, deadline):
        left = deadline - time.monotonic()
        poll = select.poll()
        poll.register(self.sock, events)
        if left <= 0 or not poll.poll(left * 1000):
            raise AssertionError(f"no progress: waited {self.timeout:g} s on the connection")

    # Whole calls, each within the timeout.

    def handshake(self):
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                self.tls.do_handshake()
                self.flush()
                return
            except ssl.SSLWantReadError:
                self.flush()
                self.wait(select.POLLIN, deadline)
                data = self.sock.recv(CHUNK)
                if data:
                    self.inward.write(data)
                else:
                    self.inward.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError, AssertionError):
                    self.flush()
                raise

    def flush(self):
        deadline = time.monotonic() + self.timeout
        while not self.flush_some():
            self.wait(select.POLLOUT, deadline)

    def send(self, data):
        deadline = time.monotonic() + self.timeout
        view = memoryview(data)
        while view:
            taken = self.send_some(view)
            view = view[taken:]
            if not taken:
                self.wait(select.POLLOUT, deadline)
        self.flush()

    def more(self, deadline=None):
        """Waits for bytes and keeps them; false at the end."""
        deadline = deadline or time.monotonic() + self.timeout
        while True:
            data = self.receive_some()
            if data is None:
                self.wait(select.POLLIN, deadline)
                continue
            self.kept += data
            return bool(data)

    def receive(self, size):
        """Exactly size bytes."""
        deadline = time.monotonic() + self.timeout
        while len(self.kept) < size:
            if not self.more(deadline):
                raise AssertionError(f"the stream ended after {len(self.kept)} of {size} bytes")
        data = bytes(self.kept[:size])
        del self.kept[:size]
        return data

    def receive_line(self, delimiter=b"\r\n"):
        """The next line without its delimiter."""
        deadline = time.monotonic() + self.timeout
        while (end := self.kept.find(delimiter)) < 0:
            if not self.more(deadline):
                raise AssertionError(f"the stream ended in a line: {bytes(self.kept[-200:])!r}")
        line = bytes(self.kept[:end])
        del self.kept[: end + len(delimiter)]
        return line

    def receive_to_end(self):
        deadline = time.monotonic() + self.timeout
        while self.more(deadline):
            pass
        data = bytes(self.kept)
        self.kept.clear()
        return data

    def quiet(self, seconds):
        """True when nothing at all arrives for so long."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not self.kept and not poll.poll(seconds * 1000)

    def exchange(self, data, rng=None, finish=False):
        """Sends data in random cuts to something that echoes and checks that all of it comes back. With
        finish it half-closes then, and checks that the stream ends in order."""
        rng = rng or random.Random(len(data))
        view, sent, got, done = memoryview(data), 0, 0, False
        cut = view[:0]
        deadline = time.monotonic() + self.timeout
        while got < len(view) or (finish and not self.ended):
            moved = False
            if sent < len(view) or cut:
                if not cut:
                    cut = view[sent : sent + int(2 ** rng.uniform(0, 20))]
                    sent += len(cut)
                taken = self.send_some(cut)
                cut, moved = cut[taken:], taken > 0
            elif not self.flush_some():
                pass
            elif finish and not done:
                done = True
                self.finish()
            arrived = self.receive_some()
            if arrived:
                if view[got : got + len(arrived)] != arrived:
                    raise AssertionError(
                        f"the {len(arrived)} bytes that came back at {got} are not those sent"
                    )
                got += len(arrived)
                moved = True
            elif arrived == b"" and got < len(view):
                raise AssertionError(f"the stream ended after {got} of {len(view)} bytes came back")
            if moved:
                deadline = time.monotonic() + self.timeout
            elif not self.ended:
                busy = cut or sent < len(view) or self.out
                self.wait(select.POLLIN | (select.POLLOUT if busy else 0), deadline)
        if got != len(view):
            raise AssertionError(f"{got} bytes came back for {len(view)} sent")

    # The many ways to end.

    def finish(self):
        """Ends our direction in order: close_notify under TLS, else FIN."""
        if self.tls:
            with contextlib.suppress(ssl.SSLWantReadError):
                self.tls.unwrap()
            self.flush()
        else:
            self.sock.shutdown(socket.SHUT_WR)

    def truncate(self):
        """FIN, whatever the layer above would like to say first."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        with contextlib.suppress(OSError, AssertionError, ssl.SSLError):
            if self.tls:
                self.finish()
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_end(self):
        """Waits for the end, orderly or by reset; false when it was a reset."""
        try:
            self.receive_to_end()
        except ConnectionError:
            return False
        return True
