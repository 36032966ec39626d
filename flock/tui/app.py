"""The full screen as an application: its frame, its pages, its clock.

Owns what stands around a page, which page is open, and when things are drawn: at most ten times a second, and only what
has changed. Refuses network calls and formats: `feed.py` and `polls.py` ask, `look.py` knows how things look. Called by
`cli/tui.py`.

The frame is painted before anything else is imported: what the pages need costs as much again as Textual itself.
"""

import asyncio
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from flock.tui.table import BY_NAME, PAGES
from flock.tui.themes import THEMES
from flock.tui.typing import InOrder
from flock.tui.widgets.frame import Banner, CommandStrip, KeyLine, Tabs, TopBar

if TYPE_CHECKING:
    from flock.contract.op import Op
    from flock.errors import FlockError
    from flock.tui.acts import Acts
    from flock.tui.feed import Feed
    from flock.tui.link import Connect, Link
    from flock.tui.page import Page
    from flock.tui.polls import Poll, Polls
    from flock.tui.state import State

# Between two looks at whether something is new: as often as the eye follows, and less where each repaint is sent far
_TICK_SECONDS, _SLOW_TICK_SECONDS = 0.1, 0.25
# While so many events come between two looks, nothing is drawn for so many times as long as drawing took: a third of
# the time at most, however slow the machine, since a key waits for what is being drawn
_POURING, _REST = 200, 2.0
# Times of running requests move also without an event
_BEAT_SECONDS = 1.0


