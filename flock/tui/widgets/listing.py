"""A list of rows in columns that fit the room there is, with a cursor that stays on its row.

Owns widths: which column goes when there is no room, which one grows, what is cut. Refuses to know what the rows are.
Used by every page that lists something.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from flock.tui.look import plain
from flock.tui.widgets.panel import put

# Cells between two columns, and those that the list itself takes: two before each row, one for the scroll bar
_GAP, _MARGIN = 2, 3


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `right`: figures, aligned right; `grow`: takes the room that is left and is cut first; `spare`: goes
    where there is no room, the highest number first, 0 never; `most` cells at most, 0 for as many as it takes; `least`
    is how far one that grows is cut before others go.
    """

    name: str
    right: bool = False
    grow: bool = False
    spare: int = 0
    most: int = 0
    least: int = 12


Cell = Content | str
# Its key, "" for a heading over the rows below, which has one cell and no cursor; then a cell for each column
Row = tuple[str, tuple[Cell, ...]]


class _Options(OptionList):
    """The rows; they are as wide as the list, so that nothing in it wraps."""

    DEFAULT_CSS = """
    _Options {
        height: 1fr; border: none; background: transparent; padding: 0; text-wrap: nowrap; text-overflow: ellipsis;
        scrollbar-size-vertical: 1;
    }
    _Options:focus { border: none; background: transparent; }
    _Options > .option-list--option { padding: 0 0 0 2; }
    _Options > .option-list--option-highlighted { background: $primary 15%; color: $foreground; }
    _Options:focus > .option-list--option-highlighted {
        background: $primary 35%; color: $foreground; text-style: bold;
    }
    """


