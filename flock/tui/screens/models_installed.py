"""The installed models, and the same ones by what they take in memory: states, figures, and all that is done to them.

Owns the columns and the keys of both lists. Refuses to know the catalog. Parts of `models.py`.
"""

from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from flock.contract.catalog import ListPicks, ShowModelInfo
from flock.contract.models import (
    ConfigureModel,
    LoadModel,
    Model,
    RemoveModel,
    SetDefaultModel,
    UnloadModel,
    ValidateModel,
)
from flock.contract.op import Op
from flock.contract.presets import ListPresets, SavePreset
from flock.tui import look, look_models
from flock.tui.polls import Poll
from flock.tui.screens.models_part import HELD, MODELS, Part
from flock.tui.widgets import jobs
from flock.tui.widgets.jobs import Jobs
from flock.tui.widgets.listing import Column, Listing, Row

PICKS = ListPicks()
_NONE = "no model is installed; b shows the catalog: flock model search"
_NOT_HELD = "no model is in memory; the first request for one loads it, or l in the list: flock model load ID"
# Cells of the bar in a row: of a list with other columns, and of the one that is about memory
_BAR, _WIDE_BAR = 8, 28

_COLUMNS = (
    Column("id", grow=True, least=20),
    Column("state"),
    Column("marks", spare=3),
    Column("memory", spare=1),
    Column("busy", spare=2),
    Column("used", spare=5),
    Column("context", right=True, spare=4),
    Column("engine", spare=6, most=28),
    Column("size", right=True, spare=7),
    Column("quant", spare=8),
)
_HELD_COLUMNS = (
    Column("id", grow=True, least=20),
    Column("state"),
    Column("memory"),
    Column("busy"),
    Column("slots", right=True, spare=3),
    Column("used", spare=2),
    Column("keep", spare=1),
    Column("engine", spare=4),
)


class Installed(Part):
    """The models that answer."""

    asks: Op[Any] = MODELS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "load", "Load"),
        Binding("o", "unload", "Unload"),
        Binding("L", "load_swap", "Load, and let idle ones go for it", show=False),
        Binding("p", "pin", "Load and keep it in memory", show=False),
        Binding("t", "default", "Let it answer requests that name no model", show=False),
        Binding("c", "config", "Change how it is loaded", show=False),
        Binding("v", "validate", "Check its files", show=False),
        Binding("s", "save", "Save its settings as a preset", show=False),
        Binding("e", "presets", "Show the presets", show=False),
        Binding("delete,backspace", "remove", "Remove it", show=False, key_display="del"),
    ]

    def __init__(self, id: str, jobs: Jobs) -> None:
        super().__init__(id, jobs)
        self.listing = Listing(_COLUMNS, _NONE)

    def compose(self) -> ComposeResult:
        """Put nothing beside the list."""
        yield self.listing

    def polls(self) -> tuple[Poll, ...]:
        """Ask for the models, and for picks where nothing is there yet."""
        return (Poll(MODELS, 3, ("models",)), *((Poll(PICKS, 600),) if self._is_bare() else ()))

    def rows(self) -> list[Row]:
        """Return a row for each model."""
        held = self.held()
        budget = held.budget_bytes if held is not None else None
        return [self._row(model, budget) for model in self.models() or ()]

    def draw(self) -> None:
        """Draw what is known."""
        if self.models() is None:
            self.listing.show([], "asking …" if self.failed is None else "nothing is known: flock model ls")
            return
        self.listing.show(self.rows(), self.nothing())

    def nothing(self) -> str:
        """Return what is said where there is no row."""
        return _NONE

    def detail(self, width: int) -> Content:
        """Return all that is known of the model under the cursor."""
        model = self.current()
        return Content("") if model is None else look_models.installed(model, self.now, width)

    def brief(self) -> Content:
        """Return what has no column, or what to do where only the built-in model is there."""
        model = self.current()
        picks = self.state.answer(PICKS)
        if self._is_bare() and picks:
            suits = look.dim(f"{picks[0].id} suits this machine best ({picks[0].verdict}); b shows the catalog")
            return Content("\n").join([suits, look.command(f"flock model add {picks[0].id}")])
        return Content("") if model is None else look_models.brief(model, self.now)

    def hinted(self) -> Op[Any] | None:
        """Return what Enter shows."""
        return ShowModelInfo(id=self.listing.current) if self.listing.current else None

    def current(self) -> Model | None:
        """Return the model under the cursor."""
        return next((model for model in self.models() or () if model.id == self.listing.current), None)

    def _is_bare(self) -> bool:
        models = self.models()
        return models is not None and all(model.source == "built-in" for model in models)

    def _row(self, m: Model, budget: int | None) -> Row:
        job = jobs.running(self.state, "model.load", m.id) or jobs.running(self.state, "model.add", m.id)
        return m.id, (
            m.id,
            look_models.state(m, job),
            look_models.marks(m),
            look_models.share(m, budget, _BAR),
            look_models.busy(m),
            look_models.idle(m, self.now),
            look_models.context(m),
            m.engine,
            look.size(m.size_bytes),
            m.quant or look.NONE,
        )

    # -- acts

    @on(Listing.Chosen)
    @work
    async def _chosen(self, event: Listing.Chosen) -> None:
        event.stop()
        await self.flock.acts.show(ShowModelInfo(id=event.key))

    @work
    async def action_load(self) -> None:
        """Load the model under the cursor."""
        if (model := self.current()) is not None:
            await self.begin(LoadModel(id=model.id))

    @work
    async def action_load_swap(self) -> None:
        """Load it and let idle ones go where there is no room."""
        if (model := self.current()) is not None:
            await self.begin(LoadModel(id=model.id, swap=True))

    @work
    async def action_pin(self) -> None:
        """Load it and keep it in memory until it is unloaded."""
        if (model := self.current()) is not None:
            await self.begin(LoadModel(id=model.id, pin=True))

    @work
    async def action_unload(self) -> None:
        """Take it out of memory."""
        if (model := self.current()) is not None:
            await self.do(UnloadModel(id=model.id), done=f"{model.id} is unloaded")

    @work
    async def action_default(self) -> None:
        """Let it answer requests that name no model."""
        if (model := self.current()) is not None:
            await self.do(SetDefaultModel(id=model.id), done=f"{model.id} answers requests that name no model")

    @work
    async def action_validate(self) -> None:
        """Check its files and show what was found."""
        if (model := self.current()) is not None:
            await self.flock.acts.show(ValidateModel(id=model.id))

    @work
    async def action_remove(self) -> None:
        """Remove it, after a question."""
        if (model := self.current()) is not None:
            await self.do(RemoveModel(id=model.id), done=f"{model.id} is removed")

    def action_config(self) -> None:
        """Open the form of how it is loaded, with what was set for it."""
        if (model := self.current()) is not None:
            self.ask(ConfigureModel, id=model.id, **_set(model))

    def action_save(self) -> None:
        """Save its settings under a name."""
        if (model := self.current()) is not None:
            self.ask(SavePreset, model=model.id)

    @work
    async def action_presets(self) -> None:
        """Show the presets."""
        await self.flock.acts.show(ListPresets())


