"""The full screen as an application: its frame, its pages, its clock.

Owns what stands around a page, which page is open, and when things are drawn: at most ten times a second, and only what
has changed. Refuses network calls and formats: `feed.py` and `polls.py` ask, `look.py` knows how things look. Called by
`cli/tui.py`.
"""

import os
import time
from collections.abc import Callable
from typing import Any, ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Footer

from flock.contract.engines import ListEngines
from flock.contract.models import ListModels
from flock.contract.op import Op
from flock.contract.usage import SummarizeUsage
from flock.errors import FlockError
from flock.tui.acts import Acts
from flock.tui.feed import Feed
from flock.tui.link import Link, Perform, Reach
from flock.tui.page import Page
from flock.tui.polls import Poll, Polls
from flock.tui.state import State
from flock.tui.table import BY_NAME, PAGES
from flock.tui.themes import THEMES
from flock.tui.widgets.frame import Banner, CommandStrip, Tabs, TopBar

# Between two looks at whether something is new: as often as the eye follows, and less where each repaint is sent far
_TICK_SECONDS, _SLOW_TICK_SECONDS = 0.1, 0.25
# Times of running requests move also without an event
_BEAT_SECONDS = 1.0

MODELS, ENGINES, TODAY = ListModels(), ListEngines(), SummarizeUsage(since="today")


