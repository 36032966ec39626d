"""A process that reserves money and settles: run by the tests of kill -9; says what happened on stdout.

Run as `python -m tests.unit.core.holding_child MODE FILE`. MODE is between (it reserves and waits), busy (it reserves
and settles for ever) or apart (the mutant: reserve and row in two transactions, and it waits in between).
"""

import asyncio
import sys
from pathlib import Path

from flock.clock import SystemClock
from flock.policy.keys import Key
from flock.policy.limits import Limits
from flock.policy.money import nano
from flock.store.store import Store
from tests.unit.policy.virtual import key
from tests.unit.store.conftest import Request

COST = "0.000000054"


def holder() -> Key:
    """Return the key of the tests; it has no end of money."""
    return key(quota=10**12, rpm=10**6, budgets=(("1000", "day"), ("5000", "month")))


class Priced(Request):
    """A settled request of a vendor: 57 tokens."""

    def usage_row(self) -> tuple[object, ...]:
        row = list(super().usage_row())
        row[-5:-3] = ["vendor", COST]
        return tuple(row)


def say(*words: object) -> None:
    print(*words, flush=True)


async def main(mode: str, path: Path) -> None:
    """Do what the first word says until killed."""
    clock = SystemClock()
    store = await Store.open(path, clock)
    limits, who = Limits(clock, store.writer.journal), holder()
    store.writer.journal.meters = limits.take_meters
    number = 0
    while True:
        request = Priced(number, at=clock.now() - number)
        hold = limits.admit(who, request.id, tokens=100, at=request.at)
        await limits.spend(
            hold, who, request.id, model="m", endpoint="chat", vendor="v", tokens=100, nano_usd=nano("0.5")
        )
        say(request.id)
        if mode == "between" and number == 2:
            await asyncio.Event().wait()
        limits.settle(hold, tokens=57, nano_usd=nano(COST))
        if mode == "apart":
            await store.writer.flush()
            say("apart")
            await asyncio.Event().wait()
        store.writer.put(request)
        number += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
