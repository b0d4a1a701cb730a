"""Part compare: servers in turn on one processor, the load on another; time of an operation relative to raw epoll."""
import contextlib

from processes import Failed, Server
from stats import digits, ratios, spread, with_spread
from workloads import COMPARE, by_name

# Differences below it are noise on the machines this was made for.
NOISE = 0.15


def rows():
    return [work.name for work in COMPARE]


def in_turn(bench, work, servers, rounds, more=()):
    """A B A B: each round asks every server once. name -> list of {"cpu", "rate"}, one a round; None where it failed."""
    found = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            try:
                options = [*work.options, *more, "-t", bench.seconds]
                result = bench.counter.load(server, work.kind, options, server.pid).result()
                found[name].append({"cpu": result["server"]["cpu_us_per_operation"], "rate": result["rate"]})
            except Failed as error:
                bench.say(f"{work.name}: {name}: {error}")
                found[name].append(None)
    return found


def run(name, bench):
    work = by_name(COMPARE, name)
    with contextlib.ExitStack() as stack:
        servers = {}
        for who in work.peers:
            recipe = bench.recipe_for(who, work)
            if recipe:
                try:
                    servers[who] = stack.enter_context(Server(recipe, bench.folder))
                except Failed as error:
                    bench.say(f"{work.name}: {error}")
        return in_turn(bench, work, servers, bench.rounds)


def column(found, who, what):
    return [one and one[what] for one in found.get(who, ())]


def relative(found, who, what, base="raw"):
    return ratios(column(found, who, what), column(found, base, what))


def line(name, found):
    return "; ".join(
        f"{who} {digits(spread(column(found, who, 'cpu'))[0])} us"
        + (f", {with_spread(relative(found, who, 'cpu'))} of raw" if who != "raw" else "")
        for who in found
        if spread(column(found, who, "cpu"))
    )


def _verdict(work, found):
    ours = spread(relative(found, "plait", "cpu"))
    if not ours:
        return "-"
    words = []
    if work.target is not None and ours[0] > work.target:
        noise = " (within the noise)" if work.target == 1.05 and ours[0] <= 1 + NOISE else ""
        words.append(f"no: {digits(ours[0])}{noise}")
    for who in found:
        theirs = spread(relative(found, who, "cpu"))
        if who not in ("raw", "plait") and theirs and ours[0] > theirs[0] + NOISE:
            words.append(f"{who} is ahead")
    return ", ".join(words) or "yes"


OTHERS = ("bufferevent", "libuv", "lws", "twisted", "nginx", "haproxy")


def _table(results):
    yield (
        "| work | raw, us | at most | plait: CPU | met | plait: rate | bufferevent: CPU | libuv: CPU "
        "| lws: CPU | Twisted: CPU | nginx: CPU | HAProxy: CPU |"
    )
    yield "| --- | ---: | ---: | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for work in COMPARE:
        found = results.get(work.name)
        if not found:
            continue
        base = spread(column(found, "raw", "cpu"))
        cells = [with_spread(relative(found, who, "cpu")) for who in OTHERS]
        yield (
            f"| {work.title} | {digits(base and base[0])} | {digits(work.target)} "
            f"| {with_spread(relative(found, 'plait', 'cpu'))} | {_verdict(work, found)} "
            f"| {with_spread(relative(found, 'plait', 'rate'))} | {' | '.join(cells)} |"
        )


def tables(results):
    return {"compare": _table(results)}
