"""Monitor: every request as it runs, those that ended last, and the record of each.

Owns this page's keys and what it asks for. What is listed is decided in `monitor_rows.py`, how a record looks in
`monitor_record.py`. Called by `table.py`.
"""

from dataclasses import replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from flock.contract.requests import CancelRequest, ExplainRequest, ListRequests
from flock.tui.elapsed import DaemonClock
from flock.tui.ended import ended
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens import monitor_rows as rows
from flock.tui.screens.monitor_request import RequestBox, shown
from flock.tui.state import Live, Topic
from flock.tui.widgets.listing import Listing
from flock.tui.widgets.panel import put

# What ended before the screen was opened, asked for once in a while: events tell of what ends from then on
HISTORY = ListRequests(limit=100)
_HISTORY_SECONDS = 60.0
# The record of a running request changes with every token, that of an ended one no more
_RUNNING_SECONDS, _ENDED_SECONDS = 1.0, 600.0
# From so many cells on the record stands beside the list, and from so many lines on below it
_BESIDE, _BELOW = 160, 32
# Listed beyond those that fit: enough for a page key to have somewhere to go
_MORE_ROWS = 10
_EMPTY = "No request yet. Ask something: flock run 'Hello'"
_NO_MATCH = "No request has these words; escape shows all. On record: flock request ls"


