"""The prefix cache: what made an engine read again a prompt it had read already."""

from dataclasses import dataclass

from flock.contract.op import Op, operation


@dataclass(frozen=True, slots=True)
class Drift:
    """A session whose prompt changed in front of its end, and its last change.

    `path` and `offset` name the first byte that differs, in the request as the engine got it: `same` stands before it
    in both turns, `was` and `now` from it on in the one and the other. `kept_share` is what the engine could keep of
    the turn before, `again_tokens` what it had read and had to read again, `seconds` what that took: estimates, null
    where the engine told too little. `drifts` and `seconds_in_all` are of all remembered changes of the session.
    `engine_cached_tokens` is what the engine itself says it kept, `advice` what to do.
    """

    session: str
    client: str
    model: str
    at: str
    request_id: str
    path: str
    offset: int
    same: str
    was: str
    now: str
    kept_bytes: int
    prompt_bytes: int
    kept_share: float
    again_tokens: int | None
    engine_cached_tokens: int | None
    seconds: float | None
    drifts: int
    seconds_in_all: float
    advice: str


@dataclass(frozen=True, slots=True)
class CacheReport:
    """What the daemon has seen since it started: sessions it remembers, turns it compared, sessions that changed."""

    sessions: int
    turns: int
    drifts: tuple[Drift, ...]


@operation(
    "cache.examine", "doctor cache", "GET /admin/v1/cache/drifts", examples=("doctor cache", "doctor cache --json")
)
class ExamineCache(Op[CacheReport]):
    """Name the first byte that changed between two turns of a session, what it cost, and what to do."""
