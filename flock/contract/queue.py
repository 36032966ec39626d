"""The queue: requests that wait for their model."""

from dataclasses import dataclass

from flock.contract.op import Op, operation


@dataclass(frozen=True, slots=True)
class Waiter:
    """A request that waits. `position` counts from 1 within its model, `eta_seconds` is an estimate, null when unknown;
    `why` says what it waits for.
    """

    request_id: str
    user: str
    model: str
    position: int
    waited_seconds: float
    eta_seconds: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Queue:
    """Who waits for what. `next_models` are those that will be loaded, in order; `bound_seconds` is how long a model in
    memory may keep others waiting.
    """

    waiting: tuple[Waiter, ...]
    next_models: tuple[str, ...]
    bound_seconds: float


@operation("queue.show", "queue", "GET /admin/v1/queue", examples=("queue", "queue --json"))
class ShowQueue(Op[Queue]):
    """Show which requests wait, for what, and for how long yet."""
