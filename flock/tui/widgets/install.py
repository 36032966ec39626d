"""Before a model is added: what it would mean, and the choice to do it.

Owns asking for the plan (`model add --dry-run`) and showing it. Refuses to add: it gives the operation back. Opened by
the page of models.
"""

import dataclasses
import os
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from flock.contract.jobs import Job
from flock.contract.models import AddModel
from flock.contract.op import command_line
from flock.errors import FlockError
from flock.tui import look, look_models
from flock.tui.widgets.modal import Modal

# Lines of the box beside the plan: its frame, title, command of two lines, buttons, the gaps before both
_AROUND = 8


class Install(Modal[AddModel]):
    """Shows what adding a model would do; gives back what is to be carried out, None when it was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("enter,ctrl+s", "go", "Install", priority=True, show=False),
        Binding("o", "options", "Options"),
        Binding("e", "engine", "Engine"),
        Binding("l", "load", "Load or not"),
    ]

    DEFAULT_CSS = """
    Install > .box { max-width: 96; max-height: 100%; }
    Install VerticalScroll { height: auto; }
    Install #told { height: auto; margin: 0 0 1 0; }
    Install #plan { height: auto; }
    Install Horizontal { height: 1; align-horizontal: right; margin: 1 0 0 0; }
    Install Button { margin: 0 0 0 2; min-width: 10; height: 1; border: none; }
    """

    def __init__(self, op: AddModel) -> None:
        super().__init__()
        self._op = op
        self._told, self._plan, self._line = Static(id="told"), Static(id="plan"), Static(classes="line")
        self._ready = False

    def compose(self) -> ComposeResult:
        """Put the plan over the command and the buttons."""
        with Vertical(classes="box"):
            yield Static(look.plain(f"Add {self._op.name or self._op.source}"), classes="title")
            with VerticalScroll():
                yield self._told
                yield self._plan
            yield self._line
            with Horizontal():
                yield Button("Options (o)", id="options", compact=True)
                yield Button("Close (esc)", id="close", compact=True)
                yield Button("Install (enter)", id="go", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Ask for the plan."""
        self.query_one(VerticalScroll).focus()
        self.ask_plan()

    def on_resize(self) -> None:
        """Leave room for the command and the buttons, whatever the terminal's height."""
        for words in self.query(VerticalScroll):  # none yet, or no more, while the box is opened or closed
            words.styles.max_height = max(3, self.flock.size.height - _AROUND)

    @work(exclusive=True)
    async def ask_plan(self) -> None:
        """Ask what adding it would do, and show that."""
        self._ready = False
        self.query_one("#go", Button).disabled = True
        self._spell()
        self._told.update(look.dim("asking what it would take …"))
        self._plan.update("")
        try:
            job = await self.flock.link.call(dataclasses.replace(self._op, dry_run=True))
        except FlockError as error:
            self._told.update(look.trouble(error.sentence, error.hint))
            return
        if not isinstance(job, Job) or job.plan is None:
            self._told.update(look.plain(job.message))
            return
        self._ready = True
        # what does not fit is added only by whoever says so, which this dialog's button then does
        self._op = dataclasses.replace(self._op, force=not job.plan.fits)
        self._told.update(look_models.plan(job.plan))
        self._plan.update(look_models.planned(job.plan, self.query_one(VerticalScroll).size.width - 1))
        go = self.query_one("#go", Button)
        go.label = Content("Install (enter)" if job.plan.fits else "Install anyway (enter)")
        go.disabled = False
        self._spell()

    def _spell(self) -> None:
        self._line.update(look.command(command_line(self._op)))

    def action_go(self) -> None:
        """Give the operation back once its plan is there."""
        focused = self.focused
        if isinstance(focused, Button) and focused.id != "go":
            focused.press()
        elif self._ready:
            self.dismiss(self._op)

    @work
    async def action_options(self) -> None:
        """Let every option be filled in, and plan anew."""
        from flock.tui.widgets.form import Form

        given: dict[str, Any] = {f.name: getattr(self._op, f.name) for f in dataclasses.fields(self._op)}
        given["dry_run"] = False
        op = await self.flock.push_screen_wait(Form(AddModel, given))
        if isinstance(op, AddModel):
            self._op = here(op, self.flock.link.slow)
            self.ask_plan()

    @work
    async def action_engine(self) -> None:
        """Let the engine be chosen, and plan anew."""
        from flock.tui.widgets.pick import Pick

        field = next(f for f in dataclasses.fields(AddModel) if f.name == "engine")
        kind = await self.flock.push_screen_wait(Pick("the engine that is to serve it", field.metadata["choices"]))
        if kind:
            self._op = dataclasses.replace(self._op, engine=kind, force=False)
            self.ask_plan()

    def action_load(self) -> None:
        """Load it once it is there, or not."""
        self._op = dataclasses.replace(self._op, load=not self._op.load)
        self._spell()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "options":
            self.action_options()
        elif event.button.id == "close":
            self.action_close()
        elif self._ready:
            self.dismiss(self._op)


def here(op: AddModel, elsewhere: bool) -> AddModel:
    """Return the addition to be carried out, its file named from the root: the daemon stands in another directory.
    Files of another machine are left as they are written.
    """
    op = dataclasses.replace(op, dry_run=False)
    path = op.source.removeprefix("file:")
    if elsewhere or path == op.source or path.startswith("//"):
        return op
    return dataclasses.replace(op, source="file:" + os.path.abspath(os.path.expanduser(path)))
