"""Home: what runs, how it goes, and what to do next.

Owns this page's places and keys. What is missing is decided in `home_steps.py`; how things look in `home_figures.py`
and `home_lists.py`. Called by `table.py`.
"""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from flock.contract.catalog import ListPicks
from flock.contract.connect import ConnectClient, ListClients
from flock.contract.engines import ListEngines, ShowEngineLog
from flock.contract.jobs import Job
from flock.contract.models import AddModel, ListModels
from flock.contract.requests import ListRequests
from flock.contract.status import ShowStatus
from flock.contract.tokens import ListTokens
from flock.contract.usage import SummarizeUsage
from flock.tui import look
from flock.tui.elapsed import DaemonClock, elapsed_ms
from flock.tui.ended import ended
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens import home_figures as figures
from flock.tui.screens import home_lists as lists
from flock.tui.screens.home_steps import Step, steps
from flock.tui.state import Live, Topic
from flock.tui.widgets.panel import Panel, put

STATUS, MODELS, ENGINES = ShowStatus(), ListModels(), ListEngines()
TODAY, HOUR = SummarizeUsage(since="today"), SummarizeUsage(since="1h")
TOKENS, CLIENTS, LAST = ListTokens(), ListClients(connected=True), ListRequests(limit=30)

# From so many cells on there are three parts in a row; from so many lines on (below that width) three rows of two
_WIDE, _HIGH = 160, 30


