"""The long work that is under way: how far each piece is, stopping it, and beginning anew what failed.

Owns which jobs are worth a line and for how long. Refuses to know why somebody began one. Stands below the lists of the
pages of models and engines.
"""

from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from flock.contract.engines import InstallEngine
from flock.contract.jobs import CancelJob, Job, ListJobs, ShowJob
from flock.contract.models import AddModel, LoadModel
from flock.contract.op import Op
from flock.tui import look, look_models
from flock.tui.page import Page
from flock.tui.polls import Poll
from flock.tui.state import State, Topic
from flock.tui.widgets.listing import Column, Listing, Row

JOBS = ListJobs()
# How long what did not come to its end stays, in seconds: it is to be read and begun anew
_STAYS = 900.0
# Lines of the list at most, with its header; more where the terminal is tall
_LEAST, _MOST = 4, 8
_TALL = 36

_COLUMNS = (
    Column("job", most=32),
    Column("progress"),
    Column("fetched", right=True, spare=2),
    Column("speed", right=True, spare=3),
    Column("left", right=True),
    Column("now", grow=True, spare=4),
)


class Jobs(Page):
    """Jobs of some kinds ("model.add", …); hidden while there is none."""

    topics: ClassVar[tuple[Topic, ...]] = ("jobs", "answers")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "cancel", "Stop the job"),
        Binding("n", "again", "Try anew"),
        Binding("delete,backspace", "dismiss", "Take it off the list", show=False, key_display="del"),
    ]

    DEFAULT_CSS = """
    Jobs { height: auto; padding: 0; border-top: solid $panel-lighten-2; display: none; }
    Jobs.-some { display: block; }
    Jobs > .why { height: auto; max-height: 3; padding: 0 2; display: none; }
    Jobs > .why.-shown { display: block; }
    """

    def __init__(self, *kinds: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._kinds = kinds
        self._list = Listing(_COLUMNS, "no job")
        self._why = Static(classes="why")
        self._begun: dict[str, Op[Any]] = {}
        self._dismissed: set[str] = set()
        self._said = ""

    def compose(self) -> ComposeResult:
        """Put why one failed below the list."""
        yield self._list
        yield self._why

    def polls(self) -> tuple[Poll, ...]:
        """Ask for those that were begun before the screen was opened; events tell of all others."""
        return (Poll(JOBS, 15),)

    def begun(self, job: Job, op: Op[Any]) -> None:
        """Remember what began a job, so that it can be begun anew."""
        self._begun[job.id] = op

    def shown(self) -> list[Job]:
        """Return the jobs that are worth a line, what runs first, then the newest."""
        found = [job for job in known(self.state).values() if job.kind in self._kinds and self._is_worth(job)]
        found.sort(key=lambda job: job.started_at, reverse=True)
        return sorted(found, key=lambda job: job.state != "running")

    def draw(self) -> None:
        """Draw what is known."""
        found = self.shown()
        self.set_class(bool(found), "-some")
        most = _MOST if self.flock.size.height >= _TALL else _LEAST
        self._list.styles.height = min(most, len(found) + 1)
        self._list.show([_row(job) for job in found])
        self._explain()

    def _is_worth(self, job: Job) -> bool:
        if job.state == "running":
            return True
        # what went well is told of by a toast, and is seen in the list above
        if job.state == "done" or job.id in self._dismissed or job.ended_at is None:
            return False
        return self.now - look.epoch(job.ended_at) < _STAYS

    def _current(self) -> Job | None:
        return known(self.state).get(self._list.current or "")

    def _explain(self) -> None:
        job = self._current()
        said = f"{job.error}\n{job.hint}" if job is not None and job.state == "failed" else ""
        if said != self._said:
            self._said = said
            self._why.set_class(bool(said), "-shown")
            if job is not None and said:
                self._why.update(look.trouble(job.error or job.message, job.hint))

    @on(Listing.Moved)
    def _moved(self, event: Listing.Moved) -> None:
        event.stop()
        self._explain()
        if self._list.has_focus_within:
            self.shows(ShowJob(id=event.key))

    @on(Listing.Chosen)
    @work
    async def _chosen(self, event: Listing.Chosen) -> None:
        event.stop()
        await self.flock.acts.show(ShowJob(id=event.key))

    @work
    async def action_cancel(self) -> None:
        """Stop the job under the cursor."""
        job = self._current()
        if job is not None and job.state == "running":
            await self.do(CancelJob(id=job.id))

    @work
    async def action_again(self) -> None:
        """Begin a job anew that failed or was stopped."""
        job = self._current()
        if job is None or job.state not in ("failed", "cancelled"):
            return
        op = self._begun.get(job.id) or anew(job)
        if op is None:
            return
        value = await self.do(op)
        if isinstance(value, Job):
            self._dismissed.add(job.id)
            self.begun(value, op)
            self.draw()

    def action_dismiss(self) -> None:
        """Take a job off the list that has ended."""
        job = self._current()
        if job is not None and job.state != "running":
            self._dismissed.add(job.id)
            self.draw()


def known(state: State) -> dict[str, Job]:
    """Return every job that is known, each as the newest word of it says."""
    found: dict[str, Job] = {job.id: job for job in state.answer(JOBS) or ()}
    for job in state.jobs.values():
        if job.id not in found or found[job.id].revision <= job.revision:
            found[job.id] = job
    return found


def running(state: State, kind: str, target: str) -> Job | None:
    """Return the job of a kind that runs for a model or an engine, None where none does."""
    return next((j for j in known(state).values() if (j.kind, j.target, j.state) == (kind, target, "running")), None)


def anew(job: Job) -> Op[Any] | None:
    """Return what begins the same job once more, None where that is not known."""
    if job.kind == "model.load":
        return LoadModel(id=job.target)
    if job.kind == "engine.install":
        return InstallEngine(kind=job.target)
    if job.kind == "model.add":
        # what it was asked for stands in the plan; from the catalog, its id names the same
        return AddModel(source=job.plan.source, name=job.plan.id) if job.plan else AddModel(source=job.target)
    return None


def _row(job: Job) -> Row:
    words = job.error or job.message
    name = f"{job.kind.partition('.')[2]} {job.target}"
    return job.id, (name, look_models.progress(job), look_models.fetched(job), look_models.speed(job),
                    look_models.left(job), look.dim(words).first_line)  # fmt: skip
