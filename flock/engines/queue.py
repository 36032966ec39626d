"""The queue as people see it: where a request stands, for how long yet, and what it waits for.

Pure: words made of the scheduler's facts. Called by residence.py and registry.py.
"""

from dataclasses import dataclass

from flock.contract.queue import Queue, Waiter
from flock.engines.resident import IN, LEAVING, LOADING, Resident
from flock.engines.schedule import Schedule
from flock.engines.turns import Ticket
from flock.text import count, duration

_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands: `position` from 1 (0: he waits for the load alone), `eta` in seconds, None when unknown;
    `why` is what he waits for, `words` what he is told.
    """

    position: int
    eta: float | None
    why: str
    words: str


def ordinal(number: int) -> str:
    """Return 1 as "1st", 12 as "12th"."""
    ending = "th" if number % 100 in (11, 12, 13) else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def standing(schedule: Schedule, ticket: Ticket, now: float) -> Standing:
    """Return where somebody stands who waits for a model."""
    resident = schedule.residents[ticket.model]
    position, eta = resident.queue.position(ticket), schedule.eta(ticket, now)
    why = reason(schedule, resident)
    if resident.state == LOADING:
        return Standing(position, eta, why, why)
    place = f"{ordinal(position)}, " if position else ""
    about = "soon" if eta is None or eta < 1 else f"about {duration(round(eta))}".replace(".0 s", " s")
    return Standing(position, eta, why, f"waiting for {resident.model}: {place}{about}")


def reason(schedule: Schedule, resident: Resident) -> str:
    """Return why a model's requests wait."""
    if resident.state == LOADING:
        return f"loading {resident.model}{f': {resident.progress:.0%}'.replace('%', ' %') if resident.progress else ''}"
    if resident.open:
        return f"{resident.model} answers {count(resident.running, 'request')}: no more at once"
    if resident.state == IN:
        return f"{resident.model} makes way for others and comes back"
    others = [r for r in schedule.residents.values() if r is not resident]
    if going := [r.model for r in others if r.state == LEAVING or r.closing]:
        return f"{' and '.join(going)} is leaving memory" if len(going) == 1 else f"{' and '.join(going)} leave memory"
    if holding := [r.model for r in others if r.state in (IN, LOADING)]:
        return f"{' and '.join(holding)} {'is' if len(holding) == 1 else 'are'} in memory"
    return f"{resident.model} is to be loaded"


def queue(schedule: Schedule, now: float) -> Queue:
    """Return who waits for what, in the order of the loads; who the users are is not known here."""
    line = schedule.line()
    rest = [r for r in schedule.residents.values() if r.queue.any and r not in line]
    found: list[Waiter] = []
    for resident in (*rest, *line):
        for ticket in (*resident.queue.loads, *resident.queue):
            where = standing(schedule, ticket, now)
            found.append(
                Waiter(
                    request_id=ticket.id,
                    user="",
                    model=resident.model,
                    position=where.position,
                    waited_seconds=round(max(0.0, now - ticket.arrived), 1),
                    eta_seconds=None if where.eta is None else round(where.eta, 1),
                    why=where.why,
                )
            )
    return Queue(tuple(found), tuple(r.model for r in line), schedule.rules.bound_seconds)