class HomePage(Page):
    """What runs, in one look."""

    topics: ClassVar[tuple[Topic, ...]] = ("answers", "requests", "engines", "models", "jobs", "link")
    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "next", "Do the next step"),
        Binding("n", "other", "Another step", show=False),
        Binding("m", "go('monitor')", "every request, live", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (("a click", "opens the page of that part"),)

    DEFAULT_CSS = """
    HomePage #who { height: 1; }
    HomePage #step { height: 1; display: none; background: $primary 15%; }
    HomePage #step.-shown { display: block; }
    HomePage #step.-serious { background: $error 15%; }
    HomePage #cards { height: 3; }
    HomePage #parts { layout: grid; grid-size: 2; grid-rows: 1fr; height: 1fr; }
    HomePage .more { display: none; }
    HomePage.-more .more { display: block; }
    HomePage.-wide #parts { grid-size: 3; grid-rows: 2fr 3fr; }
    HomePage.-high #who { height: 2; }
    HomePage.-high #cards { height: 4; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._clock = DaemonClock()
        self._steps: tuple[Step, ...] = ()
        self._at = 0
        self._who, self._step, self._cards = Static(id="who"), Static(id="step"), Static(id="cards")
        self._traffic, self._models = Panel("Requests per minute", "usage"), Panel("Models", "models")
        self._activity, self._today = Panel("Activity", "monitor"), Panel("Most tokens today", "usage")
        self._engines, self._live = Panel("Engines", "engines"), Panel("Running now", "monitor")
        for panel in (self._engines, self._live):
            panel.add_class("more")

    def compose(self) -> ComposeResult:
        """Put the lines over the parts."""
        yield self._who
        yield self._step
        yield self._cards
        with Container(id="parts"):
            yield self._traffic
            yield self._models
            yield self._today
            yield self._activity
            yield self._live
            yield self._engines

    def polls(self) -> tuple[Poll, ...]:
        """Ask for what the parts show; what changes by events is asked for seldom."""
        return (
            Poll(STATUS, 30, ("engines", "models")),
            # a new engine may bring models, which nothing else tells of
            Poll(MODELS, 10, ("models", "engines")),
            Poll(HOUR, 20),
            Poll(LAST, 60),
            Poll(TOKENS, 60),
            Poll(CLIENTS, 120),
        )

    def opened(self) -> None:
        """Take the keyboard, and say what Enter does."""
        self.focus()
        self._hint()

    # -- drawing

    def draw(self) -> None:
        """Draw what is known."""
        state, now = self.state, self.now
        width, height = self.size.width - 2, self.size.height
        more = width >= _WIDE or height >= _HIGH
        self.set_class(width >= _WIDE, "-wide")
        self.set_class(height >= _HIGH, "-high")
        self.set_class(more, "-more")
        over = ended(state.ended, state.answer(LAST))
        there = self._clock.now(state.top, now)
        today, hour = state.answer(TODAY), state.answer(HOUR)
        self._draw_who(width)
        self._draw_step(width)
        put(self._cards, figures.cards(state.top, hour, today, state, figures.strip(over), width))
        self._traffic.show(lambda w, h: self._failed(HOUR) or figures.traffic(hour, w, h), figures.peak(hour))
        self._today.show(lambda w, h: self._failed(TODAY) or figures.shares(today, w, h))
        self._activity.show(lambda w, h: lists.activity(self._jobs(), state.activity, over, now, w, h))
        engines, models = state.engines(ENGINES), state.models(MODELS)
        memory = state.top.memory if state.top is not None else None
        note = "" if more else lists.troubled(engines)
        self._models.show(lambda w, h: self._failed(MODELS) or lists.models(models, memory, w, h), note)
        self._engines.show(lambda w, h: self._failed(ENGINES) or lists.engines(engines, w, h))
        self._live.show(lambda w, h: self._draw_running(list(state.requests.values()), there, w, h))

    def _draw_running(self, found: list[Live], there: float, width: int, height: int) -> Content:
        first = sorted(found, key=lambda live: live.at)[: height + 1]
        return lists.running(first, {live.id: elapsed_ms(live, there) for live in first}, len(found), width, height)

    def _draw_who(self, width: int) -> None:
        words = self._failed(STATUS) or figures.identity(self.state.answer(STATUS), self.state.top, width)
        put(self._who, look.fit(words, width))

    def _draw_step(self, width: int) -> None:
        state = self.state
        engines, models = state.engines(ENGINES), state.models(MODELS)
        found = steps(state.answer(STATUS), engines, models, state.answer(TOKENS), state.answer(CLIENTS))
        changed, self._steps = found != self._steps, found
        step = self._now()
        self._step.set_class(step is not None, "-shown")
        self._step.set_class(step is not None and step.serious, "-serious")
        if step is not None:
            line = self.flock.acts.spelled(step.op)
            put(self._step, figures.step(step, line, self._at, len(found), width))
        if changed and self.flock.page is self:
            self._hint()

    def _failed(self, op: ShowStatus | ListModels | ListEngines | SummarizeUsage) -> Content | None:
        """Return what stands in place of an answer that is not there and will not come by itself."""
        if self.state.answer(op) is not None:
            return None
        if self.state.connection in ("absent", "lost"):
            return figures.nobody(self.state.trouble)
        error = self.state.failure(op)
        return None if error is None else look.failure(error)

    def _jobs(self) -> list[Job]:
        return list(self.state.jobs.values())

    # -- the next step

    def _now(self) -> Step | None:
        self._at = min(self._at, max(0, len(self._steps) - 1))
        return self._steps[self._at] if self._steps else None

    def _hint(self) -> None:
        step = self._now()
        self.shows(step.op if step is not None else STATUS)

    def action_other(self) -> None:
        """Show the next of several steps."""
        self._at = (self._at + 1) % max(1, len(self._steps))
        self.draw()
        self._hint()

    def action_go(self, page: str) -> None:
        """Open a page."""
        self.flock.open(page)

    def action_next(self) -> None:
        """Carry out the step that is shown; without one, show the status; without a daemon, start it."""
        if self.state.connection == "absent":
            self.flock.action_start()
            return
        step = self._now()
        op = step.op if step is not None else STATUS
        if isinstance(op, ConnectClient):
            self.flock.open("connect")
        elif isinstance(op, ListPicks):
            self.run_worker(self._pick(op))
        elif isinstance(op, ShowEngineLog):
            self.run_worker(self._read(op))
        elif step is None:
            self.run_worker(self.flock.acts.show(op))
        else:
            self.ask(type(op))

    async def _pick(self, op: ListPicks) -> None:
        """Let one of the picks be chosen and added."""
        from flock.tui.widgets.pick import Pick

        found = await self.do(op)
        if not found:
            return
        names = {figures.pick(model): model.id for model in found}

        def chosen(name: str | None) -> None:
            if name is not None:
                self.ask(AddModel, source=names[name])

        self.flock.push_screen(Pick("Which model? All others: page 3, Models", list(names)), chosen)

    async def _read(self, op: ShowEngineLog) -> None:
        """Show what an engine said last."""
        from flock.tui.widgets.answer import Answer

        if (value := await self.do(op)) is not None:
            self.flock.push_screen(Answer(op, value))

    @on(Panel.Opened)
    def _opened(self, event: Panel.Opened) -> None:
        self.flock.open(event.page)
