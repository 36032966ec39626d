"""Doctor: what is wrong, the worst first, and the command that mends it, carried out by enter.

Owns when it is examined (when the page is opened, on r, and after every change) and what enter does with a fix. Refuses
to judge a finding and to know how one looks (`doctor_look.py`). Called by `table.py`.
"""

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from flock.contract.lifecycle import Check, Diagnosis, RunDoctor, Up
from flock.contract.op import Op
from flock.tui import look
from flock.tui.meant import Meant, meant
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens import doctor_look as looks
from flock.tui.state import Topic
from flock.tui.widgets.panel import put

DOCTOR = RunDoctor()
# It looks at files, ports and programs: as long as nothing is changed here, whoever wants to know anew presses r
_SECONDS = 3600.0


class Findings(OptionList):
    """The checks, each in as many lines as it takes."""

    DEFAULT_CSS = """
    Findings { height: 1fr; border: none; background: transparent; padding: 0; scrollbar-size-vertical: 1; }
    Findings:focus { border: none; background: transparent; }
    Findings > .option-list--option { padding: 0 1; }
    Findings > .option-list--option-highlighted { background: $primary 15%; color: $foreground; }
    Findings:focus > .option-list--option-highlighted { background: $primary 35%; color: $foreground; }
    """


class DoctorPage(Page):
    """What `flock doctor` finds, in groups."""

    topics: ClassVar[tuple[Topic, ...]] = ("answers", "asking")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "mend", "Mend"),
        Binding("k", "copy_fix", "Copy fix"),
        Binding("o", "order", "Hide what is in order", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "carry the fix out; where it is for a shell, copy it"),
        ("r", "examine anew"),
    )

    DEFAULT_CSS = """
    DoctorPage #head { height: 1; text-wrap: nowrap; text-overflow: ellipsis; margin: 0 0 1 0; }
    DoctorPage #trouble { height: auto; display: none; margin: 0 0 1 0; }
    DoctorPage #trouble.-shown { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._head, self._trouble = Static(id="head"), Static(id="trouble")
        self._findings = Findings()
        self._checks: list[Check | None] = []  # None for a group's heading
        self._drawn: tuple[Diagnosis | None, int, bool] = (None, 0, True)
        self._with_order = True

    def compose(self) -> ComposeResult:
        """Put the verdict over the findings."""
        yield self._head
        yield self._trouble
        yield self._findings

    def polls(self) -> tuple[Poll, ...]:
        """Examine, also where no daemon runs: then most of all."""
        return (Poll(DOCTOR, _SECONDS, anyway=True),)

    def opened(self) -> None:
        """Begin in the findings."""
        self._findings.focus()
        self._spell()

    def draw(self) -> None:
        """Draw what is known."""
        found: Diagnosis | None = self.state.answer(DOCTOR)
        put(self._head, looks.head(found, asking=DOCTOR in self.state.asking, where=self.flock.link.name))
        failure = self.state.failure(DOCTOR)
        self._trouble.set_class(failure is not None, "-shown")
        if failure is not None:
            put(self._trouble, look.trouble(failure.sentence, failure.hint), grows=True)
        self._findings.display = failure is None or found is not None
        if found is not None:
            self.flock.tabs.badge("doctor", looks.badge(found))
            self._list(found)

    def _list(self, found: Diagnosis) -> None:
        room = self._findings.size.width - 4  # its padding and the scroll bar
        if room <= 0 or (found, room, self._with_order) == self._drawn:
            return
        before = self._current()
        self._drawn = (found, room, self._with_order)
        self._checks, options = [], list[Option]()
        for state, checks in looks.ordered(found):
            if state == "ok" and not self._with_order:
                continue
            self._checks += [None, *checks]
            space = Content("\n") if options else Content("")
            options.append(Option(space + looks.heading(state, len(checks)), disabled=True))
            options += [Option(looks.check(one, self._fix(one), room)) for one in checks]
        self._findings.set_options(options)
        at = next((i for i, one in enumerate(self._checks) if one is not None and one == before), 1)
        self._findings.highlighted = at if len(self._checks) > at else None

    def _current(self) -> Check | None:
        at = self._findings.highlighted
        return self._checks[at] if at is not None and at < len(self._checks) else None

    def _fix(self, one: Check) -> str:
        """Return a check's fix as it is shown: an operation's as its command line here, all else as it is."""
        op = self._op(one)
        return one.fix if op is None else self.flock.acts.spelled(op)

    def _meant(self, one: Check) -> Meant | None:
        return meant(one.fix) if one.fix else None

    def _op(self, one: Check) -> Op[object] | None:
        found = self._meant(one)
        if found is None or not found.whole:
            return None
        op = found.op()
        return Up(foreground=op.foreground, wizard=False, auto_pull=op.auto_pull) if isinstance(op, Up) else op

    def on_resize(self) -> None:
        """Wrap for the new room."""
        self.call_after_refresh(self.draw)

    # -- keys

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._spell()

    def _spell(self) -> None:
        one = self._current()
        op = None if one is None else self._op(one)
        self.shows(op if op is not None else DOCTOR)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_mend()

    @work
    async def action_mend(self) -> None:
        """Carry the fix of the finding under the cursor out, or copy it where it is for a shell."""
        one = self._current()
        if one is None:
            return
        found, op = self._meant(one), self._op(one)
        if op is not None:
            await self.flock.acts.show(op)
        elif found is not None:
            self.ask(found.kind, **found.given)
        elif one.fix:
            self.action_copy_fix()
        else:
            self.flock.notify(looks.nothing([one.name]), timeout=3, markup=False)

    def action_copy_fix(self) -> None:
        """Copy the fix of the finding under the cursor."""
        one = self._current()
        if one is not None and one.fix:
            self.flock.copy_to_clipboard(one.fix)
            self.flock.notify(looks.copied(one.fix), timeout=5, markup=False)

    def action_order(self) -> None:
        """Show what is in order, or not."""
        self._with_order = not self._with_order
        self.draw()
