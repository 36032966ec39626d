"""How long requests had the team's machines for themselves, and what the power for that cost.

Owns the sharing: of a second in which three requests run, each had a third. So the seconds of all requests are the
seconds in which the machines worked, and their power is paid once, however many ran at a time. It assumes that the
machines take their watts while any request runs and nothing worth counting in between, and that requests that run at a
time weigh the same. Called by core/inference.py.
"""

from decimal import Decimal

from flock.clock import Clock
from flock.core.record import Record

_SECONDS_AN_HOUR = 3600
_NANO = 10**9


class Power:
    """The running requests of own and adopted engines. `rate` is billionths of a dollar a second, None while no price
    of power is set.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rate: Decimal | None = None
        # by request: the reading of the meter when it began. The meter runs at 1/n while n requests run
        self._began: dict[str, float] = {}
        self._meter = self._at = 0.0

    def set(self, watts: str | None, usd_per_kwh: str | None) -> None:
        """Take what the machines draw while they work and what a kilowatt-hour costs; None for not set."""
        if watts is None or usd_per_kwh is None:
            self.rate = None
        else:
            self.rate = Decimal(watts) / 1000 / _SECONDS_AN_HOUR * Decimal(usd_per_kwh) * _NANO

    def began(self, record: Record) -> None:
        """Hear that a request goes to an upstream; a vendor's machines are not ours."""
        self._read()
        if record.vendor:
            self._leave(record)
        else:
            self._began.setdefault(record.id, self._meter)

    def settled(self, record: Record) -> None:
        """Hear that a request ended: its seconds and their power are written into the record."""
        self._read()
        self._leave(record)
        if record.vendor or not record.sent:
            return
        if self.rate is not None:
            record.power = round(self.rate * Decimal(record.engine_seconds))

    def _leave(self, record: Record) -> None:
        began = self._began.pop(record.id, None)
        if began is not None:
            record.engine_seconds += self._meter - began

    def _read(self) -> None:
        now = self._clock.monotonic()
        if self._began:
            self._meter += (now - self._at) / len(self._began)
        else:
            self._meter = 0.0
        self._at = now
