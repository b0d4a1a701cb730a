"""The few figures of the README: what the parts found, in one short table."""
from part_compare import relative
from stats import digits, with_spread

_COUNTED = (
    ("echo-50", "64-byte echo: user-space instructions"),
    ("echo-50-tls", "64-byte echo over TLS: user-space instructions"),
    ("handshake-p256", "TLS 1.3 handshake, P-256: user-space instructions"),
    ("broadcast-100", "message to a room of 100: user-space instructions for each receiver"),
)
_HELD = (
    ("memory-tcp", "memory of an idle connection, bytes"),
    ("memory-tls", "the same under TLS 1.3, bytes"),
)
_TIMED = (
    ("echo-50", "processor time of an echo, 50 connections"),
    ("echo-50-tls", "the same over TLS"),
    ("storm", "processor time of a delivery, 8 speakers in a room of 100"),
    ("storm-tls", "the same over TLS"),
)


def table(count, compare):
    """Lines of Markdown from the rows of the parts count and compare."""
    yield "| what | plait | hand-written epoll server |"
    yield "| --- | ---: | ---: |"
    for rows, figure in ((_COUNTED, "instructions"), (_HELD, "bytes")):
        for name, title in rows:
            found = count.get(name)
            if found:
                yield f"| {title} | {digits(found['plait'][figure], 0)} | {digits(found['raw'][figure], 0)} |"
    for name, title in _TIMED:
        found = compare.get(name)
        if found:
            yield f"| {title} | {with_spread(relative(found, 'plait', 'cpu'))} | 1 |"
