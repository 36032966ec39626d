"""The counters of limits and the ledger they stand for: recovered at the start, compared by `flock doctor`.

Owns which windows are read at a start, what becomes of the reserves that a crash left, and how counters and rows are
compared while requests run. Called by daemon/wiring.py and core/examining.py.
"""

import logging
from collections.abc import Collection, Coroutine, Iterable, Mapping
from typing import Any

from flock.clock import Clock
from flock.errors import FlockError
from flock.policy.keys import Key
from flock.policy.limits import Limits
from flock.policy.money import dollars
from flock.policy.windows import NAMES, bounds
from flock.store.entries import HoldEntry
from flock.store.ledger import Sums, Used, Window
from flock.store.store import Store
from flock.store.usage import COLUMNS
from flock.text import count

log = logging.getLogger(__name__)

# a comparison while requests settle is made again: two looks at memory must be the same around the look at the disk
LOOKS = 5
# what the usage row of a request says that flock itself ended under
CRASHED_STATUS = 500

_NONE = Used()


async def recover(limits: Limits, store: Store, keys: Iterable[Key], clock: Clock) -> Coroutine[Any, Any, None] | None:
    """Fill the counters of the keys from the ledger, and make usage rows of the reserves that a crash left.

    Returned is what may be done while requests run: adding up rows of older releases, which takes seconds, where no key
    has a quota or a budget yet.

    Read are the windows around now and around the newest rows: a machine that starts with its clock at 1970, or a year
    ahead, finds what was spent when the clock is put right. Raises StorageFailed.
    """
    known = {key.id: key for key in keys}
    left = await store.ledger.holds()
    moments = (clock.now(), *await store.ledger.newest(), *(entry.at for entry in left))
    windows = {(name, bounds(name, at)) for name in NAMES for at in moments}
    used, unsummed = await store.ledger.summed({window for _, window in windows})
    _begin(limits, known, windows, used)
    late = _add_rows(limits, store, known, windows, unsummed) if unsummed else None
    if late is not None and any(key.quota or key.budgets for key in known.values()):
        await late
        late = None
    for entry in left:
        if not await store.ledger.settled(entry):
            store.writer.put_row(_crashed(entry))
            if entry.key_id in known:
                for name in NAMES:
                    key = known[entry.key_id]
                    limits.begin(key, name, entry.at, tokens=entry.tokens, nano_usd=entry.nano_usd)
        store.writer.journal.release(entry.request_id)
    meters = await store.ledger.meters()
    for key_id, found in meters.items():
        if key_id in known:
            limits.recall(known[key_id], found)
    if left:
        log.warning("%s held money when flock ended; what they may have cost is counted", count(len(left), "request"))
        await store.writer.flush()
    return late


def _begin(limits: Limits, known: Mapping[str, Key], windows: Iterable[tuple[str, Window]], used: Sums) -> None:
    for name, window in sorted(windows, key=lambda found: found[1]):
        for key_id, sums in used[window].items():
            if key_id in known:
                limits.begin(known[key_id], name, window[0], tokens=sums.tokens, nano_usd=sums.nano_usd)


async def _add_rows(
    limits: Limits, store: Store, known: Mapping[str, Key], windows: Collection[tuple[str, Window]], last: int
) -> None:
    """Count the rows of older releases: those up to the id `last`, which no sum had when the others were read."""
    try:
        _begin(limits, known, windows, await store.ledger.unsummed({window for _, window in windows}, last))
    except FlockError as error:
        log.warning("what keys used before this release is not counted until the next start: %s", error.sentence)


def _crashed(entry: HoldEntry) -> tuple[Any, ...]:
    """Return the usage row of a request that a crash ended: what it reserved, since nobody knows what it used."""
    values: dict[str, Any] = {
        "request_id": entry.request_id,
        "at": entry.at,
        "user": entry.user,
        "key_id": entry.key_id,
        "model": entry.model,
        "endpoint": entry.endpoint,
        "engine": entry.vendor,
        "vendor": entry.vendor,
        "input_tokens": entry.tokens,
        "estimated": 1,
        "latency_ms": 0.0,
        "ttft_ms": None,
        "status": CRASHED_STATUS,
        "outcome": "partial",
        "cost_usd": dollars(entry.nano_usd),
        "engine_ms": 0.0,
    }
    return tuple(values.get(column, 0) for column in COLUMNS)


async def compare(limits: Limits, store: Store, keys: Iterable[Key], clock: Clock) -> tuple[int, list[str]]:
    """Return how many keys with a quota or a budget were compared, and a sentence for every counter that is not what
    the ledger says. Raises StorageFailed.
    """
    watched = [key for key in keys if key.quota or key.budgets]
    differences: list[str] = []
    for _ in range(LOOKS if watched else 0):
        await store.writer.flush()
        now = clock.now()
        before = {key.id: limits.counts(key, now) for key in watched}
        used = await store.ledger.used({bounds(name, now) for name in NAMES})
        held: dict[str, int] = {}
        for entry in await store.ledger.holds():
            held[entry.key_id] = held.get(entry.key_id, 0) + entry.nano_usd
        differences = [
            sentence
            for key in watched
            for sentence in _differences(key, before[key.id], used, held.get(key.id, 0), now)
        ]
        if not differences or before == {key.id: limits.counts(key, now) for key in watched}:
            break
    return len(watched), differences


def _differences(
    key: Key,
    counts: dict[str, tuple[int, int]],
    used: Sums,
    held: int,
    now: float,
) -> Iterable[str]:
    if key.quota:
        rows = used[bounds("day", now)].get(key.id, _NONE).tokens
        if (counted := counts["quota"][0]) != rows:
            yield f"the key {key.name!r} counts {counted:,} tokens today, and its usage rows {rows:,}"
    windows = dict.fromkeys(window for _, window in key.budgets)
    for window in windows:
        counted, reserved = counts[window]
        if counted != (rows := used[bounds(window, now)].get(key.id, _NONE).nano_usd):
            yield f"the key {key.name!r} counts ${dollars(counted)} this {window}, and its usage rows ${dollars(rows)}"
    if windows and (reserved := counts[next(iter(windows))][1]) != held:
        yield f"the key {key.name!r} counts ${dollars(reserved)} as reserved, and the table holds ${dollars(held)}"
