"""Engines: the processes that generate, what is known of each, and what the one under the cursor says as it says it.

Owns the list, its keys, and which engine's log is read. Refuses to draw a log (`widgets/loglines.py`) and to read it
(`engines_log.py`). Called by `table.py`.
"""

from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from flock.contract.engines import (
    INSTALLED,
    AttachEngine,
    CheckEngines,
    DetachEngine,
    Engine,
    EngineCheck,
    InstallEngine,
    ListEngines,
    RestartEngine,
    ShowEngine,
)
from flock.contract.jobs import Job
from flock.contract.op import Op
from flock.tui import look, look_engines
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens.engines_log import EngineLogs
from flock.tui.state import Topic
from flock.tui.widgets.jobs import Jobs
from flock.tui.widgets.listing import Column, Listing, Row
from flock.tui.widgets.panel import put

ENGINES = ListEngines()
_NONE = "no engine runs yet; to have one: flock engine install embedded"
# From this width on all that is known of an engine stands beside its log, above it in two lines otherwise
_WIDE = 110
# and its cells, as the style sheet has them; two are a gap, two for the bar that scrolls
_SIDE = 48

_COLUMNS = (
    Column("name", grow=True, least=22),
    Column("state"),
    Column("models", spare=3, most=40),
    Column("memory", right=True, spare=1),
    Column("restarts", right=True, spare=4),
    Column("since", spare=2),
    Column("owner", spare=5),
    Column("kind", spare=7),
    Column("version", spare=8, most=16),
    Column("pid", right=True, spare=6),
    Column("error", spare=9, grow=True, least=24),
)


