"""Medians and quartiles, and the figures of two runs taken from each other."""
import statistics


def spread(values):
    """(median, lower quartile, upper quartile) of some figures; None for none."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return statistics.median(values), low, high


def ratios(values, base):
    """Each round's figure relative to the base's in the same round; rounds that lack one are left out."""
    return [one / other for one, other in zip(values, base) if one is not None and other]


def per_operation(few, many, operations):
    """Totals of a run with more operations less those of one with fewer, by operation: what setting up costs is gone.

    few and many are dicts of totals; a name that one lacks counts as 0 there.
    """
    return {name: (many.get(name, 0) - few.get(name, 0)) / operations for name in sorted({*few, *many})}


def digits(value, wanted=2):
    """A figure for people: thousands with commas, small ones with as many decimals as wanted."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    text = f"{value:.{wanted}f}"
    return text.removeprefix("-") if not float(text) else text


def with_spread(values, wanted=2):
    """Median and quartiles as text, such as 1.02 (0.98-1.05)."""
    three = spread(values)
    if not three:
        return "-"
    median, low, high = (digits(value, wanted) for value in three)
    return f"{median} ({low}-{high})"


def within(value, target):
    """A mark for a figure that has a target: yes, or by how much it is missed."""
    if value is None or target is None:
        return "-"
    if value <= target:
        return "yes"
    if not target:
        return f"no: {digits(value, 3)}"
    return f"no: {value / target:.2f} times"
