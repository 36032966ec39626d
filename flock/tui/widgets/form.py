"""The form of an operation: a field for each of its own, and the command line that it becomes.

Owns how words become values, and what is wrong with them. Refuses to carry anything out: it gives an operation back.
Opened by `acts.py`; the same for every operation, from its declaration.
"""

import dataclasses
import shlex
import typing
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Button, Checkbox, Input, Static

from flock.contract.op import OPERATIONS, Op, hints, lister, option_name
from flock.errors import FlockError
from flock.show.nouns import views
from flock.tui import look
from flock.tui.meant import typed
from flock.tui.widgets.modal import FormBox

Field = dataclasses.Field[Any]

# On fewer lines than this the summary gives its place to the fields, of which this many lines are always seen
_LOW, _LEAST = 18, 3
# On fewer columns the names of the fields take less room
_NARROW = 60


class Unfit(ValueError):
    """A field is not filled in as it must be; `field` is its name."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field.replace('_', ' ')}: {sentence}")
        self.field = field


class Tick(Checkbox):
    """A switch whose mark goes when it is off: Textual's only changes colour, which not everybody sees."""

    def on_mount(self) -> None:
        """Show the mark of the value it begins with, of which nothing is heard."""
        self._mark()

    def watch_value(self) -> None:
        """Show the mark, or its place."""
        self._mark()
        super().watch_value()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines its words take; Textual's has one, and cuts off what is longer."""
        return Static.get_content_height(self, container, viewport, width)

    def _mark(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "
        self.refresh(layout=True)


def fields_of(kind: type[Op[Any]]) -> list[Field]:
    """Return the fields that a person fills in: those that a command line or standard input carries."""
    return [f for f in dataclasses.fields(kind) if f.metadata.get("kind") in ("arg", "flag", "secret")]  # pyright: ignore[reportArgumentType]


class Form(FormBox[Op[Any]]):
    """Lets an operation be filled in; gives it back, None when it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("ctrl+s", "send", "Do it"),
        Binding("ctrl+o", "choose", "Choose"),
    ]

    DEFAULT_CSS = """
    Form > .box { max-width: 96; max-height: 100%; }
    Form VerticalScroll { height: auto; max-height: 13; }
    Form .line { max-height: 3; }
    Form.-low .about { display: none; }
    Form.-low .line { max-height: 1; margin: 0; }
    Form.-low #buttons { margin: 0; }
    Form.-low .wrong { max-height: 2; }
    Form.-narrow .label { width: 11; }
    Form .about { color: $text-muted; height: auto; margin: 0 0 1 0; }
    Form .row { height: auto; }
    Form .label { width: 20; height: 1; padding: 0 1 0 0; text-align: right; color: $foreground; }
    Form .field { width: 1fr; height: auto; }
    Form Input, Form Input:focus { height: 1; border: none; padding: 0 1; background: $panel; }
    Form Input:focus { background: $primary 25%; }
    Form Input.-invalid { background: $error 25%; }
    Form Checkbox, Form Checkbox:focus {
        height: auto; width: 1fr; text-wrap: wrap; text-overflow: fold;
        border: none; padding: 0 1; background: transparent;
    }
    Form .help { color: $text-muted; height: auto; padding: 0 1; }
    Form .wrong { color: $text-error; height: auto; padding: 0 1; }
    Form #buttons { height: 1; align-horizontal: right; margin: 1 0 0 0; }
    Form Button { margin: 0 0 0 2; min-width: 10; height: 1; border: none; }
    """

    def __init__(self, kind: type[Op[Any]], given: dict[str, Any]) -> None:
        super().__init__()
        self._kind = kind
        self._given = given
        self._fields = fields_of(kind)
        self._refused: FlockError | None = None
        # what was typed when it was given back, by field
        self._typed: dict[str, str | bool] = {}
        self._line = Static(classes="line")
        self._wrong = Static(classes="wrong")

    def again(self, error: FlockError) -> "Form":
        """Return a form with what was typed into this one, and in it why that was refused."""
        form = self.fresh()
        form._typed, form._refused = self._typed, error
        return form

    def fresh(self) -> "Form":
        """Return the form as it was before anything was typed."""
        return Form(self._kind, self._given)

    def compose(self) -> ComposeResult:
        """Put the fields below each other, the command line below them."""
        with Vertical(classes="box"):
            yield Static(look.plain(" ".join(self._kind.spec.verb)), classes="title")
            yield Static(look.plain((self._kind.__doc__ or "").strip().partition("\n")[0]), classes="about")
            with VerticalScroll():
                for item in self._fields:
                    yield from self._row(item)
            yield self._wrong
            yield self._line
            with Horizontal(id="buttons"):
                yield Button("Close (esc)", id="close", compact=True)
                yield Button("Do it (ctrl+s)", id="send", variant="primary", compact=True)

    def on_resize(self) -> None:
        """Leave room for the command and the buttons, whatever the terminal's height."""
        self.set_class(self.flock.size.height < _LOW, "-low")
        self.set_class(self.flock.size.width < _NARROW, "-narrow")
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        if not self.query("#send"):
            return  # it is being opened, or closed
        scroll, box = self.query_one(VerticalScroll), self.query_one(".box")
        around = sum(
            c.outer_size.height + c.styles.margin.height for c in box.children if c is not scroll and c.display
        )
        scroll.styles.max_height = max(_LEAST, self.flock.size.height - around - box.gutter.height)

    def on_mount(self) -> None:
        """Begin at the first field that is not filled."""
        if not self.query("#send"):
            return  # it was closed while it was opened
        self._spell()
        empty = [f for f in self._fields if f.name not in self._given]
        if first := (empty or self._fields):
            self.query_one(f"#field-{first[0].name}").focus()

    def _row(self, item: Field) -> ComposeResult:
        hint = hints(self._kind)[item.name]
        value = self._given.get(item.name, None if item.default is dataclasses.MISSING else item.default)
        typed = self._typed.get(item.name)
        label = item.name.replace("_", " ") if item.metadata["kind"] != "flag" else option_name(item)
        with Horizontal(classes="row"):
            yield Static(Content(label), classes="label")
            with Vertical(classes="field"):
                if hint is bool:
                    on = bool(value) if typed is None else bool(typed)
                    yield Tick(Content(item.metadata["help"]), on, id=f"field-{item.name}")
                else:
                    secret = item.metadata["kind"] == "secret"
                    words = _spelled(value) if typed is None else str(typed)
                    yield Input(words, password=secret, id=f"field-{item.name}", compact=True)
                    chooses = item.metadata.get("choices") or lister(item.metadata["help"])
                    more = "  (ctrl+o: choose)" if chooses else ""
                    yield Static(look.plain(item.metadata["help"] + more), classes="help")

    # -- what is typed

    def built(self) -> Op[Any]:
        """Return the operation that the fields say. Raises Unfit for the first field that is wrong; who extends this
        may raise any ValueError with a sentence.
        """
        known = hints(self._kind)
        values: dict[str, Any] = {}
        for item in self._fields:
            if known[item.name] is bool:
                values[item.name] = self.query_one(f"#field-{item.name}", Checkbox).value
                continue
            words = self.query_one(f"#field-{item.name}", Input).value
            values[item.name] = _read(words, known[item.name], item)
        return self._kind(**{**self._inner(), **values})

    def _inner(self) -> dict[str, Any]:
        shown = {f.name for f in self._fields}
        return {name: value for name, value in self._given.items() if name not in shown}

    @on(Input.Changed)
    @on(Checkbox.Changed)
    def _spell(self) -> None:
        try:
            line = self.flock.acts.spelled(self.built())
        except ValueError:
            line = f"{self.flock.acts.command(self._kind)} …"
        self._line.update(look.command(line))
        if self._refused is not None and self._words() == self._typed:
            self._wrong.update(look.trouble(self._refused.sentence, self._refused.hint))
        else:
            self._wrong.update("")
        for field in self.query(Input):
            field.remove_class("-invalid")
        self.call_after_refresh(self._fit)

    def action_send(self) -> None:
        """Give the operation back, or say what is wrong."""
        try:
            op = self.built()
        except ValueError as error:
            if isinstance(error, Unfit):
                field = self.query_one(f"#field-{error.field}", Input)
                field.add_class("-invalid")
                field.focus()
            self._wrong.update(look.trouble(str(error)))
            self.call_after_refresh(self._fit)
            return
        self._typed = self._words()
        self.dismiss(op)

    def _words(self) -> dict[str, str | bool]:
        fields = {item.name: self.query_one(f"#field-{item.name}") for item in self._fields}
        return {name: field.value for name, field in fields.items() if isinstance(field, (Input, Checkbox))}

    @work
    async def action_choose(self) -> None:
        """Choose the value of the field with the keyboard from what there is."""
        field = self.focused
        if not isinstance(field, Input) or field.id is None:
            return
        item = next(f for f in self._fields if f.name == (field.id or "").removeprefix("field-"))
        from flock.tui.widgets.pick import Pick

        ids = list(item.metadata.get("choices") or await self._listed(item))
        if not ids:
            self._wrong.update(look.plain(f"nothing lists what {item.name.replace('_', ' ')} may be"))
        elif chosen := await self.flock.push_screen_wait(Pick(item.metadata["help"], ids)):
            field.value = chosen

    async def _listed(self, item: Field) -> list[str]:
        """Return the ids that the listing gives which a field's help names, [] where there is none."""
        words = lister(item.metadata["help"])
        listing = next((o for o in OPERATIONS.values() if o.spec.verb == words), None)
        if listing is None:
            return []
        value = await self.flock.acts.do(listing())
        ids: list[str] = views(listing()).ids(listing(), value) if value else []
        return ids


def _spelled(value: Any) -> str:
    """Return a value as a person would type it."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return shlex.join([str(v) for v in typing.cast("tuple[Any, ...]", value)])
    return str(value)


def _read(words: str, hint: Any, item: Field) -> Any:
    """Return the value that words stand for. Raises Unfit."""
    words = words.strip() if item.metadata["kind"] != "secret" else words
    missing = item.default is dataclasses.MISSING
    if not words:
        if missing:
            raise Unfit(item.name, f"is needed: {item.metadata['help']}")
        return item.default
    if typing.get_origin(hint) is tuple:
        try:
            return tuple(shlex.split(words))
        except ValueError as error:
            raise Unfit(item.name, f"{words!r} cannot be taken apart into words ({error})") from None
    try:
        return typed(words, hint)
    except ValueError:
        what = "a whole number" if int in (hint, *typing.get_args(hint)) else "a number"
        raise Unfit(item.name, f"{words!r} is not {what}") from None
