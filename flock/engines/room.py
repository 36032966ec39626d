"""Room in memory: who could leave it, when a turn is over, and how a refusal says the sum.

Pure functions over residents; schedule.py acts on what they say. The bound, in one place:

A model stands in line from the moment its oldest request came, or its own last turn ended. Who stood in line first is
loaded first; but of those who came into it within a load's time of him, or within a second, the one that most wait for
goes before him: three models whose clients go round among them are loaded half as often so. With k models in line, the
i-th of them is to begin to load within `bound` seconds of that moment, wherever the loads before it leave the time. So
the turn of the model in memory ends at the earliest

    T0 + max(0, (lined_up_i + bound - T0 - i * OUT - L_1 - … - L_(i-1)) / i)        for i = 1 … k,

T0 being when the turn began that others wait for (its load, or the coming of the first), L_j the load of the j-th, OUT
what it takes to end an engine: the time that is left is shared among the turns that come before the i-th. A turn never
ends before those who waited for its load have been let in, or have had as long as the load took: else a load longer
than the bound would serve a handful of requests. A request waits therefore at most

    max(bound, OUT * i + sum of L_j + min(batch_j, L_j) over those before it) + its own load

beyond which only an answer that is longer than the turn keeps it: nobody's answer is cut off. Pinned by
tests/unit/engines/test_schedule_bound.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flock.engines.resident import IN, LOADING, OUT, Resident
from flock.text import duration, size

# How long a model that has just answered is kept for its user's next request, while others wait: programs that call
# tools come back within a second, and a swap costs more than that.
LINGER_SECONDS = 1.0
# What ending an engine takes, with its memory given back: llama.cpp needs 0.1 to 0.4 s, vLLM 2.6 s.
OUT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of the settings that the scheduler goes by; see engine.EngineSettings."""

    bound_seconds: float = 30.0
    queue_limit: int = 256
    jit: bool = True
    exclusive: bool = False


def in_line(waited: Sequence[Resident]) -> list[Resident]:
    """Return those who are waited for in the order in which they are to be loaded; see above.

    A model is passed over for so long at most, and only by loads that are to begin within it.
    """
    left, line = sorted(waited, key=lambda r: (r.lined_up, r.name)), list[Resident]()
    while left:
        first = left[0]
        together = [r for r in left if r.lined_up - first.lined_up <= _together(first, r)]
        chosen = max(together, key=lambda r: len(r.queue))
        line.append(chosen)
        left.remove(chosen)
    return line


def _together(first: Resident, other: Resident) -> float:
    return max(LINGER_SECONDS, min(first.load_estimate, other.load_estimate))


def turn_end(resident: Resident, line: Sequence[Resident], bound: float) -> float:
    """Return when a resident's turn is over for those in line (monotonic seconds); see above."""
    began = max(resident.since, min(waiting.lined_up for waiting in line))
    share, loads = float("inf"), 0.0
    for number, waiting in enumerate(line, start=1):
        left = waiting.lined_up + bound - began - number * OUT_SECONDS - loads
        share = min(share, max(0.0, left / number))
        loads += waiting.load_estimate
    end = began + share
    if resident.batch and resident.running + len(resident.queue) > 0:
        end = max(end, resident.since + resident.load_estimate)
    return end


def may_leave(resident: Resident, line: Sequence[Resident], bound: float) -> float:
    """Return from when on a resident may be sent away for those in line: at once when it has been idle for a while."""
    end = turn_end(resident, line, bound)
    if resident.idle:
        # but no longer than it would take to come back
        swap = resident.load_estimate + line[0].load_estimate
        return min(end, resident.used_at + min(LINGER_SECONDS, swap))
    return end


def victims(candidates: Sequence[Resident], missing: int) -> list[Resident] | None:
    """Return who would have to leave so that `missing` bytes become free, None where all together are too small.

    Those who are idle first, then those of the lowest priority, then who has been idle, or has had its turn, longest.
    Nobody leaves who makes no difference.
    """
    ordered = sorted(candidates, key=lambda r: (not r.idle, r.priority, r.used_at if r.idle else r.since, r.name))
    chosen: list[Resident] = []
    freed = 0
    for resident in ordered:
        if freed >= missing:
            break
        chosen.append(resident)
        freed += resident.need
    if freed < missing:
        return None
    for resident in reversed(chosen.copy()):
        if freed - resident.need >= missing:
            chosen.remove(resident)
            freed -= resident.need
    return chosen


def going(residents: Sequence[Resident]) -> list[Resident]:
    """Return those who could leave memory for others: loaded, not pinned, not on their way out already."""
    return [r for r in residents if r.state == IN and not r.pinned and not r.closing]


def the_sum(resident: Resident, free: int, others: Sequence[Resident], now: float) -> str:
    """Say what a model needs, what is free, and who could go: "needs 21.4 GB, 17.8 GB free; x, idle 12 m, could go"."""
    words = f"{resident.model} needs {size(resident.need)}, {size(max(0, free))} free"
    told: list[str] = []
    for other in sorted(others, key=lambda r: (not r.idle, r.used_at)):
        if other is resident or other.state == OUT:
            continue
        if other.pinned:
            told.append(f"{other.model} ({size(other.need)}) is pinned")
        elif other.idle:
            told.append(f"{other.model} ({size(other.need)}), idle {duration(now - other.used_at)}, could go")
        elif other.state == LOADING:
            told.append(f"{other.model} ({size(other.need)}) is being loaded")
        else:
            told.append(f"{other.model} ({size(other.need)}) is in use")
    return "; ".join([words, *told])
