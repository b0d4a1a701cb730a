"""Damages TLS: ClientHellos field by field, and streams record by record. All that is random comes from the rng given."""

HANDSHAKE, ALERT, CCS, DATA = 22, 21, 20, 23
KINDS_OF_RECORDS = (CCS, ALERT, HANDSHAKE, DATA, 24, 0, 255)
LENGTHS = (0, 1, 2, 15, 16, 17, 255, 256, 16383, 16384, 16385, 16640, 16641, 18432, 65535)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        piece = self.data[self.at : self.at + count]
        if len(piece) < count:
            raise ValueError("short")
        self.at += count
        return piece

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def vector(self, size):
        return self.take(self.number(size))


class Writer:
    """Writes vectors, of which one, if any, lies about its length."""

    def __init__(self, rng, liar):
        self.rng, self.liar, self.count = rng, liar, 0

    def vector(self, size, body):
        length = len(body)
        if self.count == self.liar:
            length = self.rng.choice(
                (length + 1, max(length - 1, 0), 0, length * 2, self.rng.choice(LENGTHS), 2 ** (8 * size) - 1)
            )
        self.count += 1
        return (length % 2 ** (8 * size)).to_bytes(size, "big") + body


class Hello:
    """A ClientHello in parts; data is its message without records."""

    def __init__(self, data):
        reader = Reader(data[4:])
        self.version, self.random = reader.take(2), reader.take(32)
        self.session, self.ciphers, self.compression = reader.vector(1), reader.vector(2), reader.vector(1)
        inner = Reader(reader.vector(2))
        self.extensions = []
        while inner.at < len(inner.data):
            self.extensions.append((inner.number(2), inner.vector(2)))

    def message(self, rng, liar=-1):
        writer = Writer(rng, liar)
        extensions = b"".join(
            kind.to_bytes(2, "big") + writer.vector(2, body[:65535]) for kind, body in self.extensions
        )
        body = (
            self.version
            + self.random
            + writer.vector(1, self.session[:255])
            + writer.vector(2, self.ciphers[:65535])
            + writer.vector(1, self.compression[:255])
            + writer.vector(2, extensions[:65535])
        )
        return b"\x01" + writer.vector(3, body)

    def vectors(self):
        return len(self.extensions) + 5


def nested(rng, sizes, body):
    """body within vectors, one of which may lie."""
    writer = Writer(rng, rng.randrange(-2, len(sizes)))
    for size in sizes:
        body = writer.vector(size, body)
    return body


def ticket_offer(rng):
    identity = rng.randbytes(rng.choice((0, 1, 32, 200, 1000, 16000, 60000)))
    binder = rng.randbytes(rng.choice((0, 31, 32, 48, 255)))
    identities = nested(rng, (2,), identity) + rng.randbytes(4)
    return nested(rng, (2,), identities * rng.choice((1, 1, 1, 9))) + nested(rng, (1, 2), binder)


NEW_EXTENSIONS = (
    (0, lambda rng: nested(rng, (2, 2), b"\0" + rng.choice((b"localhost", b"a\0b", b"x" * 300, b"", b"*.example")))),
    (16, lambda rng: nested(rng, (1, 2), rng.choice((b"h2", b"", b"x" * 255)))),
    (41, ticket_offer),
    (42, lambda rng: rng.choice((b"", b"\0\0\0\1"))),
    (43, lambda rng: nested(rng, (1,), rng.choice((b"\3\4", b"\3\3", b"\3\4\3", b"\x7f\x1c", b"", b"\3\0\3\1")))),
    (44, lambda rng: nested(rng, (2,), rng.randbytes(rng.choice((0, 1, 100, 9000))))),
    (45, lambda rng: nested(rng, (1,), rng.choice((b"\0", b"\1", b"\0\1", b"", b"\7" * 255)))),
    (51, lambda rng: nested(rng, (2,), b"\0\x1d" + nested(rng, (2,), rng.randbytes(rng.choice((0, 31, 32, 33, 65)))))),
    (51, lambda rng: nested(rng, (2,), b"\0\x17" + nested(rng, (2,), b"\4" + rng.randbytes(64)))),
    (10, lambda rng: nested(rng, (2,), rng.choice((b"\0\x1d", b"\0", b"\0\x17\0\x18", b"\0\x19\0\x1e", rng.randbytes(40))))),
    (13, lambda rng: nested(rng, (2,), rng.choice((b"\4\3", b"\4", b"\x08\x07", rng.randbytes(60))))),
    (35, lambda rng: rng.randbytes(rng.choice((0, 1, 48, 200, 5000)))),
    (5, lambda rng: b"\1" + nested(rng, (2,), rng.randbytes(rng.randrange(9))) + nested(rng, (2,), b"")),
    (0xFF01, lambda rng: nested(rng, (1,), rng.choice((b"", b"x", b"x" * 12)))),
)


