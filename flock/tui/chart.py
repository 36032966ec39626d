"""A chart of columns with its axes, as text.

Owns the places of the labels. Refuses to know what is counted: labels and the words of values come in. Called by pages.
"""

from collections.abc import Callable, Sequence

from textual.content import Content

from flock.tui import look

# Cells of one column at most: a handful of days is not stretched over a whole terminal
_WIDEST = 12


def chart(
    bars: Sequence[tuple[str, float]], height: int, width: int, words: Callable[[float], str], tone: str = "$primary"
) -> Content:
    """Return bars (label, value), oldest left, over an axis with as many labels as fit, in `height` lines and at most
    `width` cells in all. The highest value and, where there is room, its half stand beside the other axis.
    """
    top = max((value for _, value in bars), default=0.0)
    lines = height - 2
    marks = {lines: words(top), 1 if lines > 1 else 0: ""}
    if lines >= 5 and top > 0:
        marks[(lines + 1) // 2] = words(top / 2)
    gutter = max(len(mark) for mark in marks.values())
    if not bars or lines < 1 or width - gutter - 2 < len(bars):
        return Content("")
    each = min(_WIDEST, (width - gutter - 2) // len(bars))
    body = look.columns([value for _, value in bars], lines, each * len(bars), tone)
    if top <= 0:  # no value is the highest: an empty field
        body = Content("\n".join([" " * each * len(bars)] * lines))
        marks = {lines: words(0)}
    drawn: list[Content] = []
    for at, line in zip(range(lines, 0, -1), body.split("\n"), strict=True):
        mark = marks.get(at, "")
        edge = f"{mark:>{gutter}} {'┤' if mark else '│'}"
        drawn.append(Content.assemble((edge, "$text-muted"), line))
    drawn.append(look.dim(" " * gutter + " └" + "─" * (each * len(bars))))
    drawn.append(look.dim(" " * (gutter + 2) + _labels([label for label, _ in bars], each)))
    return Content("\n").join(drawn)


def _labels(labels: Sequence[str], each: int) -> str:
    """Return the line of labels, each under the begin of its column, as many as leave two cells between them."""
    wide = max(len(label) for label in labels) + 2
    step = max(1, -(-wide // each))
    line = ""
    for at in range(0, len(labels), step):
        # the last one is left out rather than cut
        if at * each + len(labels[at]) <= each * len(labels):
            line = line.ljust(at * each) + labels[at]
    return line
