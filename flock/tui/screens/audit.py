"""Audit: who changed what and what was refused, whether anybody tampered with that, and taking acts back.

Owns this page's places and keys, and which view and filter hold. Refuses formats: `audit_look.py` has them. Called by
`table.py`.
"""

import dataclasses
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from flock.contract.audit import (
    Act,
    AuditChain,
    AuditRow,
    AuditSummary,
    ListHistory,
    RecentAudit,
    SummarizeAudit,
    UndoAct,
    VerifyAudit,
)
from flock.contract.op import Op
from flock.tui import look
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens import audit_look as looks
from flock.tui.widgets.form import Form
from flock.tui.widgets.listing import Listing
from flock.tui.widgets.narrow import Narrow
from flock.tui.widgets.panel import put
from flock.tui.widgets.reading import Reading
from flock.tui.widgets.switch import Switch

VIEWS = (("acts", "a", "Acts"), ("history", "h", "History"), ("summary", "s", "Summary"))
ACTS_EMPTY = "no act is on record like that; show all of them: flock audit"
UNDO_EMPTY = "nothing that could be taken back; t shows all acts: flock history"
# A few times as many as a tall terminal shows
_ROWS = 200
# Cells from which the details stand beside the list; what undoing would do takes more room than what was done
_BESIDE, _BESIDE_HISTORY = 110, 160
# What is not changed by another view: acts of all kinds, for what is said of each row
KNOWN = ListHistory(limit=_ROWS)


