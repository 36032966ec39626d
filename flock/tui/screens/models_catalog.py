"""The catalog of models: searched while typing, ordered, narrowed down to what fits; adding one.

Owns the search and its words; it is done here and not by the daemon, so that each letter shows at once over any line.
Refuses to fetch anything itself: the dialog of an addition gives an operation. Part of `models.py`.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from flock.contract.catalog import CAPABILITIES, CatalogModel, SearchCatalog, ShowModelInfo
from flock.contract.models import AddModel
from flock.contract.op import Op
from flock.tui import look, look_models
from flock.tui.polls import Poll
from flock.tui.screens.models_part import Part
from flock.tui.widgets.install import Install, here
from flock.tui.widgets.jobs import Jobs
from flock.tui.widgets.listing import Column, Listing, Row
from flock.tui.widgets.panel import put

ALL = SearchCatalog()
_NONE = "no model of the catalog is meant; esc shows all of them: flock model search"

Sort = Literal["", "released", "size", "name"]
# The orders in the order in which a key goes through them; the daemon's own first (core/catalog.py `_SORTS`)
_SORTS: dict[Sort, Callable[[CatalogModel], Any]] = {
    "": lambda _: 0,
    "released": lambda m: [-int(part) for part in m.released.split("-")] if m.released else [0],
    "size": lambda m: (m.size_bytes is None, m.size_bytes or 0, m.id),
    "name": lambda m: m.id,
}
_ANY = "anything"

_COLUMNS = (
    Column("id", grow=True, least=20),
    Column("size", right=True),
    Column("needs", right=True, spare=3),
    Column("here"),
    Column("licence", spare=1, most=20),
    Column("released", spare=4),
    Column("can", spare=5, most=44),
    Column("engine", spare=6),
)


class Search(Input):
    """Where words are typed; the arrow down and Enter go to the list, Escape takes the words back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(True)", "All", show=False),
        Binding("down,enter", "leave(False)", "List", show=False),
    ]

    def action_leave(self, clear: bool) -> None:
        """Go to the list."""
        if clear:
            self.value = ""
        part = next((one for one in self.ancestors if isinstance(one, Catalog)), None)
        if part is not None:
            part.listing.focus()


