"""Part growth: what a message costs, and what coming and going costs, with 1 to 19,000 connections."""
import contextlib

import chart
from part_compare import column, in_turn
from processes import Server
from stats import digits, spread
from workloads import GROWTH, OWN, Workload

FIGURES = {
    "message": ("echo", lambda count: f"-s 64 -c {count}"),
    "connect": ("connect", lambda count: f"-c 50 --idle {max(count - 50, 0)}"),
}


def rows():
    return [f"{figure}-{count}" for figure in FIGURES for count in GROWTH]


def _parts(name):
    figure, count = name.split("-")
    return figure, int(count)


def _operations(figure, count):
    """So many more messages than connections that what differs in opening those does not show."""
    few = {"message": max(count, 500), "connect": 200}[figure]
    return few, few + {"message": 10_000 + 10 * count, "connect": 800}[figure]


def run(name, bench):
    figure, count = _parts(name)
    kind, words = FIGURES[figure]
    work = Workload(name, name, kind, words(count))
    with contextlib.ExitStack() as stack:
        servers = {
            who: stack.enter_context(Server(bench.recipe(who, "echo", "tcp"), bench.folder)) for who in OWN
        }
        found = in_turn(bench, work, servers, bench.rounds)
    few, many = _operations(figure, count)
    for who in OWN:
        counts = bench.counter.instructions(
            lambda who=who: bench.recipe(who, "echo", "tcp"), kind, work.options, few, many
        )
        found[f"{who} instructions"] = counts["instructions"]
    return found


def line(name, found):
    return "; ".join(
        f"{who} {digits(_middle(found, who))} us, {digits(found[f'{who} instructions'], 0)} instructions"
        for who in OWN
    )


def _middle(found, who):
    three = spread(column(found, who, "cpu"))
    return three and three[0]


def _table(results):
    yield (
        "| connections | message: plait, us | raw, us | plait, instructions | raw | connect and close: plait, us "
        "| raw, us | plait, instructions | raw |"
    )
    yield "| ---: |" + " ---: |" * 8
    for count in GROWTH:
        cells = []
        for figure in FIGURES:
            found = results.get(f"{figure}-{count}", {})
            cells += [digits(_middle(found, who)) for who in OWN[::-1]]
            cells += [digits(found.get(f"{who} instructions"), 0) for who in OWN[::-1]]
        if any(cell != "-" for cell in cells):
            yield f"| {count:,} | {' | '.join(cells)} |"


def _series(results, figure):
    return {
        who: [(count, _middle(results.get(f"{figure}-{count}", {}), who)) for count in GROWTH]
        for who in OWN[::-1]
    }


def tables(results):
    return {"growth": _table(results)}


def charts(results):
    """file name -> SVG; none without figures."""
    panels = [
        chart.Panel("a 64-byte message, there and back", _series(results, "message")),
        chart.Panel("a connection: connect, a byte, close", _series(results, "connect")),
    ]
    if not any(value for panel in panels for points in panel.series.values() for _, value in points):
        return {}
    return {"growth.svg": chart.draw("Server CPU, in microseconds, by the number of connections", panels)}