class MonitorPage(Page):
    """Every request, live."""

    topics: ClassVar[tuple[Topic, ...]] = ("requests", "answers")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("p", "pause", "Pause"),
        Binding("x,delete", "cancel", "Cancel", key_display="x"),
        Binding("s", "sort(1)", "another order", show=False),
        Binding("S", "sort(-1)", "the order before", show=False),
        Binding("R", "reverse", "the order reversed", show=False),
        Binding("e", "ended", "ended ones too, or not", show=False),
        Binding("v", "record", "the record beside the list, or not", show=False),
        Binding("escape", "all", "all requests, and on again", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (("enter", "the whole record: waterfall, candidates, cost"),)

    DEFAULT_CSS = """
    MonitorPage #line { height: 1; }
    MonitorPage #words { height: 1; border: none; padding: 0 1; background: $panel; display: none; }
    MonitorPage #words.-shown { display: block; }
    MonitorPage #both { height: 1fr; layout: vertical; }
    MonitorPage #list { height: 1fr; width: 1fr; }
    MonitorPage #beside { display: none; border: round $foreground 25%; padding: 0 1; height: 15; width: 1fr; }
    MonitorPage.-below #beside, MonitorPage.-beside #beside { display: block; }
    MonitorPage.-beside #both { layout: horizontal; }
    MonitorPage.-beside #beside { height: 1fr; width: 45%; }
    MonitorPage #beside { scrollbar-size-vertical: 1; }
    MonitorPage #beside:focus { border: round $primary; }
    MonitorPage #record { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._wanted = rows.Wanted()
        self._clock = DaemonClock()
        # the requests as they were when the list was frozen, the newest event then, and the time
        self._frozen: tuple[list[Live], list[Live], int, float] | None = None
        self._box: RequestBox | None = None
        self._beside: ExplainRequest | None = None
        self._with_record = True
        self._place = ""
        # the request under the cursor when the list was drawn last
        self._placed: str | None = None
        # of what the record beside the list was drawn last
        self._recorded: tuple[ExplainRequest, int, object, object] | None = None
        # the one whose command stands below
        self._told = ""
        self._line, self._words = (
            Static(id="line"),
            Input(id="words", placeholder="words that must occur", compact=True),
        )
        self._list, self._record = Listing(rows.COLUMNS, _EMPTY, id="list"), Static(id="record")
        self._side = VerticalScroll(self._record, id="beside")

    def compose(self) -> ComposeResult:
        """Put the list under its line, the record beside or below it."""
        yield self._line
        yield self._words
        with Horizontal(id="both"):
            yield self._list
            yield self._side

    def opened(self) -> None:
        """Give the keyboard to the list, and say what Enter does."""
        self._list.focus()
        if (id := self._list.current) is not None:
            self.shows(ExplainRequest(id=id))

    # -- what is known

    def polls(self) -> tuple[Poll, ...]:
        """Ask for what ended before, and for the records that are shown."""
        asked = {op: None for op in (self._beside, self._box.op if self._box else None) if op is not None}
        return (Poll(HISTORY, _HISTORY_SECONDS), *(Poll(op, self._seconds(op)) for op in asked))

    def _seconds(self, op: ExplainRequest) -> float:
        known = self.state.answer(op)
        return _ENDED_SECONDS if known is not None and known.outcome else _RUNNING_SECONDS

    def draw(self) -> None:
        """Draw the list, and the records that are open."""
        running, over, since, there = self._known()
        limit = self._limit()
        found = rows.found(running, over, self._wanted, limit)
        words = _NO_MATCH if self._wanted.words else _EMPTY
        self._list.show([rows.row(live, there) for live in found.rows], words)
        put(self._line, rows.line(found, self._wanted, since, self.size.width - 2))
        self._placed = self._list.current
        # the record stays until somebody moves on: in a flood the row under the cursor is another one each time
        self._follow(self._beside.id if self._beside is not None else self._placed)
        if self._box is not None:
            self._box.draw()

    def _known(self) -> tuple[list[Live], list[Live], int | None, float]:
        """Return what runs, what has ended, how many events came since the list was frozen (None: it is not), and the
        daemon's time.
        """
        state = self.state
        if self._frozen is not None:
            running, over, event, there = self._frozen
            return running, over, max(0, state.last - event), there
        over = ended(state.ended, state.answer(HISTORY))
        return list(state.requests.values()), over, None, self._clock.now(state.top, self.now)

    def _limit(self) -> int:
        """Return how many rows are listed: those that fit, and some more below the cursor to go on to."""
        room = max(10, self._list.size.height)
        keys, current = self._list.keys, self._list.current
        return (keys.index(current) if current in keys else 0) + room + _MORE_ROWS

    # -- the record beside the list

    def _follow(self, id: str | None) -> None:
        """Show beside the list the record of the request under the cursor."""
        op = ExplainRequest(id=id) if id is not None and self._has_room() else None
        if op != self._beside:
            self._forget(self._beside)
            self._beside = op
            self._side.scroll_home(animate=False)
        self.wants()
        place = "" if op is None else "-beside" if self.size.width >= _BESIDE else "-below"
        if place != self._place:
            self._place = place
            self.set_class(place == "-beside", "-beside")
            self.set_class(place == "-below", "-below")
            self.call_after_refresh(self.draw)  # there is other room for both now
        width = self._side.size.width - 3
        if op is not None and width > 20:
            self._draw_record(op, width)

    def _draw_record(self, op: ExplainRequest, width: int) -> None:
        answer, error, before = self.state.answer(op), self.state.failure(op), self._recorded
        same = before is not None and before[:2] == (op, width) and before[2] is answer and before[3] is error
        if not same:
            self._recorded = (op, width, answer, error)
            self._record.update(shown(self.state, op, width))

    def _has_room(self) -> bool:
        return self._with_record and (self.size.width >= _BESIDE or self.size.height >= _BELOW)

    def _forget(self, op: ExplainRequest | None) -> None:
        if op is not None and not (self._box is not None and self._box.op == op):
            self.state.forget(op)

    # -- keys

    @on(Listing.Moved)
    def _moved(self, event: Listing.Moved) -> None:
        # drawing the rows anew tells of the row that the cursor is on still: what a key said stays below
        if event.key != self._told:
            self._told = event.key
            self.shows(ExplainRequest(id=event.key))
        if event.key != self._placed:
            self._follow(event.key)

    @on(Listing.Chosen)
    def _chosen(self, event: Listing.Chosen) -> None:
        op = ExplainRequest(id=event.key)
        self._box = RequestBox(event.key, self.state, self._cancel)
        self.shows(op)
        self.wants()
        self.flock.push_screen(self._box, self._box_closed)

    def _box_closed(self, _result: None) -> None:
        box, self._box = self._box, None
        if box is not None and box.op != self._beside:
            self.state.forget(box.op)
        self.wants()

    def action_cancel(self) -> None:
        """End the request under the cursor."""
        if (id := self._list.current) is not None:
            self._cancel(id)

    def _cancel(self, id: str) -> None:
        self.run_worker(self.do(CancelRequest(id=id), done="the request was cancelled"))

    def action_pause(self) -> None:
        """Freeze the list, or let it go on."""
        if self._frozen is None:
            running, over, _, there = self._known()
            self._frozen = ([replace(live) for live in running], over, self.state.last, there)
        else:
            self._frozen = None
        self.draw()

    def action_sort(self, by: int) -> None:
        """Order the list by the next thing."""
        names = list(rows.SORTS)
        name = names[(names.index(self._wanted.sort) + by) % len(names)]
        self._want(replace(self._wanted, sort=name))

    def action_reverse(self) -> None:
        """Turn the order around."""
        self._want(replace(self._wanted, reverse=not self._wanted.reverse))

    def action_ended(self) -> None:
        """List ended requests, or not."""
        self._want(replace(self._wanted, ended=not self._wanted.ended))

    def action_record(self) -> None:
        """Show the record beside the list, or not."""
        self._with_record = not self._with_record
        self.draw()

    def _want(self, wanted: rows.Wanted) -> None:
        self._wanted = wanted
        self._forget(self._beside)
        self._beside = None
        self.draw()

    # -- the filter

    def action_filter(self) -> None:
        """Type words that must occur."""
        self._words.add_class("-shown")
        self._words.focus()

    def action_all(self) -> None:
        """Show all requests again, and let the list go on."""
        self._frozen = None
        self._words.value = ""
        self._words.remove_class("-shown")
        self._list.focus()
        self._want(replace(self._wanted, words=()))

    @on(Input.Changed, "#words")
    def _typed(self, event: Input.Changed) -> None:
        self._want(replace(self._wanted, words=tuple(event.value.lower().split())))

    @on(Input.Submitted, "#words")
    def _entered(self) -> None:
        self._list.focus()
        if not self._wanted.words:
            self._words.remove_class("-shown")

    def on_key(self, event: events.Key) -> None:
        """Leave the words for the list by the arrow down."""
        if event.key == "down" and self._words.has_focus:
            event.stop()
            self._list.focus()
