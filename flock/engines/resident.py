"""One model as the scheduler sees it: what it needs, whether it is in memory, who uses it and who waits for it.

Owns the facts, and the estimates that follow from what was seen. Refuses to decide anything: schedule.py does. Pure.
"""

from dataclasses import dataclass, field

from flock.engines.turns import Turns

OUT, LOADING, IN, LEAVING = "out", "loading", "in", "leaving"
# Requests at once per slot of an engine of ours: one that is answered and one that is ready to follow it without a
# round trip. What waits inside the engine is out of order and out of sight.
PER_SLOT = 2
# What a load is thought to take before one was seen: a disk's 500 MB/s, and a second to begin.
_LOAD_BYTES_PER_SECOND, _LOAD_SECONDS = 500e6, 1.0
# How much the newest answer counts for the recent duration.
_WEIGHT = 0.2


@dataclass(eq=False, slots=True)
class Resident:
    """`name` is the engine's, `model` the model's id; `need` bytes, `load_seconds` None before a load was seen.

    `idle_seconds` is after how long without a request it leaves, 0 for never. A `guest` makes nobody leave. `wanted`
    says that it was loaded on purpose. `open` is whether requests are let in: it is in memory and not on its way out;
    `closing` is why it is on its way: "swap" for others who wait, "asked", "idle", "" when it is not. `since` is when
    it came into `state`, `used_at` when its last request ended, `turn_ended` when it last made way for others; all on
    the monotonic clock. `running` requests are in flight. `batch` is how many of those who waited when it was loaded
    are not let in yet; `stale` says that it is to be loaded anew, another way, once it is idle; `busy` that its engine
    still works on what nobody waits for any more.
    """

    name: str
    model: str
    need: int
    slots: int = 1
    load_seconds: float | None = None
    idle_seconds: float = 0.0
    priority: int = 0
    pinned: bool = False
    guest: bool = False
    wanted: bool = False
    state: str = OUT
    open: bool = False
    closing: str = ""
    running: int = 0
    since: float = 0.0
    used_at: float = 0.0
    turn_ended: float = float("-inf")
    batch: int = 0
    stale: bool = False
    busy: bool = False
    answer_seconds: float | None = None
    progress: float | None = None
    queue: Turns = field(default_factory=Turns)

    @property
    def most(self) -> int:
        """How many requests it gets at once."""
        return PER_SLOT * max(1, self.slots)

    @property
    def idle(self) -> bool:
        """Whether it is in memory, does nothing, and nobody waits for it."""
        return self.state == IN and self.running == 0 and not self.busy and not self.queue.any

    @property
    def lined_up(self) -> float:
        """Since when it stands in line: since its oldest request came, or since its own last turn was over."""
        return max(self.queue.oldest, self.turn_ended)

    @property
    def load_estimate(self) -> float:
        """How many seconds a load takes."""
        if self.load_seconds is not None:
            return self.load_seconds
        return _LOAD_SECONDS + self.need / _LOAD_BYTES_PER_SECOND

    def load_left(self, now: float) -> float:
        """Return how many seconds of its load are left, by what the engine says of it, else by the last one's time."""
        spent = now - self.since
        if self.progress and self.progress > 0:
            return spent * (1 - self.progress) / self.progress
        return max(0.0, self.load_estimate - spent)

    def answered(self, seconds: float) -> None:
        """Take the duration of a request."""
        before = self.answer_seconds
        self.answer_seconds = seconds if before is None else before + _WEIGHT * (seconds - before)
