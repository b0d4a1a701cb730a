"""What is measured: one table of workloads, with the targets they have."""
import dataclasses

STREAM_PEERS = ("raw", "plait", "bufferevent", "libuv", "lws", "twisted")
OWN = ("raw", "plait")
HANDSHAKE_PEERS = ("raw", "plait", "nginx", "haproxy")


@dataclasses.dataclass(frozen=True)
class Workload:
    """kind and words are plait bench's: its first argument and its options."""

    name: str
    title: str
    kind: str
    words: str
    transport: str = "tcp"
    peers: tuple = OWN
    target: float | None = None
    certificate: str = "server"

    @property
    def options(self):
        return self.words.split()

    @property
    def speaks(self):
        """The protocol of the server."""
        return self.kind if self.kind in ("line", "broadcast") else "echo"


def _stream(name, title, kind, words, peers=OWN):
    """The same on plain sockets and under TLS; both may cost 1.05 of the raw server."""
    yield Workload(name, title, kind, words, "tcp", peers, 1.05)
    yield Workload(f"{name}-tls", f"{title}, TLS", kind, words, "tls", peers, 1.05)


def _handshakes():
    for name, title, certificate in (("p256", "P-256", "server"), ("rsa", "RSA-2048", "server-rsa")):
        for how, words in (("full", "-c 16"), ("resumed", "-c 16 --resume")):
            yield Workload(
                f"handshake-{name}-{how}",
                f"TLS handshake, {title}, {how}",
                "handshake",
                words,
                "tls",
                HANDSHAKE_PEERS,
                None,
                certificate,
            )


STORM = "-s 64 -c 100 --senders 8 -d 4"

COMPARE = [
    *_stream("echo-1", "echo, 64 B, 1 connection", "echo", "-s 64 -c 1", STREAM_PEERS),
    *_stream("echo-50", "echo, 64 B, 50 connections", "echo", "-s 64 -c 50", STREAM_PEERS),
    *_stream("echo-500", "echo, 64 B, 500 connections", "echo", "-s 64 -c 500", STREAM_PEERS),
    *_stream("echo-5000", "echo, 64 B, 5,000 connections", "echo", "-s 64 -c 5000", STREAM_PEERS),
    *_stream("echo-x16", "echo, 64 B x 16 pipelined, 50 connections", "echo", "-s 64 -d 16", STREAM_PEERS),
    *_stream("echo-16k", "echo, 16 KiB, 50 connections", "echo", "-s 16384 -c 50", STREAM_PEERS),
    *_stream("line", "line, 64 B, 50 connections", "line", "-s 64 -c 50"),
    *_stream("line-x16", "line, 64 B x 16 pipelined, 50 connections", "line", "-s 64 -d 16 -c 50"),
    *_stream("connect", "connect, a byte there and back, close", "connect", "-c 50", STREAM_PEERS),
    *_stream("broadcast-100", "broadcast, 64 B from one to 100", "broadcast", "-s 64 -c 101"),
    *_stream("broadcast-1000", "broadcast, 64 B from one to 1,000", "broadcast", "-s 64 -c 1001"),
    Workload("udp", "UDP, 64 B, 16 clients x 4", "udp", "-s 64 -c 16 -d 4", "udp", OWN, 0.90),
    Workload("storm", "broadcast, 64 B to 100, 8 senders x 4", "broadcast", STORM, "tcp", OWN, 0.30),
    Workload("storm-tls", "broadcast, 64 B to 100, 8 senders x 4, TLS", "broadcast", STORM, "tls", OWN, 0.15),
    *_handshakes(),
]


@dataclasses.dataclass(frozen=True)
class Counted:
    """A workload run twice, with `few` and with `many` operations; figures are for `unit` operations.

    The rest are targets: at most so many for a unit, or for a turn of the loop and a receiver.
    """

    work: Workload
    few: int
    many: int
    unit: int = 1
    instructions: int | None = None
    receives: float | None = None
    sends: float | None = None
    other_calls: float | None = None
    sends_a_turn: int | None = None

    @property
    def name(self):
        return self.work.name


def _count(name, title, kind, words, few, many, transport="tcp", certificate="server", peers=OWN, **targets):
    work = Workload(name, title, kind, words, transport, peers, None, certificate)
    return Counted(work, few, many, **targets)