class FlockApp(App[int]):
    """One flock on one terminal. `connect` finds it, once the frame stands; `now` is the clock that times are told by.

    From the first paint on there are `link`, `state`, `acts`, `feed` and `polls`, and `page` is the open one.
    """

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
    Toast { max-width: 76; padding: 0 1; margin: 0 0 1 0; }
    CommandPalette > Vertical { margin: 1 2; width: 1fr; }
    CommandPalette #--input { border: none; padding: 0 0 0 1; background: $panel; }
    CommandPalette CommandList {
        border: none; background: $surface;
        scrollbar-size-vertical: 1; scrollbar-background: $surface; scrollbar-background-hover: $surface;
    }
    CommandPalette SearchIcon { display: none; }
    Input > .input--placeholder { color: $text-muted; }
    """

    link: "Link"
    state: "State"
    acts: "Acts"
    feed: "Feed"
    polls: "Polls"

    def __init__(
        self, connect: "Connect", page: str = "home", theme: str = "", now: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.now = now
        self.failure: FlockError | None = None
        self.top_bar, self.tabs = TopBar(), Tabs([(entry.name, entry.key, entry.title) for entry in PAGES])
        self.banner, self.strip = Banner(), CommandStrip()
        self.page: Page | None = None
        self._connect = connect
        self._pages: dict[str, Page] = {}
        # two keys that come together open their pages one after the other
        self._opening = asyncio.Lock()
        self._first = page
        self._theme_name = theme or "dark"
        self._drawn: tuple[int, ...] = ()
        self._page_drawn: tuple[int, ...] = ()
        self._rested = 0.0
        self._keys = InOrder(self, super().on_event, self._opened)

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
        yield KeyLine()

    def on_mount(self) -> None:
        """Paint the frame, and only then begin."""
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = self._theme_name
        self.tabs.show(self._first)
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        """Find the flock, open the first page and listen."""
        from flock.errors import FlockError
        from flock.tui.acts import Acts
        from flock.tui.feed import Feed
        from flock.tui.link import Link
        from flock.tui.palette import Operations
        from flock.tui.polls import Polls
        from flock.tui.state import State

        try:
            reach, perform = self._connect()
        except FlockError as error:
            self.failure = error
            self.exit(error.exit_code)
            return
        FlockApp.COMMANDS = {Operations}
        self.link = link = Link(reach, perform)
        self.state = State()
        self.acts = Acts(self, link)
        self.feed = Feed(link, self.state, self._connection_changed)
        self.polls = Polls(link, self.state, self._failed)
        if link.slow or os.environ.get("SSH_CONNECTION"):
            self.animation_level = "none"
        self.run_worker(self.feed.run(), name="feed", exit_on_error=True)
        await self._open(self._first)
        self.run_worker(self.polls.run(), name="polls", exit_on_error=True)
        self.set_interval(_SLOW_TICK_SECONDS if link.slow else _TICK_SECONDS, self._tick)
        self.set_interval(_BEAT_SECONDS, self._beat)

    @property
    def begun(self) -> bool:
        """Whether the flock is found and the pages can be drawn."""
        return hasattr(self, "polls")

    # -- pages

    def open(self, name: str) -> None:
        """Bring a page to the front."""
        if self.begun:
            self.run_worker(self._open(name), group="pages", exclusive=False)
        else:
            self._first = name

    async def _open(self, name: str) -> None:
        async with self._opening:
            await self._bring(name)

    async def _bring(self, name: str) -> None:
        page = self._pages.get(name)
        if page is not None and page is self.page:
            page.opened()
            return
        if self.page is not None:
            self.page.display = False
        if page is None:
            page = BY_NAME[name].make()
            await self.query_one("#pages").mount(page)
            self._pages[name] = page
        page.display = True
        self.page = page
        self.tabs.show(name)
        self.acts.hint(None)
        page.wants()
        page.opened()
        self.draw_page()
        # a page that was hidden has no size before it is laid out, and may have drawn for none
        self.call_after_refresh(self.draw_page)

    def own_polls(self) -> "tuple[Poll, ...]":
        """Return what the line on top wants to know."""
        from flock.tui.standing import POLLS

        return POLLS

    def draw_page(self) -> None:
        """Draw the open page now."""
        if self.page is not None and self.page.is_mounted:
            self._page_drawn = self.state.seen(*self.page.topics)
            self.page.draw()

    # -- the clock

    def _tick(self) -> None:
        pours = self.feed.drain() >= _POURING
        began = time.perf_counter()
        if pours and began < self._rested:
            return
        self._draw_new()
        ended = time.perf_counter()
        self._rested = ended + _REST * (ended - began)

    def _draw_new(self) -> None:
        state, page = self.state, self.page
        seen = state.seen("requests", "engines", "models", "answers", "link")
        if seen != self._drawn:
            self._drawn = seen
            self._draw_frame()
        self.acts.follow()
        if page is not None and state.seen(*page.topics) != self._page_drawn:
            self.draw_page()

    def _beat(self) -> None:
        if self.state.requests and self.page is not None and "requests" in self.page.topics:
            self.draw_page()

    def _draw_frame(self) -> None:
        from flock.tui.standing import counts

        self.top_bar.show(self.state, self.link.name, *counts(self.state))

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

    def _failed(self, op: "Op[Any]", error: "FlockError") -> None:
        # what a page asked for it shows in its place, with the hint: a toast would say it twice, and over it
        if self.page is None or all(poll.op != op for poll in self.page.polls()):
            self.acts.tell(error)

    def on_resize(self) -> None:
        """Draw for the new room."""
        if self.begun:
            self.call_after_refresh(self._draw_frame)
            self.call_after_refresh(self.draw_page)

    # -- keys

    async def on_event(self, event: events.Event) -> None:
        """Take keys and what is pasted one after the other: what a key opens is to get those behind it."""
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            await self._keys.take(event)
        else:
            await super().on_event(event)

    async def _opened(self) -> None:
        """Wait until the pages that are being opened stand."""
        pages = [worker.wait() for worker in self.workers if worker.group == "pages" and not worker.is_finished]
        await asyncio.gather(*pages, return_exceptions=True)

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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let nothing but quitting happen before there is a flock."""
        return self.begun or action in ("quit", "page")

    @property
    def fault(self) -> Exception | None:
        """What ended the screen that was nobody's wish."""
        return self._exception

    def _fatal_error(self) -> None:
        """End, and leave it to the caller what is said: Textual would print every local value, keys among them."""
        self._close_messages_no_wait()

    async def action_quit(self) -> None:
        """Close the screen; flock goes on."""
        self.exit(0)

    def on_unmount(self) -> None:
        """Let go of the daemon."""
        if self.begun:
            self.link.close()


def run(connect: "Connect", page: str = "home", theme: str = "") -> int:
    """Show the full screen until it is closed and return the exit code; `theme` is dark or light.

    `connect` returns the way to a flock and what carries out operations, asking nothing when its second argument is
    True; its FlockErrors are raised here, once the terminal is as it was, and InternalError for a fault of the screen.
    Colours go where NO_COLOR is set. Must be called where a terminal can be drawn on.
    """
    app = FlockApp(connect, page, theme)
    code = app.run()
    if app.failure is not None:
        raise app.failure
    if (fault := app.fault) is not None:
        from flock.errors import InternalError

        words = f"this is a fault in flock: {type(fault).__name__}: {fault}"
        raise InternalError(words, hint="FLOCK_DEBUG=1 flock tui") from fault
    return app.return_code or code or 0
