"""How things look on the screen: bars, curves, states, times, as text with style words of the theme.

Owns every format string of the full screen. Refuses to know a widget. Called by pages and widgets. Colours are theme
variables ("$success"), so that dark, light and none need no second table.
"""

import time
from calendar import timegm
from collections.abc import Sequence
from typing import Any

from textual.content import Content

from flock import text
from flock.errors import FlockError
from flock.text import clean

NONE = "–"
# Eighths of a cell, for bars and curves (Unicode block elements U+2581 to U+2588, U+258F to U+2588)
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_WIDTHS = " ▏▎▍▌▋▊▉█"

# What colour the word of a state has
TONES = {
    **dict.fromkeys(("ready", "running", "done", "ok", "generating", "active", "live", "connected"), "$text-success"),
    **dict.fromkeys(
        ("failed", "unreachable", "error", "serious", "revoked", "crashloop", "lost", "bad"), "$text-error"
    ),
    **dict.fromkeys(
        ("starting", "stopping", "warning", "partial", "cancelled", "loading", "prefilling", "busy", "expired", "warn"),
        "$text-warning",
    ),
    **dict.fromkeys(("stopped", "ended", "note", "queued", "absent", "connecting"), "$text-muted"),
    "sending": "$text-accent",
    "good": "$text-success",
}


def plain(words: object) -> Content:
    """Return words as they are: nothing in them is markup, and no control character reaches the terminal."""
    return Content(clean(str(words)))


def styled(words: object, style: str) -> Content:
    """Return words in a style ("bold", "$text-muted")."""
    return Content.styled(clean(str(words)), style)


def dim(words: object) -> Content:
    """Return words that stand back."""
    return styled(words, "$text-muted")


def state(word: str) -> Content:
    """Return the word of a state in its colour."""
    return styled(word, TONES.get(word, ""))


def dot(word: str) -> Content:
    """Return a mark and the word of a state in its colour; the mark differs too, for whoever sees no colour."""
    tone = TONES.get(word, "")
    mark = {"$text-success": "●", "$text-error": "✗", "$text-warning": "◐", "$text-accent": "◆"}.get(tone, "○")
    return styled(f"{mark} {word}", tone)


def number(value: float | None) -> str:
    """Return a count ("12", "3.4 k", "1.2 M")."""
    if value is None:
        return NONE
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.1f} {unit}"
    return f"{value:.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.1f}"


def ms(value: float | None) -> str:
    """Return milliseconds as people read them."""
    return NONE if value is None else text.duration(value / 1000)


def seconds(value: float | None) -> str:
    """Return seconds as people read them."""
    return NONE if value is None else text.duration(value)


def size(value: float | None) -> str:
    """Return bytes as people read them."""
    return NONE if value is None else text.size(value)


def usd(value: str | None) -> str:
    """Return dollars, two digits where that says enough."""
    if value is None:
        return NONE
    amount = float(value)
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:.4f}"


def percent(value: float | None) -> str:
    """Return a part of one in percent."""
    return NONE if value is None else f"{value * 100:.1f} %" if 0 < value < 0.1 else f"{value * 100:.0f} %"


def rate(value: float | None) -> str:
    """Return tokens a second."""
    return NONE if value is None else f"{value:.1f} tok/s" if value < 100 else f"{value:.0f} tok/s"


