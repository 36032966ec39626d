"""Models: what is installed, what is in memory, what could be added, and what is being fetched.

Owns the places of the parts, the bar of memory, and which part is in front. Refuses to know a row of any list: the
parts do (`models_installed.py`, `models_catalog.py`). Called by `table.py`.
"""

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from flock.contract.models import AddModel
from flock.tui import look, look_models
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.screens.models_catalog import Catalog
from flock.tui.screens.models_installed import Held, Installed
from flock.tui.screens.models_part import HELD, Part
from flock.tui.state import Topic
from flock.tui.widgets.jobs import Jobs
from flock.tui.widgets.listing import Listing
from flock.tui.widgets.panel import put
from flock.tui.widgets.switch import Switch

# From this width on all that is known of a row stands beside the list, below it in two lines otherwise
_WIDE = 110
# and its cells, as the style sheet has them; two of them are a gap, two for the bar that scrolls
_SIDE, _WIDER_SIDE = 44, 68

_PARTS = (("installed", "i", "Installed"), ("catalog", "b", "Catalog"), ("memory", "m", "Memory"))


class ModelsPage(Page):
    """Models in three parts, one in front."""

    topics: ClassVar[tuple[Topic, ...]] = ("answers", "models", "jobs")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "part('installed')", "Installed"),
        Binding("b", "part('catalog')", "Browse"),
        Binding("m", "part('memory')", "What is in memory", show=False),
        Binding("a", "add", "Add one from the hub, Ollama, a file or a URL", show=False),
        Binding("w", "jobs", "The jobs below", show=False),
    ]
    notes: ClassVar[tuple[tuple[str, str], ...]] = (("enter", "everything known of a model; in the catalog, add it"),)

    DEFAULT_CSS = """
    ModelsPage #held, ModelsPage #whose { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ModelsPage Switch { padding: 0 1; }
    ModelsPage.-tall Switch { margin: 1 0; }
    ModelsPage #trouble { height: auto; display: none; padding: 0 1; }
    ModelsPage #body { height: 1fr; }
    ModelsPage #parts { width: 1fr; }
    ModelsPage #side { scrollbar-size-vertical: 1; width: 44; padding: 0 0 0 2; display: none; }
    ModelsPage #below { height: 2; padding: 0 2; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    ModelsPage.-wide #side { display: block; }
    ModelsPage.-wide #below { display: none; }
    ModelsPage.-wider #side { width: 68; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._tabs = Switch(_PARTS, id="which")
        self._bar, self._whose = Static(id="held"), Static(id="whose")
        self._trouble, self._side, self._below = Static(id="trouble"), Static(), Static(id="below")
        self._jobs = Jobs("model.add", "model.load", "files.fetch")
        self._parts: dict[str, Part] = {
            "installed": Installed("installed", self._jobs),
            "catalog": Catalog("catalog", self._jobs),
            "memory": Held("memory", self._jobs),
        }
        self._front = "installed"

    def compose(self) -> ComposeResult:
        """Put the memory on top, the jobs at the foot."""
        yield self._bar
        yield self._whose
        yield self._tabs
        yield self._trouble
        with Horizontal(id="body"):
            yield Vertical(*self._parts.values(), id="parts")
            with VerticalScroll(id="side", can_focus=False):
                yield self._side
        yield self._below
        yield self._jobs

    def on_mount(self) -> None:
        """Bring the first part to the front."""
        self._bring(self._front)

    @property
    def part(self) -> Part:
        """The part in front."""
        return self._parts[self._front]

    def polls(self) -> tuple[Poll, ...]:
        """Ask for what is in memory, and for what the part in front shows."""
        return (Poll(HELD, 5, ("models",)), *self.part.polls(), *self._jobs.polls())

    def opened(self) -> None:
        """Give the keyboard to the part in front."""
        self.part.opened()

    def draw(self) -> None:
        """Draw what is known."""
        width = self.size.width - 2
        self.set_class(self.size.width >= _WIDE, "-wide")
        self.set_class(self.size.width >= 180, "-wider")
        self.set_class(self.size.height >= 26, "-tall")
        held = self.state.answer(HELD)
        put(self._bar, look_models.memory(held, width))
        put(self._whose, look_models.legend(held, width))
        self._tabs.show(self._front)
        self.part.draw()
        self._jobs.draw()
        failed = self.part.failed
        self._trouble.display = failed is not None
        if failed is not None:
            put(self._trouble, look.trouble(failed.sentence, failed.hint), grows=True)
        self._beside()

    def _beside(self) -> None:
        """Draw what is told of the row under the cursor."""
        if self.size.width >= _WIDE:
            wide = _WIDER_SIDE - 4 if self.has_class("-wider") else _SIDE - 4
            put(self._side, self.part.detail(wide), grows=True)
        else:
            put(self._below, self.part.brief())

    def _bring(self, name: str) -> None:
        self._front = name
        self._tabs.show(name)
        for other, part in self._parts.items():
            part.display = other == name

    @on(Switch.Picked)
    def _picked(self, event: Switch.Picked) -> None:
        event.stop()
        self.action_part(event.name)

    @on(Listing.Moved)
    def _moved(self, event: Listing.Moved) -> None:
        event.stop()
        if event.listing is self.part.listing:
            self._beside()
            self.wants()

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no part that is in front already."""
        return (action, parameters) != ("part", (self._front,))

    def action_part(self, name: str) -> None:
        """Bring a part to the front."""
        self._bring(name)
        self.refresh_bindings()
        self.wants()
        self.draw()
        self.part.opened()

    def action_jobs(self) -> None:
        """Go to the jobs, or back to the list."""
        if self._jobs.has_focus_within or not self._jobs.display:
            self.part.opened()
        else:
            self._jobs.query_one(Listing).focus()

    @work
    async def action_add(self) -> None:
        """Let a source be typed, and show what adding it would do."""
        from flock.tui.widgets.form import Form

        op = await self.flock.push_screen_wait(Form(AddModel, {}))
        catalog = self._parts["catalog"]
        if isinstance(op, AddModel) and isinstance(catalog, Catalog):
            await catalog.install(op)
