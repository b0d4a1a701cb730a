"""Reads what callgrind wrote: instructions in all and by library, and how often functions were called."""
import collections
import pathlib
import re

ALLOCATING = frozenset(
    "malloc calloc realloc reallocarray posix_memalign aligned_alloc memalign valloc strdup strndup".split()
)
# Functions of plait whose calls are told.
TOLD = ("post_send", "post_offer")
# Its allocations are counted apart: nobody above it can help them.
OPENSSL = ("libssl", "libcrypto")


class Profile:
    """total: instructions; by_object: the same by library; calls: function -> how often it was called;
    allocations: library -> how often it asked for memory."""

    def __init__(self, text):
        self.total = 0
        self.by_object = collections.Counter()
        self.calls = collections.Counter()
        self.allocations = collections.Counter()
        self._names = {}
        self._read(text)

    def _name(self, kind, text):
        """Names are written once, as "(7) name", and then only as "(7)"."""
        number, name = re.match(r"(?:(\(\d+\)) ?)?(.*)", text).groups()
        if number is None:
            return name
        if name:
            self._names[kind, number] = name
        return self._names.get((kind, number), number)

    def _read(self, text):
        library = function = callee = None
        inclusive = False
        for line in text.splitlines():
            first = line[:1]
            if first in "+-*" or first.isdigit():
                parts = line.split()
                cost = int(parts[1]) if len(parts) > 1 else 0
                if not inclusive:
                    self.total += cost
                    self.by_object[library] += cost
                inclusive = False
            elif line.startswith("fn="):
                function = self._name("fn", line[3:])
            elif line.startswith("cfn="):
                callee = self._name("fn", line[4:])
            elif line.startswith("calls="):
                count = int(line[6:].split()[0])
                self.calls[callee] += count
                # What the allocator does inside itself is one allocation.
                if callee in ALLOCATING and function not in ALLOCATING:
                    self.allocations[library] += count
                inclusive = True
            elif line.startswith("ob="):
                library = pathlib.PurePath(self._name("ob", line[3:])).name
            elif line.startswith("cob="):
                self._name("ob", line[4:])

    def totals(self):
        """All of it as one flat dict, for stats.per_operation."""
        out = {"instructions": self.total, "allocations": 0, "OpenSSL's allocations": 0}
        for name, count in self.allocations.items():
            out["OpenSSL's allocations" if name.startswith(OPENSSL) else "allocations"] += count
        out.update((f"in {name}", cost) for name, cost in self.by_object.items())
        out.update((f"called {name}", self.calls[name]) for name in TOLD)
        return out


def read(paths):
    """One profile of a run's files, one a thread or process."""
    return Profile("\n".join(pathlib.Path(path).read_text(errors="replace") for path in paths))
