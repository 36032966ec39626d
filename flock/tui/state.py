"""What the full screen knows: events and answers in, one picture out. Pure: no clock, no loop, no Textual.

Owns the rule that a late answer never undoes a newer event: every answer is as old as the newest event that its daemon
knew when it began to answer, or that was known here when it was asked for, and whatever an event told later stays as
the event told it. What an earlier daemon said is as
old as can be, whatever its numbers (tests/unit/tui/test_state.py).
Refuses to ask anybody. Called by `feed.py` and `polls.py`, read by the pages.
"""

from calendar import timegm
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from time import strptime
from typing import Any, Literal, NamedTuple

from flock.contract import codec
from flock.contract.engines import Engine
from flock.contract.events import MOST_REQUESTS, Event, Top
from flock.contract.jobs import Job
from flock.contract.models import Model
from flock.contract.op import Op
from flock.contract.requests import RequestRow
from flock.errors import FlockError
from flock.plain import is_array

# As many as a tall terminal shows several times over
ENDED_KEPT = 200
ACTIVITY_KEPT = 200
JOBS_KEPT = 200
# Answers that no page wants now: another page shows them at once when it is opened again
ANSWERS_KEPT = 100

# By how much the time at which one daemon was started may seem to move: its uptime is rounded to a tenth of a second.
# Both are of one clock over there, so that setting it moves nothing; none stops and starts again within this.
_SAME_SECONDS = 0.5

# live: the feed runs; absent: nobody is there; lost: somebody was, or is and does not answer
Connection = Literal["connecting", "live", "lost", "absent"]
Topic = Literal["requests", "engines", "models", "jobs", "answers", "asking", "link"]


class Mark(NamedTuple):
    """How new something is: `life` counts the daemons there were, `event` is the newest event that was known."""

    life: int
    event: int

    def with_event(self, event: int) -> "Mark":
        """Return it as new as an answer that knows of an event."""
        return Mark(self.life, max(self.event, event))


@dataclass(slots=True)
class Live:
    """One request, as its events tell of it. `event` is the newest; times in milliseconds, null when unknown."""

    id: str
    at: str = ""
    user: str = ""
    model: str = ""
    endpoint: str = ""
    engine: str = ""
    stage: str = "queued"
    outcome: str = ""
    status: int = 0
    error: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    elapsed_ms: float = 0.0
    ttft_ms: float | None = None
    tokens_per_second: float | None = None
    position: int | None = None
    eta_seconds: float | None = None
    event: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing worth a line: what happened to which subject, and whether that is good, bad or neither."""

    at: str
    subject: str
    words: str
    tone: Literal["", "good", "bad", "warn"] = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and how much was known when it was asked for."""

    value: Any
    asked: Mark


@dataclass(frozen=True, slots=True)
class Said:
    """What an event told of an engine or a model."""

    state: str
    engine: str
    error: str
    event: int


