"""Draws line charts as SVG, readable on light and dark ground, over a logarithmic axis of connections."""
import dataclasses
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 84, 62, 46

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 14px; font-weight: 600; }
.ground { fill: #ffffff; }
.grid { stroke: #d0d7de; stroke-width: 1; }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.c0 { stroke: #0969da; } .f0 { fill: #0969da; }
.c1 { stroke: #bc4c00; stroke-dasharray: 6 3; } .f1 { fill: #bc4c00; }
.c2 { stroke: #1a7f37; stroke-dasharray: 2 3; } .f2 { fill: #1a7f37; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.ground { fill: #0d1117; }
.grid { stroke: #30363d; }
.c0 { stroke: #58a6ff; } .f0 { fill: #58a6ff; }
.c1 { stroke: #f0883e; } .f1 { fill: #f0883e; }
.c2 { stroke: #3fb950; } .f2 { fill: #3fb950; }
}
"""


@dataclasses.dataclass
class Panel:
    """series: name -> [(connections, value or None)]."""

    title: str
    series: dict


def step(most):
    """The distance of grid lines that gives three to six of them up to most: 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return 1
    power = 10 ** math.floor(math.log10(most))
    for factor in (0.1, 0.2, 0.5, 1, 2):
        if most / (power * factor) <= 6:
            return power * factor
    return power * 5


def _number(value):
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _panel(panel, left):
    points = [(x, y) for line in panel.series.values() for x, y in line if y is not None]
    most = max((y for _, y in points), default=1)
    distance = step(most)
    top = distance * math.ceil(most / distance + 1e-9)
    widest = max((math.log10(x) for x, _ in points), default=1) or 1

    def place(x, y):
        return (
            left + LEFT + (WIDTH - LEFT - RIGHT) * math.log10(x) / widest,
            HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / top,
        )

    yield f'<text x="{left + LEFT}" y="{TOP - 14}">{escape(panel.title)}</text>'
    value = 0.0
    while value <= top + distance / 2:
        _, y = place(1, value)
        yield f'<line class="grid" x1="{left + LEFT}" x2="{left + WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{left + LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_number(round(value, 6))}</text>'
        value += distance
    for connections in sorted({x for x, _ in points}):
        x, y = place(connections, 0)
        # 19,000 would stand on 10,000's label.
        if math.log10(connections) == int(math.log10(connections)):
            label = f"{connections // 1000}k" if connections >= 1000 else str(connections)
            yield f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{label}</text>'
    middle = left + LEFT + (WIDTH - LEFT - RIGHT) / 2
    yield f'<text x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle">connections</text>'
    ends = []
    for number, (name, line) in enumerate(panel.series.items()):
        spots = [place(x, y) for x, y in line if y is not None]
        if not spots:
            continue
        path = " ".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(spots))
        yield f'<path class="line c{number % 3}" d="{path}"/>'
        for x, y in spots:
            yield f'<circle class="f{number % 3}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
        ends.append((spots[-1][1], number, name, spots[-1][0]))
    lowest = -math.inf
    for y, number, name, x in sorted(ends):
        # Names of lines that end near each other stand below each other.
        lowest = max(y + 4, lowest + 15)
        yield f'<text class="f{number % 3}" x="{x + 9:.1f}" y="{lowest:.1f}">{escape(name)}</text>'


def draw(title, panels):
    """The panels side by side under one title."""
    width = WIDTH * len(panels)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" role="img"',
        f' width="{width}" height="{HEIGHT}">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{width}" height="{HEIGHT}"/>',
        f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>',
    ]
    for number, panel in enumerate(panels):
        lines += _panel(panel, number * WIDTH)
    return "\n".join([*lines, "</svg>", ""])
