"""Puts tables between a page's markers, <!-- bench NAME --> and <!-- end NAME -->; the rest is written by hand."""
import re


class NoPlace(Exception):
    """The page has no markers for a table."""


def put(page, name, text):
    """The page with text between the markers of that name."""
    pattern = re.compile(rf"(<!-- bench {re.escape(name)} -->\n).*?(<!-- end {re.escape(name)} -->)", re.S)
    if len(pattern.findall(page)) != 1:
        raise NoPlace(
            f'the page needs "<!-- bench {name} -->" and, on a line below, "<!-- end {name} -->", once'
        )
    return pattern.sub(lambda match: f"{match.group(1)}{text.rstrip()}\n{match.group(2)}", page)
