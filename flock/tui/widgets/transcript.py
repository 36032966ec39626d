"""A long text of turns that scrolls, and grows at its end while it is read.

Owns lines: they are wrapped once, and only those of a block that is another object are made anew. Refuses to know what
a turn is: it is a list of blocks (`marked.py`). Used by the playground. It is one widget for any number of turns, since
a widget for each paragraph makes every new line a layout of all of them.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

from flock.tui.widgets.marked import Block

# The line at the left of what was asked and of the turn under the cursor, and a blank
_BAR = 2
# How far an arrow goes in a turn that is higher than the window
_STEP = 3
# Turns that are wrapped anew before a key is looked at again
_WRAP_TURNS = 2

Line = tuple[Strip, Block]


class Transcript(ScrollView, can_focus=True):
    """Turns below each other; `current` is the number of the one under the cursor, None for none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "turn(-1)", "Turn before", show=False),
        Binding("down,j", "turn(1)", "Next turn", show=False),
        Binding("home", "to(0)", "First", show=False),
        Binding("end", "to(-1)", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"transcript--code", "transcript--cursor", "transcript--lead"}

    DEFAULT_CSS = """
    Transcript { height: 1fr; background: transparent; overflow-x: hidden; scrollbar-size-vertical: 1; }
    Transcript > .transcript--code { background: $panel; color: $foreground; }
    Transcript > .transcript--cursor { color: $text-accent; }
    Transcript > .transcript--lead { color: $text-muted; }
    """

    class Clicked(Message):
        """A line with a tag was clicked."""

        def __init__(self, turn: int, tag: str) -> None:
            super().__init__()
            self.turn = turn
            self.tag = tag

    class Moved(Message):
        """The cursor is on another turn."""

        def __init__(self, turn: int) -> None:
            super().__init__()
            self.turn = turn

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._turns: list[list[Block]] = []
        self._lines: list[list[Line]] = []
        self._made: list[dict[int, list[Line]]] = []
        self._starts: list[int] = []
        self._cursor: int | None = None
        self._plain = self._code = self._muted = Style()
        self.auto_links = False  # it has none, and looking for them is half of what a line costs

    @property
    def current(self) -> int | None:
        """The turn under the cursor: the last one, where it was not moved."""
        if not self._turns:
            return None
        return len(self._turns) - 1 if self._cursor is None else min(self._cursor, len(self._turns) - 1)

    def show(self, turns: Sequence[Sequence[Block]]) -> None:
        """Show these turns; one that is the same list of blocks costs nothing. It stays at the end if it was there."""
        at_end = self.scroll_offset.y >= self.max_scroll_y - 1
        changed = False
        for number, blocks in enumerate(turns):
            changed = self._take(number, list(blocks)) or changed
        if len(self._turns) > len(turns):
            del self._turns[len(turns) :], self._lines[len(turns) :], self._made[len(turns) :]
            changed = True
        if changed:
            self._measure()
            if at_end:
                self.scroll_end(animate=False, immediate=True, force=True)
            self.refresh()

    def end(self) -> None:
        """Go to the end and stay there."""
        self._cursor = None
        self.scroll_end(animate=False, immediate=True, force=True)

    def _take(self, number: int, blocks: list[Block]) -> bool:
        if number < len(self._turns):
            before = self._turns[number]
            if len(before) == len(blocks) and all(a is b for a, b in zip(before, blocks, strict=True)):
                return False
            self._turns[number] = blocks
        else:
            self._turns.append(blocks)
            self._lines.append([])
            self._made.append({})
        self._draw(number)
        return True

    def _draw(self, number: int) -> None:
        """Make the lines of a turn's blocks that have none."""
        self._plain, self._code = self.visual_style, self.get_visual_style("transcript--code")
        self._muted = self.get_visual_style("transcript--lead", partial=True)
        width = self.scrollable_content_region.width
        if width <= _BAR:
            return
        old, blocks = self._made[number], self._turns[number]
        new = {id(block): old.get(id(block)) or self._strips(block, width - _BAR) for block in blocks}
        self._made[number] = new
        self._lines[number] = [line for block in blocks for line in new[id(block)]]

    def _strips(self, block: Block, width: int) -> list[Line]:
        style = self._plain
        if block.ground == "code":
            style = self._code
        lead = Content(block.lead).cell_length
        words = block.words if block.words.plain else Content(" ")
        drawn = Visual.to_strips(self, words, max(8, width - lead), None, style, apply_selection=False, pad=True)
        if lead:
            muted = (style + self._muted).rich_style
            leads = [block.lead, *[" " * lead] * (len(drawn) - 1)]
            if block.lead.startswith("│"):
                leads = [block.lead] * len(drawn)
            drawn = [Strip([Segment(one, muted), *strip]) for one, strip in zip(leads, drawn, strict=True)]
        return [(strip, block) for strip in drawn]

    def _measure(self) -> None:
        self._starts, total = [], 0
        for lines in self._lines:
            self._starts.append(total)
            total += len(lines)
        self.virtual_size = Size(self.scrollable_content_region.width, total)

    def render_line(self, y: int) -> Strip:
        """Return one line of the window."""
        width, at = self.scrollable_content_region.width, y + self.scroll_offset.y
        style = self.visual_style
        number = bisect_right(self._starts, at) - 1
        if number < 0 or at - self._starts[number] >= len(self._lines[number]):
            return Strip.blank(width, style.rich_style)
        strip, block = self._lines[number][at - self._starts[number]]
        if self.has_focus and number == self.current:
            bar = Segment("▌ ", (style + self.get_visual_style("transcript--cursor", partial=True)).rich_style)
        elif block.bar:
            shown = Visual.to_strips(self, Content.styled("▌ ", block.bar), _BAR, 1, style, apply_selection=False)[0]
            return Strip([*shown, *strip]).adjust_cell_length(width, style.rich_style)
        else:
            bar = Segment("  ", style.rich_style)
        return Strip([bar, *strip]).adjust_cell_length(width, style.rich_style)

    # -- what happens to it

    def _again(self) -> None:
        """Make every line anew, since the room or the colours are others: what is in sight now, the rest soon."""
        top, end = self.scroll_offset.y, self.scroll_offset.y + self.scrollable_content_region.height
        stale = set(range(len(self._turns)))
        seen = {n for n in stale if self._starts[n] <= end and self._starts[n] + len(self._lines[n]) >= top}
        self._redraw(seen)
        if stale - seen:
            # the newest first: what was said last is what is looked for
            self.run_worker(self._rest(sorted(stale - seen, reverse=True)), group="wrap", exclusive=True)

    async def _rest(self, stale: list[int]) -> None:
        while stale:
            now, stale = stale[:_WRAP_TURNS], stale[_WRAP_TURNS:]
            self._redraw({number for number in now if number < len(self._turns)})
            await asyncio.sleep(0)

    def _redraw(self, numbers: set[int]) -> None:
        at_end = self.scroll_offset.y >= self.max_scroll_y - 1
        for number in numbers:
            self._made[number] = {}
            self._draw(number)
        self._measure()
        if at_end:
            self.scroll_end(animate=False, immediate=True, force=True)
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap for the new room."""
        self._again()

    def notify_style_update(self) -> None:
        """Draw in the new colours."""
        super().notify_style_update()
        if self.is_mounted and self._turns:
            self._again()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide it."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the turn, and say what was clicked."""
        at = event.y + self.scroll_offset.y
        number = bisect_right(self._starts, at) - 1
        if number < 0 or at - self._starts[number] >= len(self._lines[number]):
            return
        self._go(number)
        if tag := self._lines[number][at - self._starts[number]][1].tag:
            self.post_message(self.Clicked(number, tag))

    def action_turn(self, by: int) -> None:
        """Move to the turn before or after, or within one that is higher than the window."""
        now = self.current
        if now is None:
            return
        top, high = self.scroll_offset.y, self.scrollable_content_region.height
        start, end = self._starts[now], self._starts[now] + len(self._lines[now])
        if (by > 0 and end > top + high) or (by < 0 and start < top):
            self.scroll_relative(y=_STEP * by, animate=False)
        elif 0 <= now + by < len(self._turns):
            self._go(now + by)
            start, lines = self._starts[now + by], len(self._lines[now + by])
            self.scroll_to(y=start if by > 0 else max(start, start + lines - high), animate=False)

    def action_to(self, number: int) -> None:
        """Go to the first turn or the last."""
        if self._turns:
            self._go(number % len(self._turns))
            self.scroll_to(y=0 if number == 0 else self.max_scroll_y, animate=False)

    def _go(self, number: int) -> None:
        self._cursor = None if number == len(self._turns) - 1 else number
        self.refresh()
        self.post_message(self.Moved(number))
