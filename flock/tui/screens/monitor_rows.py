"""Which requests the monitor lists, in which order, and what stands in each column.

Owns filter, order and the number of rows, which follows the room and not the traffic. Pure. Called by
`screens/monitor.py` and `screens/home.py`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from textual.content import Content

from flock.tui import look
from flock.tui.elapsed import elapsed_ms
from flock.tui.state import Live
from flock.tui.widgets.listing import Column, Row

COLUMNS = (
    Column("stage", most=24),
    Column("user", spare=1, most=14),
    Column("model", grow=True),
    Column("in", right=True, spare=4),
    Column("out", right=True),
    Column("tok/s", right=True),
    Column("ttft", right=True),
    Column("took", right=True),
    Column("engine", spare=5, most=28),
    Column("api", spare=6, most=12),
    Column("began", spare=3),
    Column("request", spare=7),
)

# What the list may be ordered by; the sign puts the most first where that is what is looked for
SORTS: dict[str, Callable[[Live], Any]] = {
    "age": lambda live: live.at,
    "tokens": lambda live: -live.output_tokens,
    "tok/s": lambda live: -(live.tokens_per_second or 0.0),
    "first token": lambda live: -(live.ttft_ms or 0.0),
    "user": lambda live: live.user,
    "model": lambda live: live.model,
    "stage": lambda live: _STAGES.get(live.stage, 9),
}
# Cells that hold "○ queued #12 9 s", so that the columns behind stand still
_STAGE = 16
_STAGES = {"queued": 0, "loading": 1, "prefilling": 2, "generating": 3, "sending": 4}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is listed: words that must all occur in a request, its order, and whether ended ones are listed too."""

    words: tuple[str, ...] = ()
    sort: str = "age"
    reverse: bool = False
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """The requests to be listed, and how many would be if there were room."""

    rows: tuple[Live, ...]
    running: int
    ended: int


def found(running: Collection[Live], over: Sequence[Live], wanted: Wanted, limit: int) -> Found:
    """Return at most `limit` requests in their order: running ones first, then ended ones, newest first unless an
    order was chosen that says something else.
    """
    runs = _fitting(running, wanted.words)
    gone = _fitting(over, wanted.words) if wanted.ended else []
    rows = _first(runs, wanted, limit)
    room = limit - len(rows)
    if room > 0 and gone:
        by_age = wanted.sort == "age"
        rows += (gone[::-1] if wanted.reverse else gone)[:room] if by_age else _first(gone, wanted, room)
    return Found(tuple(rows), len(runs), len(gone))


def _fitting(among: Collection[Live], words: tuple[str, ...]) -> list[Live]:
    if not words:
        return list(among)
    return [live for live in among if all(word in _text(live) for word in words)]


def _text(live: Live) -> str:
    return (
        f"{live.id} {live.user} {live.model} {live.engine} {live.endpoint} {live.outcome or live.stage} {live.error}"
    ).lower()


def _first(among: list[Live], wanted: Wanted, limit: int) -> list[Live]:
    key = SORTS[wanted.sort]
    if wanted.reverse:
        return sorted(among, key=key, reverse=True)[:limit]
    return nsmallest(limit, among, key=key)


def row(live: Live, there: float) -> Row:
    """Return the cells of a request; `there` is the daemon's time."""
    cells: tuple[Content | str, ...] = (
        _stage(live),
        f"{live.user:<7}",
        live.model,
        f"{look.number(live.input_tokens or None):>6}",
        f"{look.number(live.output_tokens):>6}",
        f"{look.steady(live.tokens_per_second):>5}",
        f"{look.ms(live.ttft_ms):>7}",
        look.took(elapsed_ms(live, there)),
        live.engine,
        live.endpoint,
        look.clock(live.at, there),
        live.id,
    )
    if live.outcome:
        cells = tuple(look.dim(cell) if isinstance(cell, str) else cell for cell in cells)
    return live.id, cells


def _stage(live: Live) -> Content:
    if live.outcome:
        return look.fit(look.outcome(live.outcome), _STAGE)
    if live.stage != "queued" or live.position is None:
        return look.fit(look.dot(live.stage), _STAGE)
    left = "" if live.eta_seconds is None else f" {look.seconds(float(round(live.eta_seconds)))}".replace(".0 s", " s")
    return look.fit(Content.assemble(look.dot(live.stage), look.dim(f" #{live.position}{left}")), _STAGE)


def line(found: Found, wanted: Wanted, events: int | None, width: int) -> Content:
    """Return what is listed and how in one line; `events` are those that came since the list was frozen."""
    parts = [Content.assemble((str(found.running), "bold $text-success" if found.running else "bold"), " running")]
    parts += [look.dim(f"{found.ended} ended")] if wanted.ended else [look.dim("ended ones hidden")]
    parts.append(look.dim(f"by {wanted.sort}{', reversed' if wanted.reverse else ''}"))
    if wanted.words:
        parts.append(
            Content.assemble(("only ", "$text-muted"), look.styled(" ".join(wanted.words), "bold $text-accent"))
        )
    if events is not None:
        parts.insert(0, look.styled(f"PAUSED, {events:,} events since", "bold $text-warning"))
    return look.fit(Content.assemble(*_joined(parts)), width)


def _joined(parts: Sequence[Content]) -> list[Content]:
    return [part if not at else Content.assemble(("  ·  ", "$text-muted"), part) for at, part in enumerate(parts)]
