"""Which placement serves a request: a snapshot in, ranked placements with reasons out. Pure; knows no engine.

Order: ready before starting before stopped before unreachable; suspects last in their class; then what the request
asks for (the lowest price, the highest speed); then fewest requests in flight; then our own engines before adopted
ones; then by name, so that equal input gives equal output.
"""

from collections.abc import Callable, Mapping

from flock.upstream import Placement

_CLASSES = {
    "ready": 0,
    "busy": 1,
    "starting": 1,
    "queued": 2,
    "stopping": 2,
    "stopped": 2,
    "failed": 3,
    "crashloop": 3,
    "unreachable": 4,
}


class Ranked:
    """A placement and why it stands where it stands; the words are made when somebody reads them."""

    __slots__ = ("_only", "_running", "_suspect", "placement")

    def __init__(self, placement: Placement, running: int, *, suspect: bool = False, only: bool = False) -> None:
        self.placement = placement
        self._running = running
        self._suspect = suspect
        self._only = only

    @property
    def reason(self) -> str:
        """Why it stands here, in a few words."""
        placement = self.placement
        if self._only and placement.vendor:
            return "the only vendor of this model"
        if self._only:
            return f"the only engine with this model, {placement.state}"
        words = f"{placement.state}, {self._running} in flight, {'own' if placement.own else 'adopted'}"
        return words + (", failed within the last seconds" if self._suspect else "")


def alike(_placement: Placement) -> float:
    """Return one value for every placement: the request asks for none before others."""
    return 0.0


def choose(
    placements: tuple[Placement, ...],
    in_flight: Mapping[str, int],
    suspect: Callable[[str], bool],
    first: Callable[[Placement], float] = alike,
) -> list[Ranked]:
    """Return the placements, best first. Never drops one: the last may still be the only one that works.

    `first` sorts those of one class before all else, the lowest value first: by price, or by speed.
    """
    if len(placements) == 1:
        return [Ranked(placements[0], 0, only=True)]
    ordered = sorted(
        placements,
        key=lambda p: (_CLASSES[p.state], suspect(p.name), first(p), in_flight.get(p.name, 0), not p.own, p.name),
    )
    return [Ranked(p, in_flight.get(p.name, 0), suspect=suspect(p.name)) for p in ordered]