class EnginesPage(Page):
    """Engines over the log of one of them."""

    topics: ClassVar[tuple[Topic, ...]] = ("answers", "engines", "jobs")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "check", "Check"),
        Binding("s", "restart", "Restart"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("f", "follow", "Follow the log", show=False),
        Binding("a", "attach", "Adopt a running server", show=False),
        Binding("x", "detach", "Forget an adopted one", show=False),
        Binding("n", "install", "Install an engine", show=False),
        Binding("w", "jobs", "The jobs below", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (
        ("enter", "everything known of an engine"),
        ("tab, arrows", "into its log, and through it; home and end"),
    )

    DEFAULT_CSS = """
    EnginesPage #trouble { height: auto; display: none; padding: 0 1; }
    EnginesPage #below { height: 2; padding: 0 2; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    EnginesPage #body { height: 1fr; border-top: solid $panel-lighten-2; }
    EnginesPage #side { width: 48; padding: 0 2 0 2; scrollbar-size-vertical: 1; display: none; }
    EnginesPage.-wide #side { display: block; }
    EnginesPage.-wide #below { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._list = Listing(_COLUMNS, _NONE)
        self._trouble, self._side, self._below = Static(id="trouble"), Static(), Static(id="below")
        self._logs = EngineLogs()
        self._jobs = Jobs("engine.install")
        # by the process that was asked: what another one under the name had said holds no more
        self._checks: dict[tuple[str, int | None], EngineCheck] = {}

    def compose(self) -> ComposeResult:
        """Put the list over what is known and the log."""
        yield self._trouble
        yield self._list
        yield self._below
        with Horizontal(id="body"):
            with VerticalScroll(id="side", can_focus=False):
                yield self._side
            with Vertical():
                yield self._logs
        yield self._jobs

    def polls(self) -> tuple[Poll, ...]:
        """Ask for the engines."""
        return (Poll(ENGINES, 3, ("engines",)), *self._jobs.polls())

    def opened(self) -> None:
        """Give the keyboard to the list and read the log on."""
        self._list.focus()
        self.shows(self._hinted())
        self._logs.listen(self._current())

    def on_hide(self) -> None:
        """Read no log that nobody sees."""
        self._logs.listen(None)

    def draw(self) -> None:
        """Draw what is known."""
        self.set_class(self.size.width >= _WIDE, "-wide")
        found = self.state.engines(ENGINES)
        failed = self.state.failure(ENGINES)
        self._trouble.display = failed is not None
        if failed is not None:
            put(self._trouble, look.trouble(failed.sentence, failed.hint), grows=True)
        if found is None:
            self._list.show([], "asking …" if failed is None else "nothing is known: flock engine ls")
        else:
            self._list.show([self._row(engine) for engine in found], _NONE)
        # as many lines as there are engines, but most of the page is for the log
        most = max(4, self.size.height // 3)
        self._list.styles.height = min(most, len(found) + 1 if found else 4)
        self._jobs.draw()
        self._beside()

    def _row(self, e: Engine) -> Row:
        return e.name, (
            e.name,
            look_engines.state(e),
            look_engines.models(e),
            look.size(e.memory_bytes),
            look_engines.restarts(e),
            look.ago(e.since, self.now),
            look_engines.owner(e),
            e.kind,
            e.version or look.NONE,
            look_engines.pid(e),
            look_engines.trouble(e),
        )

    def _beside(self) -> None:
        """Draw what is told of the engine under the cursor, and see that its log is the one that is read."""
        engine = self._current()
        check = self._checks.get((engine.name, engine.pid)) if engine is not None else None
        if self.size.width >= _WIDE:
            wide = _SIDE - 4
            known = Content("") if engine is None else look_engines.detail(engine, check, self.now, wide)
            put(self._side, known, grows=True)
        else:
            put(self._below, Content("") if engine is None else look_engines.brief(engine, check))
        if self.flock.page is self:
            self._logs.listen(engine)

    def _current(self) -> Engine | None:
        return next((e for e in self.state.engines(ENGINES) or () if e.name == self._list.current), None)

    def _hinted(self) -> Op[Any] | None:
        return ShowEngine(name=self._list.current) if self._list.current else None

    @on(Listing.Moved)
    def _moved(self, event: Listing.Moved) -> None:
        event.stop()
        if event.listing is self._list:
            self._beside()
            if self._list.has_focus_within:
                self.shows(self._hinted())

    @on(Listing.Chosen)
    @work
    async def _chosen(self, event: Listing.Chosen) -> None:
        event.stop()
        await self.flock.acts.show(ShowEngine(name=event.key))

    # -- acts

    @work
    async def action_check(self) -> None:
        """Ask the engine for one token."""
        if (engine := self._current()) is None:
            return
        for check in await self.do(CheckEngines(name=engine.name)) or ():
            self._checks[check.name, engine.pid] = check
            severity = "information" if check.state in ("ok", "busy") else "error"
            self.notify(f"{check.name}: {check.sentence}", severity=severity, markup=False)
        self._beside()

    @work
    async def action_restart(self) -> None:
        """End the engine and start it again; asks where somebody waits for it."""
        if (engine := self._current()) is None:
            return
        op = RestartEngine(name=engine.name)
        if any(live.engine == engine.name for live in self.state.requests.values()):
            from flock.tui.widgets.confirm import Confirm

            if not await self.flock.push_screen_wait(Confirm(op)):
                self.shows(op, "not done")
                return
        await self.do(op, done=f"{engine.name} is started again")

    @work
    async def action_detach(self) -> None:
        """Forget the engine, after a question; it keeps running."""
        if (engine := self._current()) is None:
            return
        if engine.ownership == "own":
            self.notify(f"{engine.name} is flock's own; only adopted engines are forgotten", markup=False)
            return
        await self.do(DetachEngine(name=engine.name), done=f"{engine.name} is forgotten; it keeps running")

    def action_attach(self) -> None:
        """Open the form that adopts a running server."""
        self.ask(AttachEngine)

    @work
    async def action_install(self) -> None:
        """Choose an engine to install, and begin."""
        from flock.tui.widgets.pick import Pick

        kind = await self.flock.push_screen_wait(Pick("the engine to install into a place of flock's own", INSTALLED))
        if kind:
            op = InstallEngine(kind=kind)
            value = await self.do(op)
            if isinstance(value, Job):
                self._jobs.begun(value, op)

    def action_filter(self) -> None:
        """Type what lines of the log must hold."""
        self._logs.filter()

    def action_follow(self) -> None:
        """Go to the end of the log and stay there."""
        self._logs.lines.follow()

    def action_jobs(self) -> None:
        """Go to the jobs, or back to the list."""
        if self._jobs.has_focus_within or not self._jobs.display:
            self._list.focus()
        else:
            self._jobs.query_one(Listing).focus()
