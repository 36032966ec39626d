"""The edit of one setting: what it is, what it may be, what hides it, and the value to be.

Owns the field and what is said in place of a value that is refused. Refuses to judge a value: the operation does, and
its sentence is shown. Opened by the page of settings.
"""

from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Checkbox, Input, Static

from flock.contract.settings import SetConfig, Setting, SettingChanged
from flock.errors import FlockError
from flock.tui import look
from flock.tui.screens import settings_look as looks
from flock.tui.widgets.form import Tick
from flock.tui.widgets.modal import FormBox


class EditSetting(FormBox[tuple[SetConfig, SettingChanged]]):
    """Sets a setting; gives back what was carried out and its answer, None when it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("ctrl+s", "send", "Set it"),
    ]

    DEFAULT_CSS = """
    EditSetting > .box { max-width: 84; }
    EditSetting .about { height: auto; color: $text-muted; }
    EditSetting .hides { height: auto; color: $text-warning; }
    EditSetting .wrong { height: auto; color: $text-error; }
    EditSetting Input, EditSetting Input:focus {
        height: 1; border: none; padding: 0 1; background: $panel; margin: 1 0 0 0;
    }
    EditSetting Input:focus { background: $primary 25%; }
    EditSetting Checkbox, EditSetting Checkbox:focus {
        height: 1; border: none; padding: 0 1; background: transparent; margin: 1 0 0 0;
    }
    EditSetting #buttons { height: 1; align-horizontal: right; margin: 1 0 0 0; }
    EditSetting Button { margin: 0 0 0 2; min-width: 10; }
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._setting = setting
        self._line, self._wrong = Static(classes="line"), Static(classes="wrong")
        coming: Any = setting.value if setting.next is None else setting.next
        self._field: Input | Checkbox = (
            Tick("on", coming, id="value")
            if isinstance(setting.value, bool)
            else Input(looks.words(coming), id="value", compact=True)
        )

    def compose(self) -> ComposeResult:
        """Put what is known over the field, the command below it."""
        setting = self._setting
        with Vertical(classes="box"):
            yield Static(look.plain(setting.key), classes="title")
            yield Static(look.plain(setting.summary), classes="about")
            if setting.allowed:
                yield Static(look.pairs([("may be", setting.allowed)]), classes="about")
            yield Static(looks.now(setting), classes="about")
            if hidden := looks.hides(setting):
                yield Static(look.plain(hidden), classes="hides")
            yield self._field
            yield self._wrong
            yield self._line
            with Horizontal(id="buttons"):
                yield Button("Close (esc)", id="close", compact=True)
                yield Button("Set it (enter)", id="send", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Begin in the field."""
        self._spell()
        self._field.focus()

    @property
    def op(self) -> SetConfig:
        """The operation that the field says."""
        value = self._field.value
        return SetConfig(key=self._setting.key, value=looks.words(value) if isinstance(value, bool) else value.strip())

    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _spell(self) -> None:
        self._line.update(look.command(self.flock.acts.spelled(self.op)))
        self._wrong.update("")
        self._field.remove_class("-invalid")

    @work(exclusive=True)
    async def action_send(self) -> None:
        """Set the value, or show in place why it cannot be."""
        op = self.op
        self._wrong.update(look.dim("…"))
        try:
            changed = await self.flock.acts.carry(op)
        except FlockError as error:
            self._wrong.update(look.trouble(error.sentence, error.hint))
            self._field.add_class("-invalid")
            return
        self.dismiss((op, changed))
