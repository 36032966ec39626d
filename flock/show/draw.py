"""Views drawn for a terminal, by rich.

Owns columns, colours of states, and where words are broken. Refuses to write: whoever has the terminal does. Called by
`cli/out.py` and by the full screen, so that both show the same.
"""

from io import StringIO
from textwrap import fill

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from flock.show.view import BROKEN, GAP, Line, Pairs, Table, View
from flock.text import clean

_TONES = {"": "", "good": "green", "bad": "red", "warn": "yellow", "dim": "dim", "strong": "bold"}

# Columns whose words are states, and what colour each has
_STATE_COLUMNS = ("state", "outcome", "stage")
_STATES = {
    **dict.fromkeys(("ready", "running", "done", "ok", "generating"), "green"),
    **dict.fromkeys(("failed", "unreachable", "error", "serious", "revoked"), "red"),
    **dict.fromkeys(("starting", "stopping", "warning", "partial", "cancelled", "loading", "prefilling"), "yellow"),
    **dict.fromkeys(("stopped", "ended", "note", "queued"), "dim"),
}


def drawn(view: View, colour: bool, width: int | None = None) -> str:
    """Return a view as it stands on a terminal of `width` columns (default: the terminal's)."""

    page = Console(
        file=StringIO(), force_terminal=colour, no_color=not colour, width=width, highlight=False, legacy_windows=False
    )
    for block in view.blocks:
        if isinstance(block, Line):
            words = _broken(clean(block.words), block.hang, page.width) if block.hang else clean(block.words)
            page.print(Text(words, style=_TONES[block.tone]), soft_wrap=True)
        elif isinstance(block, Pairs):
            _draw_pairs(page, block)
        else:
            _draw_table(page, block)
    assert isinstance(page.file, StringIO)
    return "\n".join(line.rstrip() for line in page.file.getvalue().splitlines())


def _broken(words: str, hang: int, width: int) -> str:
    """Return prose broken between words; a path or a command that is wider than the terminal stays whole."""
    return fill(
        words, max(width, hang + 20), subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False
    )


def _draw_pairs(page: Console, block: Pairs) -> None:

    room = max((len(label) for label, _ in block.rows), default=0)
    for label, value in block.rows:
        line = Text(f"{label:<{room}}  ", style="dim")
        # a value that is wider than the terminal stays whole: it is a path, a URL or a command to copy
        page.print(line.append(Text(clean(value), style="not dim")), soft_wrap=True)


def _draw_table(page: Console, block: Table) -> None:

    if not block.rows:
        page.print(Text(clean(block.empty), style="dim"), soft_wrap=True)
        return

    shown = block.fitted(page.width)
    grid = Grid(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold", expand=False)
    for name, width in zip(shown.columns, shown.widths(), strict=True):
        # an id is there to be copied, so the first column is never cut
        grid.add_column(name.upper(), overflow="fold", no_wrap=width <= BROKEN or name == shown.columns[0])
    for row in shown.rows:
        cells: list[Text] = []
        for name, cell in zip(shown.columns, row, strict=True):
            style = _STATES.get(cell, "") if name in _STATE_COLUMNS else ""
            cells.append(Text(clean(cell), style=style))
        grid.add_row(*cells)
    room = page.width
    page.width = max(room, shown.least())  # what still does not fit is broken by the terminal, as any long line is
    page.print(grid)
    page.width = room
    if left_out := [name for name in block.columns if name not in shown.columns]:
        page.print(Text(f"no room for {', '.join(left_out)}: --json has all", style="dim"), soft_wrap=True)