class Listing(Vertical):
    """Rows of cells under a header. `empty` is said where there are no rows, and names the command that makes one."""

    DEFAULT_CSS = """
    Listing { height: 1fr; }
    Listing > .head { height: 1; padding: 0 0 0 2; color: $text-muted; text-style: bold; }
    Listing > .empty { height: auto; padding: 1 2; color: $text-muted; display: none; }
    Listing.-empty > .empty { display: block; }
    Listing.-empty > .head { display: none; }
    Listing.-empty > _Options { height: 1; }  /* not hidden: it would lose the keyboard, and the page its keys */
    """

    class Chosen(Message):
        """Enter or a click on a row; `key` is the row's."""

        def __init__(self, listing: "Listing", key: str) -> None:
            super().__init__()
            self.listing = listing
            self.key = key

        @property
        def control(self) -> "Listing":
            """Return the list it happened in."""
            return self.listing

    class Moved(Message):
        """The cursor is on another row; `key` is the row's."""

        def __init__(self, listing: "Listing", key: str) -> None:
            super().__init__()
            self.listing = listing
            self.key = key

        @property
        def control(self) -> "Listing":
            """Return the list it happened in."""
            return self.listing

    def __init__(self, columns: Sequence[Column], empty: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._empty = empty
        self._rows: list[tuple[str, tuple[Content, ...]]] = []
        self._drawn: list[tuple[str, Content]] = []
        self._head = Static(classes="head")
        self._options = _Options()
        self._said = Static(empty, classes="empty", markup=False)

    def compose(self) -> ComposeResult:
        """Put the header over the rows."""
        yield self._head
        yield self._options
        yield self._said

    @property
    def current(self) -> str | None:
        """The key of the row under the cursor, None without rows."""
        at = self._options.highlighted
        return self._rows[at][0] if at is not None and at < len(self._rows) else None

    @property
    def keys(self) -> list[str]:
        """The keys of the rows, in order."""
        return [key for key, _ in self._rows if key]

    def focus(self, scroll_visible: bool = True) -> "Listing":
        """Give the keyboard to the rows."""
        self._options.focus(scroll_visible)
        return self

    def show(self, rows: Sequence[Row], empty: str | None = None) -> None:
        """Show these rows; what has not changed is not drawn again, and the cursor stays on its row."""
        self._rows = [(key, tuple(_content(cell) for cell in cells)) for key, cells in rows]
        if empty is not None and empty != self._empty:
            self._empty = empty
            self._said.update(Content(empty))
        self._draw()

    def select(self, key: str) -> None:
        """Put the cursor on a row, if it is there."""
        for at, (other, _) in enumerate(self._rows):
            if other == key:
                self._options.highlighted = at

    def _draw(self) -> None:
        self.set_class(not self._rows, "-empty")
        room = self.size.width - _MARGIN
        if room <= 0:
            return
        widths = self._widths(room)
        head = [Content(column.name.upper()) for column in self._columns]
        put(self._head, _line(self._columns, head, widths))
        drawn = [
            (key, _line(self._columns, cells, widths) if key else _heading(cells[0], room)) for key, cells in self._rows
        ]
        self._replace(drawn)

    def _replace(self, drawn: list[tuple[str, Content]]) -> None:
        before, self._drawn = self._drawn, drawn
        options = self._options
        if [key for key, _ in before] == [key for key, _ in drawn]:
            for at, ((_, old), (_, new)) in enumerate(zip(before, drawn, strict=True)):
                if not (old.plain == new.plain and old.spans == new.spans):
                    options.replace_option_prompt_at_index(at, new)
            return
        at = options.highlighted
        kept = before[at][0] if at is not None and at < len(before) else None
        scroll = options.scroll_offset
        options.set_options([Option(line, disabled=not key) for key, line in drawn])
        keys = [key for key, _ in drawn]
        if kept in keys:
            options.highlighted = keys.index(kept)
        elif keys:
            options.highlighted = _nearest(keys, min(at or 0, len(keys) - 1))
        options.scroll_to(y=scroll.y, animate=False, force=True, immediate=True)

    def _widths(self, room: int) -> list[int]:
        """Return the cells of each column, 0 for one that has no room."""
        wide = [len(column.name) for column in self._columns]
        for key, cells in self._rows:
            for at, cell in enumerate(cells if key else ()):
                wide[at] = max(wide[at], cell.cell_length)
        wide = [min(w, column.most) if column.most else w for w, column in zip(wide, self._columns, strict=True)]
        least = [min(w, column.least) if column.grow else w for w, column in zip(wide, self._columns, strict=True)]
        for spare in sorted({column.spare for column in self._columns if column.spare}, reverse=True):
            if _sum(least) <= room:
                break
            for at, column in enumerate(self._columns):
                if column.spare == spare:
                    wide[at] = least[at] = 0
        growing = [at for at, column in enumerate(self._columns) if column.grow and wide[at]]
        over = _sum(wide) - room
        for at in growing:
            cut = min(max(over, 0), wide[at] - least[at])
            wide[at] -= cut
            over -= cut
        if growing and over < 0:
            wide[growing[-1]] -= over
        return wide

    def on_resize(self, _event: events.Resize) -> None:
        """Fit the columns to the new room."""
        self._draw()

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_index < len(self._rows):
            self.post_message(self.Moved(self, self._rows[event.option_index][0]))

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self._rows):
            self.post_message(self.Chosen(self, self._rows[event.option_index][0]))


def _heading(cell: Cell, room: int) -> Content:
    """Return the line over a part of the rows."""
    return _content(cell).first_line.truncate(room, ellipsis=True).stylize_before("bold $text-accent")


def _nearest(keys: Sequence[str], at: int) -> int:
    """Return the place of the row that is nearest to a place and no heading."""
    return min((i for i, key in enumerate(keys) if key), key=lambda i: abs(i - at), default=at)


def _sum(widths: Sequence[int]) -> int:
    return sum(w + _GAP for w in widths if w) - _GAP


def _content(cell: Cell) -> Content:
    return cell if isinstance(cell, Content) else plain(cell)


def _line(columns: Sequence[Column], cells: Sequence[Content], widths: Sequence[int]) -> Content:
    parts: list[Content] = []
    for column, cell, width in zip(columns, cells, widths, strict=True):
        if not width:
            continue
        shown = cell.first_line.truncate(width, ellipsis=True)
        missing = width - shown.cell_length
        parts.append(shown.pad_left(missing) if column.right else shown.pad_right(missing))
    return Content(" " * _GAP).join(parts)
