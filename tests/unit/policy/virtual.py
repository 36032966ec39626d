"""Limits in virtual time: a clock that a test moves, keys with limits, and coroutines that must not wait."""

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from flock.contract.op import Scope
from flock.policy.keys import Key


def at(words: str) -> float:
    """Return the epoch seconds of a time of UTC ("2026-11-26 21:00")."""
    return datetime.fromisoformat(words).replace(tzinfo=UTC).timestamp()


class Virtual:
    """A clock that stands. `pass_by` moves it on; `set_to` puts the wall clock elsewhere, as an administrator does."""

    def __init__(self, words: str = "2026-11-26 21:00") -> None:
        self.wall, self.mono = at(words), 1000.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += seconds

    def set_to(self, words: str) -> None:
        self.wall = at(words)


def key(id: str = "k_1", **limits: Any) -> Key:
    """Return a key with limits."""
    return Key(id, "alice", Scope.USER, b"", **limits)


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that has nothing to wait for; one that waits fails."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise AssertionError("it waits")