class AuditPage(Page):
    """Acts on the left or on top, the one under the cursor beside or below them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"view('{name}')", title, show=name != "acts") for name, key, title in VIEWS),
        Binding("f", "filter", "Filter"),
        Binding("v", "verify", "Verify"),
        Binding("z", "undo", "Undo"),
        Binding("slash", "narrow", "Narrow the list down", show=False, key_display="/"),
        Binding("t", "all", "History: also what cannot be undone", show=False),
        Binding("escape", "clear", "No filter", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (("enter", "all of the act"),)

    DEFAULT_CSS = """
    AuditPage #verdict { height: auto; padding: 0 2; display: none; }
    AuditPage #verdict.-said { display: block; }
    AuditPage #body { layout: vertical; height: 1fr; }
    AuditPage #pane { height: 8; border-top: solid $panel-lighten-2; padding: 0 0 0 2; }
    AuditPage.-wide #body { layout: horizontal; }
    AuditPage.-wide #pane { width: 40%; height: 1fr; border-top: none; border-left: solid $panel-lighten-2; }
    AuditPage #sums { height: 1fr; padding: 1 2; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view, self._every = "acts", False
        self._acts_op = RecentAudit(limit=_ROWS)
        self._switch = Switch(VIEWS, id="views")
        self._narrow = Narrow("letters of an actor, an action, a target, an outcome; f asks for more of the past")
        self._verdict, self._detail, self._sums = Static(id="verdict"), Static(), Static()
        self._lists = {
            "acts": Listing(looks.ACTS, ACTS_EMPTY, id="acts"),
            "history": Listing(looks.HISTORY, UNDO_EMPTY, id="history"),
        }
        self._pane = VerticalScroll(self._detail, id="pane", can_focus=False)
        self._whole = VerticalScroll(self._sums, id="sums")
        self._chain: AuditChain | None = None

    def compose(self) -> ComposeResult:
        """Put the lists beside the details of one act."""
        yield self._switch
        yield self._narrow
        yield self._verdict
        with Container(id="body"):
            yield from self._lists.values()
            yield self._pane
            yield self._whole

    def polls(self) -> tuple[Poll, ...]:
        """Ask for what the view shows, and in the list of acts for what each can be undone by."""
        shown = Poll(self._op(), 60 if self._view == "summary" else 5)
        return (shown, Poll(KNOWN, 10)) if self._view == "acts" else (shown,)

    def opened(self) -> None:
        """Take the keyboard."""
        self._focus()
        self._hint()

    # -- drawing

    def draw(self) -> None:
        """Draw what is known."""
        self.set_class(self.size.width >= (_BESIDE_HISTORY if self._view == "history" else _BESIDE), "-wide")
        self._switch.show(self._view, self._filter_words())
        for name, listing in self._lists.items():
            listing.display = name == self._view
        self._pane.display = self._view != "summary"
        self._whole.display = self._view == "summary"
        failure = self.state.failure(self._op())
        verdict = (
            look.trouble(failure.sentence, failure.hint)
            if failure
            else looks.chain(self._chain)
            if self._chain
            else Content("")
        )
        put(self._verdict, verdict, grows=True)
        self._verdict.set_class(bool(verdict.plain), "-said")
        if self._view == "summary":
            found: AuditSummary | None = self.state.answer(self._op())
            words = Content("") if found is None else looks.summary(found, self.size.width - 8)
            put(self._sums, words, grows=True)
            return
        self._draw_rows()
        self._draw_detail()

    def _draw_rows(self) -> None:
        op, narrow = self._op(), self._narrow
        answer = self.state.answer(op)
        empty = ACTS_EMPTY if self._view == "acts" else UNDO_EMPTY
        if answer is None:
            empty = "" if self.state.failure(op) else "asking …"
        if self._view == "acts":
            acts: list[AuditRow] = answer or []
            shown = [a for a in acts if narrow.fits(a.actor, a.action, a.target, a.outcome, a.id)]
            rows = [looks.act_row(a, self.now) for a in shown]
        else:
            history: list[Act] = answer or []
            shown_acts = [a for a in history if narrow.fits(a.actor, a.action, a.target, a.undo, a.id)]
            rows = [looks.history_row(a, self.now) for a in shown_acts]
        self._lists[self._view].show(rows, empty)

    def _draw_detail(self) -> None:
        if self._view != "summary":
            put(self._detail, self._words(), grows=True)

    def _words(self) -> Content:
        row, act = self._row(), self._act()
        if self._view == "acts":
            return Content("") if row is None else looks.detail(row, act, self.now)
        return Content("") if act is None else looks.act_detail(act, self.now)

    # -- which

    def _op(self) -> Op[Any]:
        if self._view == "history":
            return KNOWN if self._every else ListHistory(undoable=True)
        return SummarizeAudit() if self._view == "summary" else self._acts_op

    def _row(self) -> AuditRow | None:
        rows: list[AuditRow] = self.state.answer(self._acts_op) or []
        return next((row for row in rows if str(row.id) == self._lists["acts"].current), None)

    def _act(self) -> Act | None:
        """Return the act under the cursor, as the history has it."""
        if self._view == "summary":
            return None
        acts: list[Act] = self.state.answer(KNOWN if self._view == "acts" else self._op()) or []
        return next((act for act in acts if str(act.id) == self._lists[self._view].current), None)

    def _filter_words(self) -> str:
        op = self._acts_op
        words = [f"{name} {value}" for name in ("actor", "action", "since", "until") if (value := getattr(op, name))]
        return " · ".join([*words, "esc: all"]) if words and self._view == "acts" else ""

    def _hint(self) -> None:
        """Show the command of the list; in the history that which undoes the act under the cursor."""
        act = self._act()
        if self._view == "history" and act is not None and _can_undo(act):
            self.shows(UndoAct(id=act.id))
        else:
            self.shows(self._op())

    def _focus(self) -> None:
        if self._view == "summary":
            self._whole.focus()
        else:
            self._lists[self._view].focus()

    @on(Listing.Moved)
    def _moved(self, event: Listing.Moved) -> None:
        if event.listing is self._lists.get(self._view):
            self._draw_detail()
            self._hint()

    @on(Listing.Chosen)
    def _chosen(self) -> None:
        if (words := self._words()).plain:
            self.flock.push_screen(Reading(words))

    @on(Input.Changed)
    def _typed(self) -> None:
        self.draw()

    @on(Narrow.Back)
    def _back(self) -> None:
        self._focus()

    @on(Switch.Picked)
    def _picked(self, event: Switch.Picked) -> None:
        self.action_view(event.name)

    # -- keys

    def action_view(self, name: str) -> None:
        """Open a view."""
        self._view = name
        self.wants()
        self.draw()
        self._focus()
        self._hint()

    def action_narrow(self) -> None:
        """Narrow the list down."""
        if self._view != "summary":
            self._narrow.open()

    def action_all(self) -> None:
        """Show in the history also what cannot be undone, or not."""
        self._every = not self._every
        self.action_view("history")

    def action_clear(self) -> None:
        """Take the filter away."""
        self._acts_op = RecentAudit(limit=_ROWS)
        self.action_view(self._view)

    def action_filter(self) -> None:
        """Ask for the acts of an actor, of a kind, of a time."""
        self.run_worker(self._filter())

    def action_verify(self) -> None:
        """Check the chain."""
        self.run_worker(self._verify())

    def action_undo(self) -> None:
        """Take the act under the cursor back."""
        act = self._act()
        if act is None or not _can_undo(act):
            reason = act.reason if act is not None and act.reason else "this act cannot be taken back"
            self.notify(reason, severity="warning", markup=False)
            return
        done = f"act {act.id} is undone: {act.undo}"
        self.run_worker(self.do(UndoAct(id=act.id), about=looks.undone(act), done=done))

    async def _filter(self) -> None:
        given = {f.name: getattr(self._acts_op, f.name) for f in dataclasses.fields(self._acts_op)}
        op = await self.flock.push_screen_wait(Form(RecentAudit, given))
        if isinstance(op, RecentAudit):
            self._acts_op = op
            self.action_view("acts")

    async def _verify(self) -> None:
        found = await self.do(VerifyAudit())
        if found is not None:
            self._chain = found
            self.draw()


def _can_undo(act: Act) -> bool:
    return bool(act.undo) and act.undone_by is None