class Held(Installed):
    """The models in memory, by what they take."""

    asks: Op[Any] = HELD

    def __init__(self, id: str, jobs: Jobs) -> None:
        super().__init__(id, jobs)
        self.listing = Listing(_HELD_COLUMNS, _NOT_HELD)

    def rows(self) -> list[Row]:
        """Return a row for each model in memory, the largest first."""
        held = self.held()
        if held is None:
            return []
        models = sorted(self._models(), key=lambda model: -(model.memory_bytes or 0))
        room = self.listing.size.width
        bar = _WIDE_BAR if room >= 100 else 12
        return [self._held_row(model, held.budget_bytes, bar) for model in models]

    def nothing(self) -> str:
        """Return what is said where none is in memory."""
        return _NOT_HELD

    def current(self) -> Model | None:
        """Return the model under the cursor."""
        return next((model for model in self._models() if model.id == self.listing.current), None)

    def _models(self) -> list[Model]:
        """Return those in memory, each in the state that the newest word says."""
        held = self.held()
        newest = {model.id: model for model in self.models() or ()}
        found = [newest.get(model.id, model) for model in (held.models if held is not None else ())]
        return [model for model in found if model.state != "stopped"]

    def _held_row(self, m: Model, budget: int, bar: int) -> Row:
        keep = "pinned" if m.pinned else f"priority {m.priority}" if m.priority else ""
        return m.id, (
            m.id,
            look_models.state(m, jobs.running(self.state, "model.load", m.id)),
            look_models.share(m, budget, bar),
            look_models.busy(m),
            str(m.slots or look.NONE),
            look_models.idle(m, self.now),
            keep,
            m.engine,
        )


def _set(model: Model) -> dict[str, Any]:
    """Return what was set for a model as the fields of its form take it."""
    config = model.config
    if config is None:
        return {}
    found: dict[str, Any] = {}
    for name in ("context", "slots", "kv_type", "flash_attention", "gpu_layers", "threads", "draft", "draft_tokens",
                 "template", "tool_parser", "reasoning_parser", "engine", "idle_seconds"):  # fmt: skip
        value = getattr(config, name)
        if value not in (None, ""):
            found[name] = f"{value:g}" if isinstance(value, float) else str(value)
    if config.trust_remote_code:
        found["trust_remote_code"] = "on"
    return found
