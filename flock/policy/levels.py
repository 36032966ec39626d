"""How full the limits of a key are: for response headers, `flock token show` and `flock me`.

Owns the rounding, which never promises more than there is: what is used is rounded up, what is left down. Called by
policy/limits.py.
"""

from dataclasses import dataclass
from math import ceil

from flock.clock import rfc3339
from flock.contract.tokens import Meter
from flock.policy.accounts import Account
from flock.policy.gcra import EPSILON, Gcra
from flock.policy.keys import Key
from flock.policy.money import dollars

# the names of the minute's limits, in meters and in the journal
RPM, TPM = "rpm", "tpm"


@dataclass(frozen=True, slots=True)
class Level:
    """How much of a minute's limit is left, and in how many seconds (rounded up) all of it is back."""

    limit: int
    remaining: int
    reset: int


@dataclass(frozen=True, slots=True)
class Levels:
    """What response headers tell of a key's minute; None where there is no limit."""

    requests: Level | None = None
    tokens: Level | None = None


NO_LEVELS = Levels()


def level(gcra: Gcra | None, now: float) -> Level | None:
    """Return how full a minute's limit is at a monotonic moment, None where there is none."""
    if gcra is None:
        return None
    left = int(gcra.limit - gcra.used(now) + EPSILON)
    return Level(gcra.limit, max(0, left), ceil(max(0.0, gcra.full_at - now)))


def meters(account: Account, key: Key, now: float, monotonic: float) -> tuple[Meter, ...]:
    """Return every limit of a key and how much of it is used; `now` is epoch seconds."""
    found: list[Meter] = []
    for name, gcra, held in ((RPM, account.requests, 0), (TPM, account.tokens, account.open_tokens)):
        if gcra is not None:
            used = ceil(gcra.used(monotonic) - EPSILON)
            held = min(used, held)  # what running requests reserved wears off while they run
            full = rfc3339(now + gcra.full_at - monotonic) if used else None
            found.append(Meter(name, str(gcra.limit), str(used - held), str(held), full))
    if key.quota:
        day = account.day.at(now)
        found.append(Meter("quota", str(key.quota), str(day.used), str(day.reserved), rfc3339(day.ends)))
    for limit, window in account.budgets:
        count = account.dollars[window].at(now)
        used, held = dollars(count.used), dollars(count.reserved)
        found.append(Meter(f"budget/{window}", dollars(limit), used, held, rfc3339(count.ends)))
    return tuple(found)
