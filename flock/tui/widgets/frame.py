"""What stands around every page: the line on top, the row of pages, the banner, and the command below.

Owns how they look. Refuses to know where what they show comes from: `app.py` hands it in.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from flock.tui import look
from flock.tui.widgets.panel import put

if TYPE_CHECKING:
    from flock.tui.state import State


class TopBar(Static):
    """The name of the flock that is shown, how the link is, and what goes on."""

    DEFAULT_CSS = "TopBar { height: 1; background: $primary-background; color: $foreground; padding: 0 1; }"

    def show(self, state: "State", name: str, models: int | None, engines: int | None, today: str | None) -> None:
        """Show one line, the least needed left out where there is no room."""
        top = state.top
        left = Content.assemble(("flock ", "bold $text-accent"), (f"{name} " if name else "", "bold"))
        left += look.dot(state.connection)
        parts = [Content(f"{len(state.requests)} running")]
        if top is not None:
            parts.append(Content(f"{look.number(top.requests_per_minute)} rpm"))
            parts.append(Content(look.rate(top.tokens_per_second)))
        parts += [] if models is None else [Content(f"{models} model{'' if models == 1 else 's'}")]
        parts += [] if engines is None else [Content(f"{engines} engine{'' if engines == 1 else 's'}")]
        parts += [] if today is None else [Content(f"{look.usd(today)} today")]
        room = self.size.width - 2 - left.cell_length - 2
        while parts and sum(part.cell_length + 3 for part in parts) > room:
            parts.pop(min(2, len(parts) - 1))
        right = Content(" · ").join(parts)
        put(self, left + Content(" " * max(1, room + 2 - right.cell_length)) + right)


class Tabs(Static):
    """The pages, the open one marked; digits before them where there is room."""

    DEFAULT_CSS = "Tabs { height: 1; background: $panel; padding: 0 1; }"

    class Picked(Message):
        """A page was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, pages: Sequence[tuple[str, str, str]]) -> None:
        """Take each page's name, key and title."""
        super().__init__()
        self._pages = tuple(pages)
        self._open = ""
        self._badges: dict[str, str] = {}
        self._places: list[tuple[int, int, str]] = []

    def show(self, name: str) -> None:
        """Mark the open page."""
        self._open = name
        self._draw()

    def badge(self, name: str, words: str) -> None:
        """Put something short behind the title of a page, such as how much is wrong there; "" takes it away."""
        if words != self._badges.get(name, ""):
            self._badges[name] = words
            self._draw()

    def on_resize(self, _event: events.Resize) -> None:
        """Fit the titles to the room."""
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """Open the page that was clicked."""
        for start, end, name in self._places:
            if start <= event.x - 1 < end:
                self.post_message(self.Picked(name))

    def _draw(self) -> None:
        wide = self.size.width
        badges = {name: f" {words}" for name, words in self._badges.items() if words}
        more = sum(map(len, badges.values()))
        with_keys = sum(len(f"{key} {title}") + 2 for _, key, title in self._pages) + more <= wide
        if sum(len(title) + 1 for _, _, title in self._pages) - 1 + more > wide:
            badges = {}
        parts: list[Content] = []
        self._places, at = [], 0
        for name, key, title in self._pages:
            words = f"{key} {title}" if with_keys else title
            style = "bold $text-accent underline" if name == self._open else "$text-muted"
            part = Content.assemble((words, style), (badges.get(name, ""), "bold $text-warning"))
            self._places.append((at, at + part.cell_length, name))
            at += part.cell_length + (2 if with_keys else 1)
            parts.append(part)
        self.update(Content("  " if with_keys else " ").join(parts))


class Banner(Static):
    """What is wrong with the connection; nothing while it is well."""

    DEFAULT_CSS = """
    Banner { height: auto; background: $error-muted; color: $text-error; padding: 0 1; display: none; }
    Banner.-shown { display: block; }
    """

    def show(self, words: str) -> None:
        """Show a sentence, or nothing."""
        self.set_class(bool(words), "-shown")
        if words:
            self.update(look.plain(words))


class KeyLine(Static):
    """The keys that do something here; a click is the key.

    Not Textual's footer: that one makes widgets anew with every change and, in 8.2.8, keeps all the old ones.
    """

    DEFAULT_CSS = "KeyLine { height: 1; background: $panel; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []
        self._shown: list[tuple[str, str, str]] = []

    def on_mount(self) -> None:
        """Hear of every change of what keys do."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)  # pyright: ignore[reportUnknownMemberType]

    def _changed(self, screen: Screen[object]) -> None:
        if screen is not self.screen:
            return
        keys = [
            (binding.key, self.flock_key(binding), binding.description)
            for _, binding, enabled, _ in screen.active_bindings.values()
            if binding.show and enabled and binding.description
        ]
        if keys != self._shown:
            self._shown = keys
            self._draw()

    def flock_key(self, binding: Binding) -> str:
        """Return how a key is shown."""
        return self.app.get_key_display(binding)  # pyright: ignore[reportUnknownMemberType]

    def on_resize(self, _event: events.Resize) -> None:
        """Leave out what has no room."""
        self._draw()

    def _draw(self) -> None:
        room, parts, at = self.size.width - 2, list[Content](), 0
        self._places = []
        once: dict[str, tuple[str, str, str]] = {}
        for one in self._shown:  # each action once, under its first key
            once.setdefault(one[2], one)
        for key, shown, words in once.values():
            wide = len(shown) + 1 + len(words)
            if at + wide > room:
                continue
            self._places.append((at, at + wide, key))
            at += wide + 2
            parts.append(Content.assemble((shown, "bold $text-accent"), f" {words}"))
        self.update(Content("  ").join(parts))

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for start, end, key in self._places:
            if start <= event.x - 1 < end:
                self.app.simulate_key(key)  # pyright: ignore[reportUnknownMemberType]


class CommandStrip(Static):
    """The command that a key stands for, or that was last carried out; a click copies it."""

    DEFAULT_CSS = (
        "CommandStrip { height: 1; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }"
    )

    class Copied(Message):
        """The line was clicked."""

    def show(self, line: str, note: str = "") -> None:
        """Show a command line, and how it stands with it."""
        words = look.command(line) if line else Content("")
        if note:
            words = Content("   ").join([words, look.dim(note)]) if line else look.dim(note)
        put(self, words)

    def on_click(self) -> None:
        """Ask for a copy."""
        self.post_message(self.Copied())