class Catalog(Part):
    """What could be added."""

    asks: Op[Any] = ALL
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/"),
        Binding("s", "sort", "Order", show=False),
        Binding("f", "fits", "Fits"),
        Binding("k", "capability", "Only what can do something", show=False),
        Binding("h", "hide", "Only what is not added yet", show=False),
        Binding("space", "info", "Everything known of it", show=False),
        Binding("escape", "clear", "Show all again", show=False),
    ]

    DEFAULT_CSS = """
    Catalog #narrow { height: 1; }
    Catalog Search, Catalog Search:focus {
        width: 22; height: 1; border: none; padding: 0 1; margin: 0 2 0 0; background: $panel;
    }
    Catalog Search:focus { background: $primary 25%; }
    Catalog #filters { width: 1fr; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, id: str, jobs: Jobs) -> None:
        super().__init__(id, jobs)
        self.listing = Listing(_COLUMNS, _NONE)
        self._filters = Static(id="filters")
        self._query, self._capability = "", ""
        self._sort: Sort = ""
        self._fits = self._hides = False

    def compose(self) -> ComposeResult:
        """Put the search over the list."""
        with Horizontal(id="narrow"):
            yield Search(placeholder="/ to search", compact=True)
            yield self._filters
        yield self.listing

    def polls(self) -> tuple[Poll, ...]:
        """Ask for the whole catalog now and then, and for all that is known of the entry under the cursor."""
        found = (Poll(ALL, 60, ("models",)),)
        if (entry := self.current()) is not None:
            found += (Poll(ShowModelInfo(id=entry.id), 300),)
        return found

    def draw(self) -> None:
        """Draw what is meant."""
        known: list[CatalogModel] | None = self.state.answer(ALL)
        if known is None:
            self.listing.show([], "asking …" if self.failed is None else "nothing is known: flock model search")
            return
        meant = sorted((m for m in known if self._is_meant(m)), key=_SORTS[self._sort])
        chosen = look_models.filters(self._sort, self._fits, self._capability, self._hides, len(meant), len(known))
        put(self._filters, chosen)
        self.listing.show([_row(m) for m in meant], _NONE)

    def detail(self, width: int) -> Content:
        """Return all that is known of the entry under the cursor."""
        entry = self.current()
        if entry is None:
            return Content("")
        return look_models.described(entry, self.state.answer(ShowModelInfo(id=entry.id)), width)

    def brief(self) -> Content:
        """Return the verdict and what a user must know."""
        entry = self.current()
        return Content("") if entry is None else look_models.entry_brief(entry)

    def hinted(self) -> Op[Any] | None:
        """Return what Enter begins; the search where it finds nothing."""
        entry = self.current()
        if entry is None:
            return self._search()
        return ShowModelInfo(id=entry.id) if entry.installed else AddModel(source=entry.id)

    def current(self) -> CatalogModel | None:
        """Return the entry under the cursor."""
        return next((m for m in self.state.answer(ALL) or () if m.id == self.listing.current), None)

    def _search(self) -> SearchCatalog:
        return SearchCatalog(query=self._query, sort=self._sort, capability=self._capability, fits=self._fits)

    def _is_meant(self, m: CatalogModel) -> bool:
        """Whether an entry is meant, as the daemon decides it (core/catalog.py `_meant`)."""
        told = " ".join((m.id, m.name, m.family, m.license, *m.capabilities)).lower()
        return (
            all(word in told for word in self._query.lower().split())
            and (not self._capability or self._capability in m.capabilities)
            and (m.fits or not self._fits)
            and not (m.installed and self._hides)
        )

    def _narrow(self) -> None:
        self.draw()
        self.says(self._search())

    # -- acts

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._query = event.value.strip()
        self._narrow()

    @on(Listing.Chosen)
    @work
    async def _chosen(self, event: Listing.Chosen) -> None:
        event.stop()
        entry = self.current()
        if entry is not None and entry.installed:
            await self.flock.acts.show(ShowModelInfo(id=entry.id))
        elif entry is not None:
            await self.install(AddModel(source=entry.id))

    async def install(self, op: AddModel) -> None:
        """Show what an addition would do and begin it if that is wanted. Must run in a worker."""
        wanted = await self.flock.push_screen_wait(Install(here(op, self.flock.link.slow)))
        if not isinstance(wanted, AddModel):
            self.shows(op, "not done")
            return
        await self.begin(wanted)

    def action_search(self) -> None:
        """Type what is searched for."""
        self.query_one(Search).focus()

    def action_clear(self) -> None:
        """Show all again."""
        self._fits = self._hides = False
        self._capability = ""
        self.query_one(Search).value = ""
        self._narrow()

    def action_sort(self) -> None:
        """Take the next order."""
        orders = list(_SORTS)
        self._sort = orders[(orders.index(self._sort) + 1) % len(orders)]
        self._narrow()

    def action_fits(self) -> None:
        """Show only what fits, or all."""
        self._fits = not self._fits
        self._narrow()

    def action_hide(self) -> None:
        """Show only what is not added, or all."""
        self._hides = not self._hides
        self._narrow()

    @work
    async def action_capability(self) -> None:
        """Choose what a model must be able to do."""
        from flock.tui.widgets.pick import Pick

        chosen = await self.flock.push_screen_wait(Pick("what it must be able to do", (_ANY, *CAPABILITIES)))
        if chosen:
            self._capability = "" if chosen == _ANY else chosen
            self._narrow()

    @work
    async def action_info(self) -> None:
        """Show everything known of the entry under the cursor."""
        if (entry := self.current()) is not None:
            await self.flock.acts.show(ShowModelInfo(id=entry.id))


def _row(m: CatalogModel) -> Row:
    return m.id, (
        look_models.entry_name(m),
        look.size(m.size_bytes),
        look.size(m.needs_bytes),
        look_models.fits(m),
        look_models.licence(m),
        m.released or look.NONE,
        look.dim(look_models.can(m)),
        m.engine or look.NONE,
    )
