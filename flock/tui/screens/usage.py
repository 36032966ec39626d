"""Usage: who used what, when, and what it cost.

Owns this page's places and keys, and which period, table and filter hold. Refuses formats: `usage_look.py` has them.
Called by `table.py`.
"""

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from flock.contract.op import Op
from flock.contract.prices import Saving
from flock.contract.requests import CancelRequest, ExplainRequest
from flock.contract.tokens import ListTokens, ShowToken, Token
from flock.contract.usage import UsagePart, UsageRow, UsageSummary
from flock.tui import look
from flock.tui.chart import chart
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens import usage_look as looks
from flock.tui.screens.monitor_request import RequestBox
from flock.tui.screens.usage_asked import PERIODS, VIEWS, Asked
from flock.tui.widgets.listing import Listing
from flock.tui.widgets.panel import put
from flock.tui.widgets.switch import Switch

EMPTY = "no request in that time; make one: flock run 'say hello'"
KEYS = ListTokens(all=True)
# Cells from which two tables stand side by side, and lines from which two fit below each other
_BESIDE, _BELOW = 160, 30
# Lines of the chart: its axis and labels are two of them
_CHART, _TALL_CHART, _MOST_CHART = 6, 10, 16


class UsagePage(Page):
    """The figures of a period, how they came over time, and tables of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "period(-1)", "Earlier", show=False),
        Binding("right", "period(1)", "Period", key_display="← →"),
        *(Binding(key, f"view('{name}')", title, show=False) for name, key, title in VIEWS),
        Binding("c", "measure", "Chart"),
        Binding("x", "export", "Copy as CSV"),
        Binding("escape", "clear", "All of it", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "only that user's or model's; of a request, its explanation; of a key, its limits"),
        ("~ ?", "tokens that flock counted itself; a price that nobody knows"),
    )

    DEFAULT_CSS = """
    UsagePage #figures { height: 3; margin: 0 0 0 2; text-wrap: nowrap; }
    UsagePage #about { height: 1; color: $text-muted; padding: 0 2; }
    UsagePage #chart { height: auto; margin: 0 0 0 2; text-wrap: nowrap; }
    UsagePage #note { height: auto; padding: 0 2; display: none; }
    UsagePage #note.-said { display: block; }
    UsagePage #parts { layout: vertical; height: 1fr; }
    UsagePage.-wide #parts { layout: horizontal; }
    UsagePage.-wide #recent { border-left: solid $panel-lighten-2; }
    UsagePage.-roomy #periods { margin: 0 0 1 0; }
    UsagePage.-roomy #figures, UsagePage.-roomy #chart { margin: 0 0 1 2; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._asked = Asked()
        self._measure = "tokens"
        self._periods = Switch([(name, "", title) for name, title in PERIODS], id="periods")
        self._views = Switch(VIEWS, id="views")
        self._lists = {
            "parts": Listing(looks.PARTS, EMPTY, id="breakdown"),
            "savings": Listing(looks.SAVINGS, "nothing stayed on own machines in that time: flock usage", id="savings"),
            "recent": Listing(looks.REQUESTS, EMPTY, id="recent"),
        }
        self._places = {name: Static(id=name) for name in ("figures", "about", "chart", "note")}
        self._cursor = ""
        self._both = False
        self._box: RequestBox | None = None

    def compose(self) -> ComposeResult:
        """Put the figures over the chart over the tables."""
        yield self._periods
        yield self._places["figures"]
        yield self._places["about"]
        yield self._places["chart"]
        yield self._views
        yield self._places["note"]
        with Container(id="parts"):
            yield from self._lists.values()

    def polls(self) -> tuple[Poll, ...]:
        """Ask for the period's figures, and for what the open tables show."""
        asked = self._asked
        found = [Poll(asked.summary(), 10), Poll(asked.over_time(), 20)]
        if asked.view != "recent":
            found.append(Poll(asked.table(), 60 if asked.view == "savings" else 10))
        if asked.view == "recent" or self._both:
            found.append(Poll(asked.recent(), 5))
        if self._box is not None:
            found.append(Poll(self._box.op, 5))
        return (*found, *((Poll(KEYS, 60),) if asked.view == "key" else ()))

    def opened(self) -> None:
        """Take the keyboard."""
        self._lists[self._open()].focus()
        self._export()

    # -- drawing

    def draw(self) -> None:
        """Draw what is known."""
        asked = self._asked
        both, height = self._shows_both(), self.size.height
        self.set_class(self.size.width >= _BESIDE, "-wide")
        self.set_class(height >= _BELOW, "-roomy")
        if both != self._both:
            self._both = both
            self.wants()
        for name, listing in self._lists.items():
            listing.display = name == self._open() or (both and name == "recent")
        self._periods.show(asked.since, asked.only())
        self._views.show(asked.view)
        summary: UsageSummary | None = self.state.answer(asked.summary())
        self._update("figures", Content("") if summary is None else looks.figures(summary, self.size.width - 4))
        self._draw_chart(summary)
        self._draw_note(summary)
        if self._open() == "parts":
            self._draw_parts()
        elif self._open() == "savings":
            savings: list[Saving] = self.state.answer(asked.table()) or []
            self._lists["savings"].show([looks.saving_row(row) for row in savings], self._empty(asked.table()))
        if self._open() == "recent" or both:
            rows: list[UsageRow] = self.state.answer(asked.recent()) or []
            self._lists["recent"].show([looks.request_row(row, self.now) for row in rows], self._empty(asked.recent()))
        if self._box is not None:
            self._box.draw()

    def _draw_parts(self) -> None:
        parts: list[UsagePart] = self.state.answer(self._asked.table()) or []
        tokens: list[Token] = self.state.answer(KEYS) or []
        of_all = sum(part.input_tokens + part.output_tokens for part in parts)
        names = {token.id: token.name for token in tokens}
        rows = [looks.part_row(part, of_all, names) for part in parts]
        self._lists["parts"].show(rows, self._empty(self._asked.table()))

    def _draw_chart(self, summary: UsageSummary | None) -> None:
        op = self._asked.over_time()
        parts: list[UsagePart] | None = self.state.answer(op)
        if summary is None or parts is None:
            self._update("about", Content(""))
            return
        self._update("about", look.plain(f"{self._measure} by {op.bucket}, UTC"))
        bars = looks.bars(parts, op.bucket, summary.since, summary.until, self._measure)
        height = _MOST_CHART if self.size.height >= 44 else _TALL_CHART if self.size.height >= _BELOW else _CHART
        self._update("chart", chart(bars, height, self.size.width - 6, looks.words_of(self._measure)))

    def _draw_note(self, summary: UsageSummary | None) -> None:
        asked = self._asked
        ops: tuple[Op[Any], ...] = (asked.summary(), asked.recent() if asked.view == "recent" else asked.table())
        failure = next((found for op in ops if (found := self.state.failure(op)) is not None), None)
        note = Content("")
        if failure is not None:
            note = look.trouble(failure.sentence, failure.hint)
        elif asked.view == "savings":
            note = looks.saved(self.state.answer(asked.table()) or [])
        elif summary is not None and summary.unpriced:
            note = looks.unpriced(summary.unpriced)
        self._update("note", note)
        self._places["note"].set_class(bool(note.plain), "-said")

    def _update(self, name: str, words: Content) -> None:
        put(self._places[name], words, grows=True)

    def _empty(self, op: Op[Any]) -> str:
        if self.state.answer(op) is None:
            return "" if self.state.failure(op) else "asking …"
        if op.spec.name == "savings.show":
            return "no request stayed on own machines in that time: flock usage"
        return EMPTY

    def _open(self) -> str:
        return self._asked.view if self._asked.view in self._lists else "parts"

    def _shows_both(self) -> bool:
        return self.size.width >= _BESIDE or self.size.height >= _BELOW

    # -- what is asked for

    def _change(self, asked: Asked) -> None:
        before, self._asked = self._open(), asked
        self.wants()
        self.draw()
        if before != self._open() or not self._lists[before].has_focus_within:
            self._lists[self._open()].focus()
        self._export()

    def _export(self) -> None:
        """Show the command that prints what is seen; of tables, for a spreadsheet."""
        op = self._asked.recent() if self._asked.view == "recent" else self._asked.table()
        self.shows(op, more="" if self._asked.view == "savings" else "--csv")

    @on(Listing.Moved)
    def _moved(self, event: Listing.Moved) -> None:
        if event.listing is not self._lists["recent"]:
            return
        # rows come and go under the cursor: only where the keyboard is, it is the reader who moved
        if self._cursor not in ("", event.key) and event.listing.has_focus_within:
            self.shows(ExplainRequest(id=event.key))
        self._cursor = event.key

    @on(Listing.Chosen)
    def _chosen(self, event: Listing.Chosen) -> None:
        if event.listing is self._lists["recent"]:
            self._explain(event.key)
        elif self._asked.view == "key" and event.key:
            self.run_worker(self.flock.acts.show(ShowToken(id=event.key)))
        elif event.listing is self._lists["parts"] and event.key and self._asked.view in ("user", "model"):
            self._change(self._asked.only_of(event.key))

    def _explain(self, id: str) -> None:
        """Open the record of a request, as the monitor does."""
        self._box = RequestBox(id, self.state, self._cancel)
        self.shows(self._box.op)
        self.wants()
        self.flock.push_screen(self._box, self._box_closed)

    def _cancel(self, id: str) -> None:
        self.run_worker(self.do(CancelRequest(id=id)))

    def _box_closed(self, _result: None) -> None:
        box, self._box = self._box, None
        self.wants()
        if box is not None:
            self.state.forget(box.op)

    @on(Switch.Picked)
    def _picked(self, event: Switch.Picked) -> None:
        if event.switch is self._periods:
            self._change(self._asked.of(since=event.name))
        else:
            self.action_view(event.name)

    # -- keys

    def action_period(self, by: int) -> None:
        """Take the period beside this one."""
        names = [name for name, _ in PERIODS]
        self._change(self._asked.of(since=names[(names.index(self._asked.since) + by) % len(names)]))

    def action_view(self, name: str) -> None:
        """Open a table."""
        self._change(self._asked.of(view=name))

    def action_measure(self) -> None:
        """Let the chart show something else."""
        at = looks.MEASURES.index(self._measure)
        self._measure = looks.MEASURES[(at + 1) % len(looks.MEASURES)]
        self.draw()

    def action_export(self) -> None:
        """Copy the command that prints what is seen."""
        self._export()
        self.flock.acts.copy()

    def action_clear(self) -> None:
        """Take the filter away."""
        self._change(self._asked.of(user="", model=""))