def spoil_extensions(rng, hello):
    found = hello.extensions
    what = rng.randrange(8)
    if what == 0 and found:
        found.insert(rng.randrange(len(found) + 1), rng.choice(found))
    elif what == 1:
        rng.shuffle(found)
    elif what == 2 and found:
        del found[rng.randrange(len(found))]
    elif what == 3 and found:
        at = rng.randrange(len(found))
        found[at] = (found[at][0], flip(rng, found[at][1]))
    elif what == 4 and found:
        at = rng.randrange(len(found))
        found[at] = (found[at][0], found[at][1][: rng.randrange(len(found[at][1]) + 1)])
    elif what == 5:
        found.append((rng.randrange(65536), rng.randbytes(rng.choice(LENGTHS[:12]))))
    else:
        kind, make = rng.choice(NEW_EXTENSIONS)
        if rng.randrange(2):
            hello.extensions = found = [one for one in found if one[0] != kind]
        found.append((kind, make(rng)))


def spoil_hello(rng, data):
    """data: the message, without records."""
    hello = Hello(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        what = rng.randrange(10)
        if what == 0:
            hello.session = rng.randbytes(rng.choice((0, 1, 31, 32, 33, 255)))
        elif what == 1:
            hello.ciphers = rng.choice((b"", b"\0", b"\x13\x01", b"\0\x35", rng.randbytes(40), b"\x56\0" + hello.ciphers, hello.ciphers * 300))
        elif what == 2:
            hello.compression = rng.choice((b"", b"\1", b"\0\1", bytes(range(255))))
        elif what == 3:
            hello.version = rng.choice((b"\2\0", b"\3\0", b"\3\1", b"\3\2", b"\3\4", b"\3\xff", b"\xff\xff", b"\0\0"))
        else:
            spoil_extensions(rng, hello)
    return hello.message(rng, rng.randrange(-hello.vectors(), hello.vectors()))


def flip(rng, data):
    if not data:
        return data
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def records_of(data):
    """[(kind, version, payload)]; whatever is left behind them stays behind."""
    records, at = [], 0
    while at + 5 <= len(data):
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        records.append((data[at], data[at + 1 : at + 3], data[at + 5 : at + 5 + length]))
        at += 5 + length
    return records


def stray_record(rng):
    return rng.choice(
        (
            lambda: (CCS, b"\3\3", rng.choice((b"\1", b"\0", b"", b"\1\1"))),
            lambda: (ALERT, b"\3\3", bytes((rng.choice((1, 2, 0, 9)), rng.randrange(256)))),
            lambda: (ALERT, b"\3\3", rng.choice((b"", b"\1", b"\1\0\1\0", b"\1\x5a"))),
            lambda: (rng.choice(KINDS_OF_RECORDS), b"\3\3", b""),
            lambda: (rng.choice(KINDS_OF_RECORDS), b"\3\3", rng.randbytes(rng.choice(LENGTHS[:14]))),
            lambda: (DATA, b"\3\3", rng.randbytes(rng.choice((17, 100, 1000)))),
            lambda: (HANDSHAKE, b"\3\3", bytes((rng.randrange(25), 0, 0, rng.choice((0, 1, 4)), 0))),
        )
    )()


def spoil_records(rng, records):
    at = rng.randrange(len(records)) if records else 0
    what = rng.randrange(11) if records else 10
    if what < 10:
        kind, version, payload = records[at]
    if what == 0:
        records[at] = (kind, version, flip(rng, payload))
    elif what == 1:
        records[at] = (rng.choice(KINDS_OF_RECORDS), version, payload)
    elif what == 2:
        records[at] = (kind, rng.choice((b"\3\0", b"\3\1", b"\3\4", b"\2\0", b"\xff\xff", b"GE")), payload)
    elif what == 3:
        records[at] = (kind, version, payload[: rng.randrange(len(payload) + 1)])
    elif what == 4:
        records.insert(at, records[at])
    elif what == 5:
        size = rng.choice((1, 1, 2, 3, 5, 50, 200))
        pieces = [payload[i : i + size] for i in range(0, len(payload), size)]
        records[at : at + 1] = [(kind, version, piece) for piece in pieces]
    elif what == 6:
        records[at] = (kind, version, b"".join(one[2] for one in records[at:]))
        del records[at + 1 :]
    elif what == 7:
        rng.shuffle(records)
    elif what == 8:
        records[at] = (kind, version, (payload + bytes(16641))[: rng.choice((16384, 16385, 16640, 16641))])
    elif what == 9:
        records[at:at] = [stray_record(rng)] * rng.choice((2, 6, 33, 40))
    else:
        records.insert(rng.randrange(len(records) + 1), stray_record(rng))


def join(rng, records):
    liar = rng.randrange(4 * len(records)) if records else -1
    writer = Writer(rng, liar)
    return b"".join(bytes((kind,)) + version + writer.vector(2, payload) for kind, version, payload in records)


def spoil_stream(rng, data):
    """data: whole records. Sometimes it comes back as it was."""
    records = records_of(data)
    if not records:
        return data
    hello = records[0][0] == HANDSHAKE and records[0][2][:1] == b"\x01"
    if hello and rng.randrange(3):
        records[0] = (HANDSHAKE, records[0][1], spoil_hello(rng, records[0][2]))
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4)) if hello else rng.choice((0, 1, 1, 2, 4))):
        spoil_records(rng, records)
    out = join(rng, records)
    if not rng.randrange(20):
        out = out[: rng.randrange(len(out) + 1)]
    return out


def pieces(rng, data):
    """data as it is sent: in how many sends, and cut where."""
    if rng.randrange(2) or len(data) < 2:
        return [data]
    cuts = sorted(rng.randrange(1, len(data)) for _ in range(rng.choice((1, 1, 2, 5))))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)]) if b > a]
