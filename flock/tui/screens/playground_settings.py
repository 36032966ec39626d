"""The settings of a conversation, in a box.

Owns the fields and what is wrong with them. Refuses to ask anybody. Opened by `playground.py`.
"""

from typing import ClassVar, Literal, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Static, TextArea

from flock.client import chat
from flock.tui import look
from flock.tui.screens.playground_talk import Settings, command, tools_of
from flock.tui.widgets.modal import FormBox
from flock.tui.widgets.writing import Paragraph

_THINKING: tuple[tuple[Literal["", "on", "off"], str], ...] = (("", "as the model does"), ("on", "on"), ("off", "off"))
# Lines of the box beside the fields: its frame, title, what is wrong, the command (two lines of it), the buttons
_AROUND = 10


class Choice(Static, can_focus=True):
    """One of a few words, changed by the arrows, the space bar or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "turn(1)", "Other", show=False),
        Binding("left", "turn(-1)", "Other", show=False),
    ]

    class Changed(Message):
        """Another word stands here."""

    def __init__(self, value: str, *, id: str) -> None:
        super().__init__(id=id)
        self.value = value

    def on_mount(self) -> None:
        """Show the word."""
        self._draw()

    def _draw(self) -> None:
        words = dict(_THINKING)[cast("Literal['', 'on', 'off']", self.value)]
        self.update(Content.assemble(("‹ ", "$text-muted"), words, (" ›", "$text-muted")))

    def action_turn(self, by: int) -> None:
        """Take the next word."""
        values = [value for value, _ in _THINKING]
        self.value = values[(values.index(cast("Literal['', 'on', 'off']", self.value)) + by) % len(values)]
        self._draw()
        self.post_message(self.Changed())

    def on_click(self, _event: events.Click) -> None:
        """Take the next word."""
        self.action_turn(1)


class ChatSettings(FormBox[Settings]):
    """Lets the settings be changed; gives them back, None when it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("ctrl+s", "send", "Keep"),
    ]

    DEFAULT_CSS = """
    ChatSettings > .box { max-width: 96; max-height: 100%; }
    ChatSettings VerticalScroll { height: auto; }
    ChatSettings .row { height: auto; }
    ChatSettings .label { width: 14; height: 1; padding: 0 1 0 0; text-align: right; }
    ChatSettings .field { width: 1fr; height: auto; }
    ChatSettings Input, ChatSettings Input:focus { height: 1; border: none; padding: 0 1; background: $panel; }
    ChatSettings TextArea, ChatSettings TextArea:focus { height: 3; border: none; padding: 0; background: $panel; }
    ChatSettings Choice { height: 1; width: 1fr; padding: 0 1; background: $panel; }
    ChatSettings Input:focus, ChatSettings TextArea:focus, ChatSettings Choice:focus { background: $primary 25%; }
    ChatSettings .help { color: $text-muted; height: auto; padding: 0 1; }
    ChatSettings .wrong { color: $text-error; height: auto; padding: 0 1; }
    ChatSettings #buttons { height: 1; align-horizontal: right; margin: 1 0 0 0; }
    ChatSettings Button { margin: 0 0 0 2; min-width: 10; height: 1; border: none; }
    """

    def __init__(self, settings: Settings, model: str) -> None:
        super().__init__()
        self._settings = settings
        self._model = model
        self._wrong = Static(classes="wrong")
        self._line = Static(classes="line")

    def compose(self) -> ComposeResult:
        """Put the fields below each other."""
        now = self._settings
        with Vertical(classes="box"):
            yield Static(look.plain("settings of this conversation"), classes="title")
            with VerticalScroll(can_focus=False):
                yield from _row("system", Paragraph(now.system, id="system", compact=True), "what stands before it all")
                degrees = "" if now.temperature is None else f"{now.temperature:g}"
                yield from _row(
                    "temperature",
                    Input(degrees, id="temperature", compact=True),
                    "0 for the likeliest answer, up to 2; empty: the model's own",
                )
                most = str(now.max_tokens or "")
                yield from _row(
                    "max tokens", Input(most, id="max-tokens", compact=True), "empty: as many as the model likes"
                )
                yield from _row(
                    "thinking", Choice(now.thinking, id="thinking"), "‹ › changes it, where the model has a switch"
                )
                yield from _row(
                    "tools",
                    Paragraph(now.tools, id="tools", compact=True),
                    'what the model may call, JSON: [{"name": "get_weather"}]',
                )
            yield self._wrong
            yield self._line
            with Horizontal(id="buttons"):
                yield Button("Close (esc)", id="close", compact=True)
                yield Button("Keep (ctrl+s)", id="send", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Begin at the top."""
        self._fit()
        self._spell()
        self.query_one("#system").focus()

    def on_resize(self) -> None:
        """Leave room for the command and the buttons."""
        self._fit()

    def _fit(self) -> None:
        self.query_one(VerticalScroll).styles.max_height = max(3, self.flock.size.height - _AROUND)

    def built(self) -> Settings:
        """Return what the fields say. Raises ValueError with a sentence."""
        degrees = self.query_one("#temperature", Input).value.strip()
        most = self.query_one("#max-tokens", Input).value.strip()
        tools = self.query_one("#tools", TextArea).text.strip()
        if tools:
            tools_of(tools)
        return Settings(
            system=self.query_one("#system", TextArea).text.strip(),
            temperature=_temperature(degrees),
            max_tokens=_tokens(most),
            thinking=cast("Literal['', 'on', 'off']", self.query_one("#thinking", Choice).value),
            tools=tools,
        )

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Choice.Changed)
    def _spell(self) -> None:
        try:
            line = self.flock.acts.spelled(command("…", self._model, self.built()))
        except ValueError as error:
            self._wrong.update(look.plain(str(error)))
            return
        self._wrong.update("")
        self._line.update(look.command(line))

    def action_send(self) -> None:
        """Give the settings back, or say what is wrong."""
        try:
            self.dismiss(self.built())
        except ValueError as error:
            self._wrong.update(look.plain(str(error)))


def _row(label: str, field: Input | TextArea | Choice, help: str) -> ComposeResult:
    with Horizontal(classes="row"):
        yield Static(Content(label), classes="label")
        with Vertical(classes="field"):
            yield field
            yield Static(look.plain(help), classes="help")


def _temperature(words: str) -> float | None:
    try:
        return chat.temperature(words)
    except ValueError as error:
        raise ValueError(f"temperature: {error}") from None


def _tokens(words: str) -> int:
    if not words:
        return 0
    if not words.isdecimal() or not int(words):
        raise ValueError(f"max tokens: {words!r} is no whole number above 0")
    return int(words)
