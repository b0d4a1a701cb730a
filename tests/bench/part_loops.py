"""Part loops: what more loops cost on one processor, how connections find their loop, and broadcast over loops."""
import contextlib
import time

from counting import settled
from part_compare import column, in_turn, relative
from processes import Load, Server
from stats import digits, spread, with_spread
from workloads import COMPARE, COUNT, LOOPS, by_name

WAYS = ("least-loaded", "reuseport")
SPREAD_OVER = (8, 50, 500)
SPREAD_LOOPS = 4


def rows():
    return ["echo", "echo-counts", "connect", "spread", "broadcast"]


def _recipe(bench, speaks, threads, **top):
    return bench.recipe("plait", speaks, "tcp", threads=threads, **top)


def _compare(bench, work, recipes):
    with contextlib.ExitStack() as stack:
        servers = {
            name: stack.enter_context(Server(recipe, bench.folder)) for name, recipe in recipes.items()
        }
        return in_turn(bench, work, servers, bench.rounds)


def _echo(bench):
    recipes = {str(count): _recipe(bench, "echo", count) for count in LOOPS}
    return _compare(bench, by_name(COMPARE, "echo-50"), recipes)


def _connect(bench):
    recipes = {"1 loop": _recipe(bench, "echo", 1)}
    recipes.update({way: _recipe(bench, "echo", SPREAD_LOOPS, accept=way) for way in WAYS})
    return _compare(bench, by_name(COMPARE, "connect"), recipes)


def _counts(bench, row, protocol, loops, unit=1):
    """Instructions and calls of `unit` operations of a counted row, by the number of loops."""
    found = {}
    for count in loops:
        args = (
            lambda count=count: _recipe(bench, protocol, count),
            row.work.kind,
            row.work.options,
            row.few,
            row.many,
            unit,
        )
        totals = bench.counter.instructions(*args)
        found[str(count)] = {
            "instructions": totals["instructions"],
            "posts": sum(totals.get(f"called {name}", 0) for name in ("post_send", "post_offer")),
            "calls": bench.counter.system_calls(*args),
        }
    return found


def _echo_counts(bench):
    return _counts(bench, by_name(COUNT, "echo-50"), "echo", LOOPS)


def _spread(bench):
    """The busiest loop's connections relative to a fair share, several times."""
    found = {}
    for way in WAYS:
        for count in SPREAD_OVER:
            shares = []
            with Server(_recipe(bench, "echo", SPREAD_LOOPS, accept=way), bench.folder) as server:
                for _ in range(bench.rounds):
                    shares.append(_busiest(bench, server, count))
            found[f"{way} {count}"] = shares
    return found


def _busiest(bench, server, count):
    before = settled(server.loops, 0.3)
    load = Load(*bench.load_program, "echo", server.endpoint, ["-c", 1, "-t", 60, "--idle", count - 1])
    try:
        deadline = time.monotonic() + 60
        while sum(server.loops()) - sum(before) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        after = settled(server.loops, 0.3)
    finally:
        load.stop()
    # The sets are listed in one order as long as no descriptor of theirs changes.
    return max(then - now for then, now in zip(after, before)) / (count / SPREAD_LOOPS)


def _broadcast(bench):
    """Of one message to 100 (not of one delivery), with one loop and with several."""
    return _counts(bench, by_name(COUNT, "broadcast-100"), "broadcast", (1, SPREAD_LOOPS), 100)


_RUN = {
    "echo": _echo,
    "echo-counts": _echo_counts,
    "connect": _connect,
    "spread": _spread,
    "broadcast": _broadcast,
}


def run(name, bench):
    return _RUN[name](bench)


def line(name, found):
    if name in ("echo", "connect"):
        first = next(iter(found))
        return "; ".join(
            f"{who}: {digits(spread(column(found, who, 'cpu'))[0])} us, "
            f"{with_spread(relative(found, who, 'cpu', first))} of {first}"
            for who in found
            if spread(column(found, who, "cpu"))
        )
    if name == "spread":
        return "; ".join(f"{who}: {with_spread(shares)}" for who, shares in found.items())
    return "; ".join(
        f"{who} loops: {digits(one['instructions'], 0)} instructions, {_calls(one)}"
        for who, one in found.items()
    )


def _calls(one):
    names = {name: count for name, count in one["calls"]["by_name"].items() if count >= 0.0005}
    return ", ".join(f"{name} {digits(count, 3)}" for name, count in sorted(names.items()))


def _loops_table(results):
    yield "| loops | CPU of an echo, us | relative to one loop | instructions | futex calls | all calls |"
    yield "| ---: | ---: | --- | ---: | ---: | --- |"
    echo, counts = results.get("echo", {}), results.get("echo-counts", {})
    for count in map(str, LOOPS):
        one = counts.get(count)
        middle = spread(column(echo, count, "cpu"))
        if one or middle:
            yield (
                f"| {count} | {digits(middle and middle[0])} | {with_spread(relative(echo, count, 'cpu', '1'))} "
                f"| {digits(one and one['instructions'], 0)} "
                f"| {digits(one and one['calls']['by_name'].get('futex', 0), 4)} | {_calls(one) if one else '-'} |"
            )


def _accept_table(results):
    yield "| accept | CPU of a connection, us | relative to one loop | " + " | ".join(
        f"busiest of {SPREAD_LOOPS} loops at {count}" for count in SPREAD_OVER
    ) + " |"
    yield "| --- | ---: | --- | " + " | ".join("---" for _ in SPREAD_OVER) + " |"
    connect, shares = results.get("connect", {}), results.get("spread", {})
    for way in WAYS:
        middle = spread(column(connect, way, "cpu"))
        cells = [with_spread(shares.get(f"{way} {count}", [])) for count in SPREAD_OVER]
        yield (
            f"| {way} | {digits(middle and middle[0])} | {with_spread(relative(connect, way, 'cpu', '1 loop'))} "
            f"| {' | '.join(cells)} |"
        )


def _broadcast_table(results):
    yield "| loops | instructions of a message to 100 | posts | calls |"
    yield "| ---: | ---: | ---: | --- |"
    for count, one in results.get("broadcast", {}).items():
        yield f"| {count} | {digits(one['instructions'], 0)} | {digits(one['posts'])} | {_calls(one)} |"


def tables(results):
    return {
        "loops": _loops_table(results),
        "accept": _accept_table(results),
        "broadcast-loops": _broadcast_table(results),
    }