class FlockApp(App[int]):
    """One flock on one terminal."""

    TITLE = "flock"
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(entry.key, f"page('{entry.name}')", entry.title, show=False) for entry in PAGES),
        Binding("colon", "command_palette", "Commands", key_display=":"),
        Binding("question_mark", "keys", "Keys", key_display="?"),
        Binding("y", "copy_line", "Copy line", show=False),
        Binding("r", "refresh_all", "Refresh", show=False),
        Binding("tab", "app.focus_next", "Next", show=False),
        Binding("greater_than_sign", "next_page(1)", "Next page", show=False),
        Binding("less_than_sign", "next_page(-1)", "Page before", show=False),
        Binding("u", "start", "Start flock", show=False),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]
    CSS = """
    Screen { layers: base; background: $background; }
    #pages { height: 1fr; }
    Footer { height: 1; }
    Toast { max-width: 76; padding: 0 1; margin: 0 0 1 0; }
    CommandPalette > Vertical { margin: 1 2; width: 1fr; }
    CommandPalette SearchIcon { display: none; }
    Input > .input--placeholder { color: $text-muted; }
    """

    def __init__(
        self,
        reach: Reach,
        perform: Perform,
        page: str = "home",
        theme: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self.now = now
        self.link = Link(reach, perform)
        self.state = State()
        self.acts = Acts(self, self.link)
        self.feed = Feed(self.link, self.state, self._connection_changed)
        self.polls = Polls(self.link, self.state, self._failed)
        self.top_bar, self.tabs = TopBar(), Tabs([(entry.name, entry.key, entry.title) for entry in PAGES])
        self.banner, self.strip = Banner(), CommandStrip()
        self.page: Page | None = None
        self._pages: dict[str, Page] = {}
        self._first = page
        self._theme_name = theme or "dark"
        self._drawn: tuple[int, ...] = ()
        self._page_drawn: tuple[int, ...] = ()

    def get_system_commands(self, screen: Any) -> Any:
        """Offer none of Textual's own commands: the palette has ours."""
        return ()

    def compose(self) -> ComposeResult:
        """Put the frame around the place of the page."""
        yield self.top_bar
        yield self.tabs
        yield self.banner
        yield Container(id="pages")
        yield self.strip
        yield Footer(show_command_palette=False, compact=True)

    async def on_mount(self) -> None:
        """Open the first page, then begin to listen."""
        from flock.tui.palette import Operations

        FlockApp.COMMANDS = {Operations}
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = self._theme_name
        if self.link.slow or os.environ.get("SSH_CONNECTION"):
            self.animation_level = "none"
        await self._open(self._first)
        self.run_worker(self.feed.run(), name="feed", exit_on_error=True)
        self.run_worker(self.polls.run(), name="polls", exit_on_error=True)
        self.set_interval(_SLOW_TICK_SECONDS if self.link.slow else _TICK_SECONDS, self._tick)
        self.set_interval(_BEAT_SECONDS, self._beat)

    # -- pages

    def open(self, name: str) -> None:
        """Bring a page to the front."""
        self.run_worker(self._open(name))

    async def _open(self, name: str) -> None:
        if self.page is not None and self.page is self._pages.get(name):
            self.page.opened()
            return
        if self.page is not None:
            self.page.display = False
        page = self._pages.get(name)
        if page is None:
            page = self._pages[name] = BY_NAME[name].make()
            await self.query_one("#pages").mount(page)
        page.display = True
        self.page = page
        self.tabs.show(name)
        self.acts.hint(None)
        page.wants()
        page.opened()
        self.draw_page()

    def own_polls(self) -> tuple[Poll, ...]:
        """Return what the line on top wants to know."""
        return (Poll(MODELS, 10, ("models",)), Poll(ENGINES, 10, ("engines",)), Poll(TODAY, 20))

    def draw_page(self) -> None:
        """Draw the open page now."""
        if self.page is not None and self.page.is_mounted:
            self._page_drawn = self.state.seen(*self.page.topics)
            self.page.draw()

    # -- the clock

    def _tick(self) -> None:
        self.feed.drain()
        state, page = self.state, self.page
        seen = state.seen("requests", "engines", "models", "answers", "link")
        if seen != self._drawn:
            self._drawn = seen
            self._draw_frame()
        if state.seen("jobs"):
            self.acts.follow()
        if page is not None and state.seen(*page.topics) != self._page_drawn:
            self.draw_page()

    def _beat(self) -> None:
        if self.state.requests and self.page is not None and "requests" in self.page.topics:
            self.draw_page()

    def _draw_frame(self) -> None:
        models, engines = self.state.models(MODELS), self.state.engines(ENGINES)
        today = self.state.answer(TODAY)
        self.top_bar.show(
            self.state,
            self.link.name,
            None if models is None else len(models),
            None if engines is None else len(engines),
            None if today is None else today.cost_usd,
        )

    def _connection_changed(self) -> None:
        state = self.state
        if state.connection == "live":
            self.banner.show("")
            self.polls.refresh()
        elif state.connection == "absent":
            self.banner.show("flock is not running. Press u to start it: flock up")
        elif state.trouble is not None:
            self.banner.show(f"{state.trouble.sentence} · trying again · {state.trouble.hint}".rstrip(" ·"))
        self._draw_frame()

    def _failed(self, _op: Op[Any], error: FlockError) -> None:
        self.acts.tell(error)

    def on_resize(self) -> None:
        """Draw for the new room."""
        self.call_after_refresh(self._draw_frame)
        self.call_after_refresh(self.draw_page)

    # -- keys

    def action_page(self, name: str) -> None:
        """Open a page."""
        self.open(name)

    def action_next_page(self, by: int) -> None:
        """Open the page beside this one."""
        names = [entry.name for entry in PAGES]
        now = next((name for name, page in self._pages.items() if page is self.page), "home")
        self.open(names[(names.index(now) + by) % len(names)])

    def action_copy_line(self) -> None:
        """Copy the command below."""
        self.acts.copy()

    def action_refresh_all(self) -> None:
        """Ask anew for everything that is shown."""
        self.polls.refresh()
        self.feed.hurry()

    def action_theme(self) -> None:
        """Change between dark and light."""
        self.theme = "light" if self.theme == "dark" else "dark"

    def action_keys(self) -> None:
        """Show what each key does."""
        from flock.tui.keys import parts
        from flock.tui.widgets.help import Help

        self.push_screen(Help(parts(self)))

    def action_start(self) -> None:
        """Start flock where it does not run."""
        if self.state.connection in ("absent", "lost"):
            self.run_worker(self._start())

    async def _start(self) -> None:
        from flock.contract.lifecycle import Up

        await self.acts.do(Up(wizard=False), sure=True)
        self.feed.hurry()

    @on(Tabs.Picked)
    def _picked(self, event: Tabs.Picked) -> None:
        self.open(event.name)

    @on(CommandStrip.Copied)
    def _copied(self) -> None:
        self.acts.copy()

    async def action_quit(self) -> None:
        """Close the screen; flock goes on."""
        self.exit(0)

    def on_unmount(self) -> None:
        """Let go of the daemon."""
        self.link.close()


def run(reach: Reach, perform: Perform, page: str = "home", theme: str = "") -> int:
    """Show the full screen until it is closed and return the exit code; `theme` is dark or light.

    `perform` carries out an operation and asks nothing when its second argument is True. Colours go where NO_COLOR or
    FLOCK_NO_COLOR is set. Must be called where a terminal can be drawn on.
    """
    app = FlockApp(reach, perform, page, theme)
    code = app.run()
    return app.return_code or code or 0
