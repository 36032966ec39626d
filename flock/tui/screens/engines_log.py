"""Reading the log of one engine for as long as somebody looks at it.

Owns whose log is read and how often it is asked for. Refuses to keep more than `widgets/loglines.py` does. Part of
`engines.py`.
"""

import asyncio

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, Static
from textual.worker import Worker

from flock.contract.engines import Engine, ShowEngineLog
from flock.errors import DaemonUnreachable, FlockError
from flock.tui import look, look_engines
from flock.tui.page import Page
from flock.tui.widgets.loglines import KEPT, LogLines
from flock.tui.widgets.narrow import Narrow

# Before the first question: a cursor that runs over ten engines asks for the log of the last
_SETTLE_SECONDS = 0.15
# Between two questions, and how long the daemon waits for a line in each; from far away it is asked less and does not
# wait, since all calls share one connection there (client/reach.py)
_PAUSE_SECONDS, _FAR_PAUSE_SECONDS = 0.25, 2.0
_WAIT_SECONDS = 2.0
# After the daemon could not be reached; the banner says so meanwhile
_LOST_SECONDS = 1.0
# After it was refused, since the engine has just gone: it is off the list soon, or comes back
_REFUSED_SECONDS = 5.0


class EngineLogs(Page):
    """The log of an engine, with a title and a filter."""

    DEFAULT_CSS = """
    EngineLogs { padding: 0 1; }
    EngineLogs > .head { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    EngineLogs > .said { height: auto; padding: 1 1; color: $text-muted; display: none; }
    EngineLogs.-silent > .said { display: block; }
    EngineLogs.-silent > LogLines { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines = LogLines()
        self._head, self._said = Static(classes="head"), Static(classes="said")
        self._narrow = Narrow("only lines with these words")
        self._name = ""
        self._worker: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """Put the title over the filter and the lines."""
        yield self._head
        yield self._narrow
        yield self._said
        yield self.lines

    def listen(self, engine: Engine | None) -> None:
        """Read the log of an engine from now on, of none when it has none."""
        name = engine.name if engine is not None and engine.ownership == "own" else ""
        reads = self._worker is not None and self._worker.is_running
        if name == self._name and (reads or not name):
            if not name:
                self._silent(engine)
            return
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        if name != self._name:
            self._name = name
            self.lines.empty()
        self._silent(engine)
        if name:
            self._worker = self.run_worker(self._read(name), group="log")

    def filter(self) -> None:
        """Take the keyboard for the filter."""
        self._narrow.open()

    def _silent(self, engine: Engine | None) -> None:
        """Say why there is no log, where there is none."""
        own = engine is not None and engine.ownership == "own"
        self.set_class(not own, "-silent")
        if own:
            return
        if engine is None:
            words = "an engine of flock's own has its log here once it runs"
        else:
            words = f"{engine.name} is adopted: what it says stands where it was started"
        self._head.update("")
        self._said.update(look.dim(words))

    async def _read(self, name: str) -> None:
        far = self.flock.link.slow
        pause = _FAR_PAUSE_SECONDS if far else _PAUSE_SECONDS
        await asyncio.sleep(_SETTLE_SECONDS)
        after = -1
        while True:
            wait = 0.0 if far or after < 0 else _WAIT_SECONDS
            try:
                op = ShowEngineLog(name=name, lines=KEPT, after=after, wait_seconds=wait)
                log = await self.flock.link.call(op)
            except DaemonUnreachable:
                await asyncio.sleep(_LOST_SECONDS)
                continue
            except FlockError as error:
                self.set_class(True, "-silent")
                self._said.update(look.trouble(error.sentence, error.hint))
                await asyncio.sleep(_REFUSED_SECONDS)
                continue
            if after < 0:
                self.set_class(False, "-silent")
                self.lines.empty()
            after = log.next
            self.lines.add(log.lines)
            self._title()
            await asyncio.sleep(pause)

    @on(LogLines.Changed)
    def _title(self) -> None:
        if self._name:
            words = self._narrow.value
            shown, kept = len(self.lines.shown), self.lines.kept
            self._head.update(look_engines.log_title(self._name, shown, kept, self.lines.follows, words))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.lines.narrow(event.value.strip())
        self.shows(ShowEngineLog(name=self._name, grep=event.value.strip(), follow=True))

    @on(Narrow.Back)
    def _back(self) -> None:
        self.lines.focus()
