"""What the daemon finds when it examines itself: whether what it counts is what is on the disk.

Owns the list of examinations, which nobody but `flock doctor` asks for, since they read more than a status should. One
that fails is itself a finding. Called by core/daemon.py.
"""

from collections.abc import Awaitable, Callable

from flock.contract.status import Finding
from flock.core.context import Context
from flock.core.counters import compare
from flock.errors import FlockError
from flock.text import count, one_line

Examine = Callable[[Context], Awaitable[tuple[Finding, ...]]]


async def limits(context: Context) -> tuple[Finding, ...]:
    """Say whether the counter of every quota and budget is what its usage rows and reserves add up to."""
    if context.store.writer.failing or context.store.writer.dropped:
        words = "usage rows wait in memory or were given up, so counters of limits are ahead of them"
        return (Finding("limits", "note", words, "flock logs"),)
    compared, differences = await compare(context.limits, context.store, context.keys.all(), context.clock)
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        return (Finding("limits", "serious", f"{differences[0]}{more}", "flock down; flock up"),)
    if not compared:
        return ()
    keys = count(compared, "key")
    return (Finding("limits", "ok", f"{keys} with a quota or a budget: counters are what usage adds up to"),)


# in the order `flock doctor` shows them
EXAMINATIONS: tuple[tuple[str, Examine], ...] = (("limits", limits),)


async def examined(context: Context) -> tuple[Finding, ...]:
    """Return the findings of every examination."""
    found: list[Finding] = []
    for name, examine in EXAMINATIONS:
        try:
            found.extend(await examine(context))
        except FlockError as error:
            found.append(Finding(name, "warning", one_line(error.sentence), error.hint))
    return tuple(found)
