"""Events: what the daemon tells of as it happens."""

from dataclasses import dataclass, field
from typing import Any

from flock.contract.models import Residents
from flock.contract.op import Op, flag, inner, operation
from flock.contract.queue import Queue
from flock.contract.requests import RequestRow

# request.stage: a request is queued, prefilling, generating, sending or done
# engine.state: an engine of ours or an adopted one changed its state
# model.state: a model was added, loads, is ready, leaves memory, was removed
# job.progress: a job went on or ended
# feed.lost: a reader was too slow and missed this many events
KINDS = ("request.stage", "engine.state", "model.state", "job.progress", "feed.lost")

# What one look lists of the requests that run, at most: as many as anybody reads; a gateway at its limit has thousands
MOST_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `id` grows by one with every event of a daemon; `kind` is a word of KINDS; `subject` is
    the id of the request, model or job, or the engine's name; `data` is what is told of it.
    """

    id: int
    at: str
    kind: str
    subject: str
    data: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Top:
    """One look at a busy daemon: the requests that run, the models in memory, who waits, the rates of the last minute.

    `last_event` is the id of the newest event, from which a reader of the feed goes on.
    """

    at: str
    uptime_seconds: float
    requests: tuple[RequestRow, ...]
    memory: Residents
    queue: Queue
    requests_per_minute: float
    tokens_per_second: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    error_rate: float | None
    last_event: int = 0


@operation(
    "events.follow",
    "events",
    "GET /admin/v1/events",
    examples=("events", "events --kind engine.state --json", "events --since 1200"),
    watch=False,
)
class FollowEvents(Op[list[Event]]):
    """Follow what happens, from now on or from an event of the past; one line each."""

    kind: str = flag(
        "only these, several between commas: request.stage, engine.state, model.state, job.progress",
        default="",
        choices=KINDS,
    )
    subject: str = flag("only those of this request, model, engine or job", default="")
    since: int = flag("begin after this event, as far as it is remembered", default=-1)
    once: bool = inner(False)


@operation("top.show", "top", "GET /admin/v1/top", examples=("top", "top --once --json"), watch=False)
class ShowTop(Op[Top]):
    """Watch requests, models and queue live."""

    once: bool = flag("show it once and end", default=False)