@dataclass(slots=True)
class State:
    """Everything known. `revision` grows by topic with every change, so that a page draws only what is new; `last` is
    the newest event there is, `life` how many daemons there were, `asking` what is being asked for.
    """

    connection: Connection = "connecting"
    trouble: FlockError | None = None
    top: Top | None = None
    last: int = 0
    life: int = 0
    missed: int = 0
    requests: dict[str, Live] = field(default_factory=dict[str, Live])
    ended: deque[Live] = field(default_factory=lambda: deque[Live](maxlen=ENDED_KEPT))
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    activity: deque[Activity] = field(default_factory=lambda: deque[Activity](maxlen=ACTIVITY_KEPT))
    revision: dict[str, int] = field(default_factory=dict[str, int])
    asking: set[Op[Any]] = field(default_factory=set[Op[Any]])
    # the newest event that was taken in, that of the newest look, and by which events requests have ended since then
    _taken: int = 0
    _looked: int = 0
    _whole: bool = True
    _over: dict[str, int] = field(default_factory=dict[str, int])
    _engines: dict[str, Said] = field(default_factory=dict[str, Said])
    _models: dict[str, Said] = field(default_factory=dict[str, Said])
    _answers: dict[Op[Any], Answered] = field(default_factory=dict[Op[Any], Answered])
    _failures: dict[Op[Any], FlockError] = field(default_factory=dict[Op[Any], FlockError])

    # -- in

    def apply(self, event: Event) -> None:
        """Take in an event. One that is not newer than the newest of the feed changes nothing: it is told again."""
        if event.id <= self._taken:
            if event.kind != "feed.lost" or event.id == self._taken:
                return
            # what is lost is newer than what is known, or its numbers are another daemon's (core/bus.py)
            self.restart()
        self._taken = event.id
        self.last = max(self.last, event.id)
        if (take := _TAKES.get(event.kind)) is not None:
            take(self, event)

    def restart(self) -> None:
        """Forget what a daemon that is no more has told; answers stay until the new one has given its own."""
        self.life += 1
        self._answers = {op: Answered(self._now(op), Mark(self.life, 0)) for op in self._answers}
        self.requests.clear()
        self._over.clear()
        self._engines.clear()
        self._models.clear()
        self.jobs = {id: job for id, job in self.jobs.items() if job.state != "running"}
        self.last = self._taken = self._looked = 0
        self._changed("requests", "engines", "models", "jobs")

    def take_top(self, top: Top) -> None:
        """Take in a look at the whole. Requests that newer events told of keep what those told."""
        if self.top is not None:
            if abs(_started(top) - _started(self.top)) > _SAME_SECONDS:
                self.restart()
            elif top.last_event < self._looked:
                return  # it was asked for earlier than the one that is known
        self.top = top
        self._looked, self._whole = top.last_event, len(top.requests) < MOST_REQUESTS
        self.last = max(self.last, top.last_event)
        # of those that ended after the look it cannot know; those before will be in no look any more
        self._over = {id: event for id, event in self._over.items() if event > top.last_event}
        seen = {row.id for row in top.requests if row.id not in self._over}
        for row in top.requests:
            if row.id in seen:
                self._take_row(row, top.last_event)
        # what is not in the look any more has ended, unless an event newer than the look told of it
        if self._whole:
            known = self.requests.values()
            for gone in [one.id for one in known if one.id not in seen and one.event <= top.last_event]:
                del self.requests[gone]
        self._changed("requests")

    @property
    def mark(self) -> Mark:
        """How much is known now: what a question takes along, and its answer brings back."""
        return Mark(self.life, self.last)

    def ask(self, op: Op[Any], asks: bool = True) -> None:
        """Say that an operation is being asked for, or no more."""
        if asks != (op in self.asking):
            (self.asking.add if asks else self.asking.discard)(op)
            self._changed("asking")

    def take(self, op: Op[Any], value: Any, asked: Mark) -> bool:
        """Take in an answer to what was asked when `asked` was known; False when a newer one is there, or when the
        daemon that was asked is no more.
        """
        before = self._answers.get(op)
        if asked.life != self.life or (before is not None and before.asked > asked):
            return False
        self._answers.pop(op, None)  # the newest stands last
        self._answers[op] = Answered(value, asked)
        failed = self._failures.pop(op, None)
        if failed is not None or before is None or before.value != value:
            self._changed("answers")
        return True

    def fail(self, op: Op[Any], error: FlockError) -> bool:
        """Remember why an operation has no answer; False when that is known already."""
        known = self._failures.get(op)
        self._failures[op] = error
        if known is not None and known.sentence == error.sentence:
            return False
        self._changed("answers")
        return True

    def keep(self, wanted: Collection[Op[Any]]) -> None:
        """Forget the oldest answers that nobody wants, where there are many."""
        for known in (self._answers, self._failures):
            unwanted = [op for op in known if op not in wanted]
            for op in unwanted[: max(0, len(unwanted) - ANSWERS_KEPT)]:
                self.forget(op)

    def forget(self, op: Op[Any]) -> None:
        """Keep no answer to an operation any more: nobody will look at it again."""
        self._answers.pop(op, None)
        self._failures.pop(op, None)

    def connect(self, connection: Connection, trouble: FlockError | None = None) -> None:
        """Say how the link is."""
        if (connection, trouble and trouble.sentence) != (self.connection, self.trouble and self.trouble.sentence):
            self.connection, self.trouble = connection, trouble
            self._changed("link")

    # -- out

    def answer(self, op: Op[Any]) -> Any:
        """Return the newest answer to an operation, None before the first."""
        known = self._answers.get(op)
        return None if known is None else known.value

    def failure(self, op: Op[Any]) -> FlockError | None:
        """Return why an operation has no newer answer, None when it has."""
        return self._failures.get(op)

    def models(self, op: Op[list[Model]]) -> list[Model] | None:
        """Return the models of a listing, each in the state that the newest word of it says; None before any answer."""
        known = self._answers.get(op)
        if known is None:
            return None
        asked = known.asked.event
        return [self._model(model, asked) for model in known.value if not self._is_gone(model.id, asked)]

    def engines(self, op: Op[list[Engine]]) -> list[Engine] | None:
        """Return the engines of a listing, each in the state that the newest word of it says; None before any."""
        known = self._answers.get(op)
        if known is None:
            return None
        found: list[Engine] = []
        for engine in known.value:
            said = self._engines.get(engine.name)
            if said is None or said.event <= known.asked.event:
                found.append(engine)
            elif said.state != "removed":
                found.append(replace(engine, state=said.state, error=said.error))
        return found

    def seen(self, *topics: Topic) -> tuple[int, ...]:
        """Return the revisions of topics: what a page compares to know whether to draw."""
        return tuple(self.revision.get(topic, 0) for topic in topics)

    # -- inside

    def _changed(self, *topics: Topic) -> None:
        for topic in topics:
            self.revision[topic] = self.revision.get(topic, 0) + 1

    def _take_row(self, row: RequestRow, asked: int) -> None:
        live = self.requests.setdefault(row.id, Live(row.id))
        live.at, live.user, live.endpoint = row.at, row.user, row.endpoint
        live.elapsed_ms, live.input_tokens = row.elapsed_ms, max(live.input_tokens, row.input_tokens)
        live.output_tokens = max(live.output_tokens, row.output_tokens)
        live.tokens_per_second = row.tokens_per_second
        live.ttft_ms = row.ttft_ms if row.ttft_ms is not None else live.ttft_ms
        if live.event <= asked:
            live.event = asked
            live.stage, live.model, live.engine = row.stage, row.model, row.engine
            live.position, live.eta_seconds = row.position, row.eta_seconds

    def _model(self, model: Model, asked: int) -> Model:
        said = self._models.get(model.id)
        if said is None or said.event <= asked:
            return model
        return replace(
            model, state=said.state, error=said.error, progress=None if said.state == "ready" else model.progress
        )

    def _now(self, op: Op[Any]) -> Any:
        """Return an answer as the newest events have it."""
        value: Any = self._answers[op].value
        first: Any = value[0] if is_array(value) and value else None
        if isinstance(first, Engine):
            return self.engines(op)
        return self.models(op) if isinstance(first, Model) else value

    def _is_gone(self, model: str, asked: int) -> bool:
        said = self._models.get(model)
        return said is not None and said.event > asked and said.state == "removed"

    def _stage(self, event: Event) -> None:
        data, stage = event.data, event.data.get("stage", "")
        live = self.requests.get(event.subject)
        if live is None:
            live = Live(event.subject, at=event.at)
            if stage != "done":
                if event.id <= self._looked and self._whole:
                    return  # a newer look does not know it: it has ended by then, which will be told
                self.requests[event.subject] = live
        elif event.id <= live.event:
            return
        live.event, live.stage = event.id, stage
        live.user, live.model = data.get("user", live.user), data.get("model", live.model)
        live.engine, live.endpoint = data.get("engine", live.engine), data.get("endpoint", live.endpoint)
        live.position, live.eta_seconds = data.get("position"), data.get("eta_seconds")
        if data.get("ttft_ms") is not None:
            live.ttft_ms = data["ttft_ms"]
        if stage == "done":
            self._end(live, event)
        self._changed("requests")

    def _end(self, live: Live, event: Event) -> None:
        data = event.data
        live.outcome, live.status, live.error = data.get("outcome", ""), data.get("status", 0), data.get("error") or ""
        live.input_tokens = data.get("input_tokens", live.input_tokens)
        live.output_tokens = data.get("output_tokens", live.output_tokens)
        live.tokens_per_second = data.get("tokens_per_second")
        live.elapsed_ms = data.get("elapsed_ms", live.elapsed_ms)
        self.requests.pop(live.id, None)
        self._over[live.id] = event.id
        self.ended.appendleft(live)
        if live.outcome == "error":
            self.activity.appendleft(Activity(event.at, live.model or live.id, live.error or "failed", "bad"))

    def _engine(self, event: Event) -> None:
        state, error = event.data.get("state", ""), event.data.get("error") or ""
        self._engines[event.subject] = Said(state, event.subject, error, event.id)
        self.activity.appendleft(Activity(event.at, event.subject, error or state, _tone(state)))
        self._changed("engines")

    def _model_state(self, event: Event) -> None:
        state, error = event.data.get("state", ""), event.data.get("error") or ""
        self._models[event.subject] = Said(state, event.data.get("engine", ""), error, event.id)
        self.activity.appendleft(Activity(event.at, event.subject, error or state, _tone(state)))
        self._changed("models")

    def _job(self, event: Event) -> None:
        try:
            job = codec.from_plain(Job, event.data)
        except FlockError:
            return  # another release's: the listing tells of it
        before = self.jobs.get(job.id)
        if before is not None and before.revision > job.revision:
            return
        self.jobs[job.id] = job
        if len(self.jobs) > JOBS_KEPT:  # the oldest that is over; those that run are few
            over = next((id for id, one in self.jobs.items() if one.state != "running"), job.id)
            del self.jobs[over]
        if job.state != "running" and (before is None or before.state == "running"):
            tone: Any = {"done": "good", "failed": "bad"}.get(job.state, "")
            self.activity.appendleft(Activity(event.at, job.target, f"{job.kind} {job.state}", tone))
        self._changed("jobs")

    def _lost(self, event: Event) -> None:
        self.missed += int(event.data.get("lost", 0))
        self._changed("link")


_TAKES: dict[str, Callable[[State, Event], None]] = {
    "request.stage": State._stage,  # pyright: ignore[reportPrivateUsage]
    "engine.state": State._engine,  # pyright: ignore[reportPrivateUsage]
    "model.state": State._model_state,  # pyright: ignore[reportPrivateUsage]
    "job.progress": State._job,  # pyright: ignore[reportPrivateUsage]
    "feed.lost": State._lost,  # pyright: ignore[reportPrivateUsage]
}


def _started(top: Top) -> float:
    whole = timegm(strptime(top.at[:19], "%Y-%m-%dT%H:%M:%S"))
    return whole + float("0" + (top.at[19:-1] or ".0")) - top.uptime_seconds


def _tone(state: str) -> Literal["", "good", "bad", "warn"]:
    if state in ("ready", "running"):
        return "good"
    if state in ("failed", "crashloop", "unreachable"):
        return "bad"
    return "warn" if state in ("starting", "loading", "stopping", "queued") else ""