_ONE = {"receives": 1, "sends": 1, "other_calls": 0.05}
_OTHERS = (*OWN, "bufferevent", "libuv", "lws")
_ECHO = {"instructions": 450, "peers": _OTHERS, **_ONE}
_ECHO_TLS = {"transport": "tls", "instructions": 14_000, "peers": _OTHERS, **_ONE}
_SHAKE = {"transport": "tls", "peers": HANDSHAKE_PEERS}
_SHAKE_P256 = {"instructions": 2_650_000, **_SHAKE}
_SHAKE_RSA = {"certificate": "server-rsa", **_SHAKE}
_BATCH = {"unit": 16, **_ONE}
_BATCH_TLS = {"transport": "tls", **_BATCH}
_ROOM = "-s 64 -c 101"
_DELIVERY = "a delivery of one message to 100"
_STORMY = "a delivery, 8 senders x 4 to 100"
_HANDSHAKE = "TLS 1.3 handshake, X25519,"

COUNT = [
    _count("echo-1", "echo, 64 B, 1 connection", "echo", "-s 64 -c 1", 1000, 6000, **_ECHO),
    _count("echo-50", "echo, 64 B, 50 connections", "echo", "-s 64 -c 50", 1000, 11000, **_ECHO),
    _count("echo-1000", "echo, 64 B, 1,000 connections", "echo", "-s 64 -c 1000", 2000, 42000, **_ECHO),
    _count("echo-1-tls", "echo, 64 B, 1 connection, TLS", "echo", "-s 64 -c 1", 500, 2500, **_ECHO_TLS),
    _count("echo-50-tls", "echo, 64 B, 50 connections, TLS", "echo", "-s 64 -c 50", 500, 2500, **_ECHO_TLS),
    _count("echo-x16", "16 pipelined echoes of 64 B", "echo", "-s 64 -c 1 -d 16", 1600, 17600, **_BATCH),
    _count("echo-16k", "echo, 16 KiB, 50 connections", "echo", "-s 16384 -c 50", 500, 2500),
    _count("echo-16k-tls", "echo, 16 KiB, 50 connections, TLS", "echo", "-s 16384 -c 50", 500, 2500, "tls"),
    _count("line", "line, 64 B, 50 connections", "line", "-s 64 -c 50", 1000, 11000, **_ONE),
    _count("line-x16", "16 pipelined lines of 64 B", "line", "-s 64 -c 1 -d 16", 1600, 17600, **_BATCH),
    _count("line-x16-tls", "the same, TLS", "line", "-s 64 -c 1 -d 16", 1600, 9600, **_BATCH_TLS),
    _count("connect", "connect, a byte there and back, close", "connect", "-c 50", 200, 1200),
    _count("handshake-p256", f"full {_HANDSHAKE} P-256", "handshake", "-c 1", 20, 180, **_SHAKE_P256),
    _count("handshake-rsa", f"full {_HANDSHAKE} RSA-2048", "handshake", "-c 1", 20, 100, **_SHAKE_RSA),
    _count(
        "handshake-resumed", f"resumed {_HANDSHAKE} P-256", "handshake", "-c 1 --resume", 20, 180, **_SHAKE
    ),
    _count("broadcast-100", _DELIVERY, "broadcast", _ROOM, 2000, 12000, instructions=200),
    _count("broadcast-100-tls", f"{_DELIVERY}, TLS", "broadcast", _ROOM, 1000, 4000, "tls"),
    _count("storm", _STORMY, "broadcast", STORM, 9504, 50688, sends_a_turn=1),
    _count("storm-tls", f"{_STORMY}, TLS", "broadcast", STORM, 6336, 22176, "tls", sends_a_turn=1),
    _count("udp", "UDP, 64 B, 16 clients x 4", "udp", "-s 64 -c 16 -d 4", 1000, 11000, "udp"),
]

# How many connections are held for the memory of one, and what one may take.
HELD = 10_000
MEMORY = {"tcp": 400, "tls": 14_500}

LOOPS = (1, 2, 4, 8, 16)
GROWTH = (1, 10, 100, 1_000, 10_000, 19_000)


def by_name(table, name):
    return next(one for one in table if one.name == name)
