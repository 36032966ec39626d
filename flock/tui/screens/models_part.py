"""What the parts of the models' page share: a list, and what is told of the row under its cursor.

Owns the words between a part and its page. Refuses to know what is listed. Subclassed by `models_installed.py` and
`models_catalog.py`; the page is `models.py`.
"""

from typing import Any

from textual import on
from textual.content import Content

from flock.contract.jobs import Job
from flock.contract.models import ListModels, ListResidents, Model, Residents
from flock.contract.op import Op
from flock.errors import FlockError
from flock.tui.page import Page
from flock.tui.widgets.jobs import Jobs
from flock.tui.widgets.listing import Listing

MODELS, HELD = ListModels(), ListResidents()


class Part(Page):
    """A part of the page; `listing` has its rows, `asks` is what it shows the answer of."""

    listing: Listing
    asks: Op[Any]

    DEFAULT_CSS = "Part { padding: 0; }"

    def __init__(self, id: str, jobs: Jobs) -> None:
        super().__init__(id=id)
        self._jobs = jobs
        self._told: str | None = None  # the row whose command stands below, or that a newer word stands there for

    @property
    def failed(self) -> FlockError | None:
        """Why there is nothing newer to show, None when there is."""
        return self.state.failure(self.asks)

    def detail(self, width: int) -> Content:
        """Return all that is known of the row under the cursor, for a wide terminal and so many cells."""
        return Content("")

    def brief(self) -> Content:
        """Return what the list leaves out of that row, in two lines, for a narrow one."""
        return Content("")

    def hinted(self) -> Op[Any] | None:
        """Return what Enter would do."""
        return None

    def opened(self) -> None:
        """Take the keyboard."""
        self.listing.focus()
        self.says(self.hinted())

    def held(self) -> Residents | None:
        """Return what is in memory."""
        return self.state.answer(HELD)

    def models(self) -> list[Model] | None:
        """Return the installed models, None before they are known."""
        return self.state.models(MODELS)

    def says(self, op: Op[Any] | None) -> None:
        """Show a command line below until the cursor goes to another row."""
        self._told = self.listing.current
        self.shows(op)

    async def begin(self, op: Op[Any]) -> None:
        """Carry out what becomes a job, and remember what began it."""
        value = await self.do(op)
        if isinstance(value, Job):
            self._jobs.begun(value, op)

    @on(Listing.Moved)
    def _moved(self, event: Listing.Moved) -> None:
        # goes on to the page, which draws what is beside the list; a list in another order moves its cursor too
        if self.listing.has_focus_within and event.key != self._told:
            self.says(self.hinted())
