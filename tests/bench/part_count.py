"""Part count: instructions, allocations and system calls of an operation, and memory of an idle connection."""
import systemcalls
from stats import digits, within
from workloads import COUNT, HELD, MEMORY, OWN

OPENSSL = "OpenSSL's allocations"
MEMORY_ROWS = {f"memory-{transport}": transport for transport in MEMORY}


def rows():
    return [*(row.name for row in COUNT), *MEMORY_ROWS]


def run(name, bench):
    if name in MEMORY_ROWS:
        transport = MEMORY_ROWS[name]
        held = 1000 if bench.quick else HELD
        return {
            who: {
                "bytes": bench.counter.idle_memory(bench.recipe(who, "echo", transport), held),
                "held": held,
            }
            for who in OWN
        }
    row = next(row for row in COUNT if row.name == name)
    work, found = row.work, {}
    for who in work.peers:
        if not bench.recipe_for(who, work):
            continue
        args = (
            lambda who=who: bench.recipe_for(who, work),
            work.kind,
            work.options,
            row.few,
            row.many,
            row.unit,
        )
        found[who] = {**bench.counter.instructions(*args), "calls": bench.counter.system_calls(*args)}
    return found


def line(name, found):
    if name in MEMORY_ROWS:
        return ", ".join(f"{who} {digits(one['bytes'], 0)} bytes" for who, one in found.items())
    return "; ".join(
        f"{who} {digits(one['instructions'], 0)} instructions, {digits(one['allocations'], 3)} allocations "
        f"+ {digits(one[OPENSSL], 3)} of OpenSSL, calls {_calls(one)}"
        for who, one in found.items()
    )


def _calls(one):
    calls = one["calls"]
    text = " / ".join(digits(calls[kind], 3) for kind in ("receive", "send", "wait", "other"))
    others = [f"{name} {digits(count, 3)}" for name, count in systemcalls.others(calls, 0.0005).items()]
    return text + (f" ({', '.join(others)})" if others else "")


def _at_most(value):
    return "-" if value is None else digits(value, 2 if isinstance(value, float) else 0)


def _found(results):
    """The rows that were measured, in their order, with what was found."""
    return [(row, results[row.name]) for row in COUNT if row.name in results]


def _instruction_table(results):
    yield "| work | at most | plait | met | raw epoll | others | allocations: plait | OpenSSL, plait | OpenSSL, raw |"
    yield "| --- | ---: | ---: | --- | ---: | --- | ---: | ---: | ---: |"
    for row, found in _found(results):
        plait, raw = found["plait"], found["raw"]
        others = [f"{who} {digits(one['instructions'], 0)}" for who, one in found.items() if who not in OWN]
        yield (
            f"| {row.work.title} | {_at_most(row.instructions)} | {digits(plait['instructions'], 0)} "
            f"| {within(round(plait['instructions']), row.instructions)} | {digits(raw['instructions'], 0)} "
            f"| {', '.join(others) or '-'} | {digits(plait['allocations'], 3)} | {digits(plait[OPENSSL], 3)} | {digits(raw[OPENSSL], 3)} |"
        )


LIBRARIES = (
    ("plait", ("libplait.", "plait", "echo.so", "line.so", "broadcast.so")),
    ("libevent", ("libevent",)),
    ("libc", ("libc.so", "ld-linux", "libm.so")),
    ("OpenSSL", ("libssl", "libcrypto")),
)


def _library_table(results):
    yield "| work | plait and its plugin | libevent | libc | OpenSSL | vdso and others |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for row, found in _found(results):
        plait = found["plait"]
        shares = [
            sum(cost for key, cost in plait.items() if key.startswith("in ") and key[3:].startswith(names))
            for _, names in LIBRARIES
        ]
        shares.append(plait["instructions"] - sum(shares))
        yield f"| {row.work.title} | {' | '.join(digits(share, 0) for share in shares)} |"


# The members of a room of 100 that get a turn's messages: at most all of them.
RECEIVERS = 100


def _missed(row, calls):
    """What is above its target, in words; None where there is no target."""
    turn = calls["send"] / (calls["wait"] * RECEIVERS) if calls["wait"] > 0 else None
    bounds = (
        ("receive", calls["receive"], row.receives),
        ("send", calls["send"], row.sends),
        ("other", calls["other"], row.other_calls),
        ("a receiver's sends in a turn", turn, row.sends_a_turn),
    )
    wanted = [bound for bound in bounds if bound[2] is not None and bound[1] is not None]
    missed = [f"{what} {digits(value, 3)}" for what, value, most in wanted if round(value, 2) > most]
    return ", ".join(missed) if wanted else None


def _call_table(results):
    yield "| work | plait: receive / send / wait / other | raw epoll: the same | met |"
    yield "| --- | --- | --- | --- |"
    for row, found in _found(results):
        missed = _missed(row, found["plait"]["calls"])
        met = "-" if missed is None else f"no: {missed}" if missed else "yes"
        yield f"| {row.work.title} | {_calls(found['plait'])} | {_calls(found['raw'])} | {met} |"


def _memory_table(results):
    yield "| idle connections | held | at most, bytes each | plait | met | raw epoll |"
    yield "| --- | ---: | ---: | ---: | --- | ---: |"
    for name, transport in MEMORY_ROWS.items():
        found = results.get(name)
        if found:
            title = {"tcp": "plain", "tls": "TLS 1.3"}[transport]
            bytes_each = found["plait"]["bytes"]
            yield (
                f"| {title} | {found['plait']['held']:,} | {MEMORY[transport]:,} | {digits(bytes_each, 0)} "
                f"| {within(bytes_each, MEMORY[transport])} | {digits(found['raw']['bytes'], 0)} |"
            )


def tables(results):
    return {
        "instructions": _instruction_table(results),
        "libraries": _library_table(results),
        "calls": _call_table(results),
        "memory": _memory_table(results),
    }
