"""Which placement serves a request: a snapshot in, ranked placements with reasons out. Pure; knows no engine.

Order: ready before starting before stopped before unreachable; suspects last in their class; then fewest requests in
flight; then our own engines before adopted ones; then by name, so that equal input gives equal output.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flock.upstream import Placement

_CLASSES = {"ready": 0, "starting": 1, "stopping": 2, "stopped": 2, "failed": 3, "unreachable": 4}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A placement and why it stands where it stands."""

    placement: Placement
    reason: str


def choose(
    placements: tuple[Placement, ...], in_flight: Mapping[str, int], suspect: Callable[[str], bool]
) -> list[Ranked]:
    """Return the placements, best first. Never drops one: the last may still be the only one that works."""
    if len(placements) == 1:
        only = placements[0]
        return [Ranked(only, f"the only engine with this model, {only.state}")]
    ordered = sorted(
        placements,
        key=lambda p: (_CLASSES[p.state], suspect(p.name), in_flight.get(p.name, 0), not p.own, p.name),
    )
    return [Ranked(p, _reason(p, in_flight.get(p.name, 0), suspect(p.name))) for p in ordered]


def _reason(placement: Placement, running: int, suspect: bool) -> str:
    words = [placement.state, f"{running} in flight", "own" if placement.own else "adopted"]
    return ", ".join(words + (["failed within the last seconds"] if suspect else []))
