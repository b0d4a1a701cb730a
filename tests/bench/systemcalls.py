"""Reads strace's table of calls, and sorts the calls into received, sent, waited and others."""
import pathlib
import re

RECEIVES = frozenset("read readv recv recvfrom recvmsg recvmmsg".split())
SENDS = frozenset("write writev send sendto sendmsg sendmmsg".split())
WAITS = frozenset("epoll_wait epoll_pwait epoll_pwait2 poll ppoll select pselect6".split())
KINDS = {"receive": RECEIVES, "send": SENDS, "wait": WAITS}


def read(path):
    """call -> how often, from the file of `strace -c -U name,calls`."""
    calls = {}
    for line in pathlib.Path(path).read_text().splitlines():
        match = re.fullmatch(r"\s*(\w+)\s+(\d+)\s*", line)
        if match and match.group(1) != "total":
            calls[match.group(1)] = calls.get(match.group(1), 0) + int(match.group(2))
    return calls


def by_kind(calls):
    """{receive, send, wait, other} of a dict of calls, and all of them by name."""
    out = {kind: sum(calls.get(name, 0) for name in names) for kind, names in KINDS.items()}
    out["other"] = sum(count for name, count in calls.items() if name not in RECEIVES | SENDS | WAITS)
    out["by_name"] = dict(calls)
    return out


def others(kinds, least):
    """The calls that are none of the kinds, by name, where there are at least so many."""
    known = RECEIVES | SENDS | WAITS
    return {name: count for name, count in kinds["by_name"].items() if name not in known and count >= least}
