"""Wrong keys: how many an address may show in a minute.

Owns the count. Refuses to look at right keys: whoever shows one is let in whatever others behind the same address did,
so that one guesser behind a proxy locks nobody out. What the limit is for: guesses cost the guesser time (a key has 192
bits, so it is not what keeps them out), and a broken tool does not fill log and audit. Called by daemon/entrance.py.
"""

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

from flock.clock import Clock
from flock.errors import TooManyAttempts

MINUTE = 60.0
# addresses remembered at a time, those forgotten first that have been silent longest: about 2 MB
REMEMBERED = 10_000


@dataclass(slots=True)
class _Tries:
    """`free_at` is when the address is as if it had never tried (monotonic seconds): a leaky bucket in one number."""

    free_at: float = 0.0
    told_at: float = -math.inf


class Attempts:
    """The wrong keys of the last minute by address. `per_minute` 0 is no limit."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._by_address: OrderedDict[str, _Tries] = OrderedDict()

    def wrong(self, address: str) -> None:
        """Count a wrong key of an address.

        Raises TooManyAttempts with the seconds after which the next one is looked at; `noted` of it says whether this
        minute already has one, so that one line a minute goes on record.
        """
        if not self._per_minute:
            return
        now, step = self._clock.monotonic(), MINUTE / self._per_minute
        tries = self._of(network(address))
        free_at = max(tries.free_at, now) + step
        if free_at - now <= MINUTE + step / 2:  # half a step, since sums of floats are not exact
            tries.free_at = free_at
            return
        noted = now - tries.told_at < MINUTE
        if not noted:
            tries.told_at = now
        raise TooManyAttempts(
            f"more than {self._per_minute} wrong keys came from {address} within a minute",
            hint="show a right key: those are let in all the same",
            details={"retry_after": max(1, math.ceil(free_at - now - MINUTE)), "noted": noted},
        )

    def _of(self, name: str) -> _Tries:
        tries = self._by_address.get(name)
        if tries is None:
            tries = self._by_address[name] = _Tries()
            if len(self._by_address) > REMEMBERED:
                self._by_address.popitem(last=False)
        else:
            self._by_address.move_to_end(name)
        return tries


def network(address: str) -> str:
    """Return what counts as one address: IPv6 gives every customer a whole /64 (RFC 6177), of which each is one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(getattr(found, "ipv4_mapped", None) or found)