def epoch(at: str) -> float:
    """Return the epoch of an RFC 3339 time in UTC."""
    return float(timegm(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")))


def clock(at: str | None, now: float) -> str:
    """Return the local time of day of an RFC 3339 time ("14:02:07"), with its date where it is not that of `now`."""
    if not at:
        return NONE
    then, today = time.localtime(epoch(at)), time.localtime(now)
    same = (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday)
    return time.strftime("%H:%M:%S" if same else "%m-%d %H:%M", then)


def ago(at: str | None, now: float) -> str:
    """Return how long before the epoch `now` an RFC 3339 time was ("12 s ago")."""
    if not at:
        return NONE
    passed = max(0.0, now - epoch(at))
    return "now" if passed < 1 else f"{text.duration(float(int(passed))).replace('.0 s', ' s')} ago"


def bar(part: float, width: int, tone: str = "$primary") -> Content:
    """Return a bar of `width` cells, `part` (0…1) of it full, to an eighth of a cell."""
    part = min(max(part, 0.0), 1.0)
    eighths = round(part * width * 8)
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + (_WIDTHS[rest] if rest else "")
    return Content.assemble((drawn, tone), ("░" * (width - len(drawn)), "$foreground 15%"))


def curve(values: Sequence[float], width: int) -> str:
    """Return the newest `width` values as a curve of one line, highest value full height; missing ones are blank."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    drawn = (
        "".join(_HEIGHTS[0 if v <= 0 else max(1, round(v / top * 8))] for v in shown) if top > 0 else "▁" * len(shown)
    )
    return drawn.rjust(width)


def columns(values: Sequence[float], height: int, width: int, tone: str = "$primary") -> Content:
    """Return values as columns, `height` lines high and `width` cells wide in all, oldest left."""
    if not values or height < 1 or width < 1:
        return Content("")
    top = max(values) or 1.0
    each, extra = divmod(width, len(values))
    widths = [each + (1 if i < extra else 0) for i in range(len(values))]
    gap = 1 if each > 2 else 0
    lines: list[str] = []
    for row in range(height, 0, -1):
        line = ""
        for value, wide in zip(values, widths, strict=True):
            # the least that is not nothing shows too
            eighths = (max(value / top * height * 8, 1) if value > 0 else 0) - (row - 1) * 8
            cell = _HEIGHTS[min(8, max(0, round(eighths)))]
            line += cell * (wide - gap) + " " * gap
        lines.append(line)
    return Content.styled("\n".join(lines), tone)


def pairs(rows: Sequence[tuple[str, Any]], label_width: int = 0) -> Content:
    """Return labelled values, one to a line; a value may be Content."""
    wide = label_width or max((len(label) for label, _ in rows), default=0)
    lines: list[Content] = []
    for label, value in rows:
        shown = value if isinstance(value, Content) else plain(value)
        lines.append(Content.assemble((f"{label:<{wide}}  ", "$text-muted"), shown))
    return Content("\n").join(lines)


def failure(error: FlockError) -> Content:
    """Return an error in one line: its sentence, and the command that helps."""
    hint = f"  → {error.hint}" if error.hint else ""
    return Content.assemble((clean(error.sentence), "$text-error"), (clean(hint), "$text-muted"))


def mark(word: str) -> Content:
    """Return the mark of a state alone, in its colour."""
    return dot(word).truncate(1)


# How an ended request stands in a list: a mark that says as much without colour
_OUTCOMES = {"ok": ("✓", "$text-success"), "error": ("✗", "$text-error"), "partial": ("◐", "$text-warning")}


def outcome(word: str, *, short: bool = False) -> Content:
    """Return how a request ended, as a mark and its word, or with `short` the mark alone."""
    sign, tone = _OUTCOMES.get(word, ("○", "$text-muted"))
    return styled(sign if short else f"{sign} {word or NONE}", tone)


def tier(errors: float | None) -> str:
    """Return the tone of a share of errors (0…1): good below 1 %, a warning below 5 %, else bad."""
    if errors is None:
        return "$text-muted"
    return "$text-success" if errors < 0.01 else "$text-warning" if errors < 0.05 else "$text-error"


def fit(words: Content | str, width: int, *, right: bool = False) -> Content:
    """Return one line that takes `width` cells exactly, cut by an ellipsis where it is longer."""
    shown = (words if isinstance(words, Content) else plain(words)).first_line.truncate(max(0, width), ellipsis=True)
    missing = max(0, width - shown.cell_length)
    return shown.pad_left(missing) if right else shown.pad_right(missing)


def apart(left: Content, right: Content, width: int) -> Content:
    """Return one line of `width` cells with one part at each end; the left one is cut where both do not fit."""
    room = max(0, width - right.cell_length - 1)
    return Content.assemble(fit(left, room), " ", right).truncate(max(0, width))


def steady(value: float | None, digits: int = 1) -> str:
    """Return a figure with so many digits behind the point, so that a column of them stands still."""
    return NONE if value is None else f"{value:.{digits}f}"


def took(value_ms: float | None) -> str:
    """Return milliseconds in nine cells, so that a column of them stands still."""
    return f"{ms(value_ms):>9}"


def command(line: str) -> Content:
    """Return a command line as it is shown to be copied."""
    return Content.assemble(("$ ", "$text-muted"), (clean(line), "$text-accent"))


def trouble(sentence: str, hint: str = "") -> Content:
    """Return what went wrong, in one line, and the command that mends it below."""
    said = styled(f"✗ {sentence}", "$text-error")
    return said if not hint else Content.assemble(said, ("\n→ ", "$text-muted"), (clean(hint), "$text-accent"))
