"""The three models that suit a machine: what the first-run wizard offers, and the tables of MODELS.md.

Owns the judgement, recomputed from the catalog and the hardware each time. Refuses models that do not chat, that do not
fit, that no engine here serves, and those that need several machines. Pure. Called by core/catalog.py and tools/.

The first is for everything: the strongest that can call tools. The second is for code, the third is small and fast: few
parameters at work on a token, and well below the size of the first, so that both may be in memory. Where a purpose has
nobody left, the next strongest takes its place. On a machine without a graphics card, models that would answer more
slowly than people read come after all others.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flock.hardware.seen import Seen
from flock.models.choose import Choice, EngineHere, Wish, choose
from flock.models.entry import Entry

PICKS = 3
GENERAL, CODE, FAST = "for everything", "for code", "small and fast"
# 4 billion parameters at work are some 2 GB at four bits: fast on anything
_FAST_BILLIONS = 4.0
# ... and small beside the first: less than this part of its size
_SMALLER = 0.75
# What is read of the weights for a token at most, where nobody is to wait for words: two channels of DDR4-3200 have
# 51 GB/s, of which 30 arrive, and people read 5 tokens a second.
_READ_BYTES = 6 * 10**9
# Half a doubling of the parameters for each year a model is younger: small ones of today do what large ones did.
_YEARS = 0.5
_FIRST_YEAR = 2024


@dataclass(frozen=True, slots=True)
class Pick:
    """A model that suits, how it would be had, and what for."""

    entry: Entry
    choice: Choice
    purpose: str


def picks(
    entries: Iterable[Entry],
    seen: Seen,
    budget_bytes: int,
    engines: Sequence[EngineHere],
    preferred: str = "",
) -> list[Pick]:
    """Return at most three picks, the best first; fewer where fewer fit."""
    wish = Wish(preferred=preferred)
    able = [(entry, choose(entry.candidate, seen, budget_bytes, engines, wish)) for entry in entries if _chats(entry)]
    order = sorted(((-strength(e), e.id, e, c) for e, c in able if c.fits), key=lambda row: row[:2])
    slow = seen.pool == "memory"
    fitting = sorted(((e, c) for _, _, e, c in order), key=lambda pair: slow and _read(*pair) > _READ_BYTES)
    found: list[Pick] = []
    for purpose in (GENERAL, CODE, FAST):
        left = [pair for pair in fitting if all(pick.entry is not pair[0] for pick in found)]
        suited = [pair for pair in left if _suits(purpose, *pair, found)]
        if suited or left:
            entry, choice = (suited or left)[0]
            found.append(Pick(entry, choice, purpose if suited else GENERAL))
    return found


def strength(entry: Entry) -> float:
    """Return how strong a model probably is: doublings of its parameters, its age, and what a reviewer said of it.

    A guess, for a choice among models nobody has compared on this machine: total parameters count, since they are what
    memory is spent on; a mark of ours and a licence without conditions are each worth half a doubling.
    """
    year, _, month = (entry.released or str(_FIRST_YEAR)).partition("-")
    age = int(year) + (int(month[:2]) - 1 if month else 6) / 12 - _FIRST_YEAR
    liked = 0.5 if entry.top else 0.0
    bound = 0.5 if entry.commercial != "yes" else 0.0
    return math.log2(entry.params_billions or 1) + _YEARS * age + liked - bound


def _read(entry: Entry, choice: Choice) -> float:
    """Return how many bytes of the weights are read for a token."""
    size = choice.way.size_bytes if choice.way else None
    at_work, all_of_them = entry.active_billions, entry.params_billions
    return (size or 0) * (at_work / all_of_them if at_work and all_of_them else 1.0)


def _chats(entry: Entry) -> bool:
    """Whether a model may be picked at all. One that cannot call tools is of no use to most clients."""
    return entry.kind == "chat" and "tools" in entry.capabilities and entry.shards == 1


def _suits(purpose: str, entry: Entry, choice: Choice, found: Sequence[Pick]) -> bool:
    if purpose == CODE:
        return "code" in entry.capabilities
    # what completes code between a prefix and a suffix was trained for nothing else
    if purpose == GENERAL:
        return "fim" not in entry.capabilities and not _only_code(entry)
    at_work = entry.active_billions or entry.params_billions or math.inf
    first = found[0].choice.way if found else None
    own = choice.way.size_bytes if choice.way else None
    return at_work <= _FAST_BILLIONS and (first is None or (own or 0) < _SMALLER * (first.size_bytes or 0))


def _only_code(entry: Entry) -> bool:
    return "code" in entry.capabilities and not {"reasoning", "vision"} & set(entry.capabilities)
