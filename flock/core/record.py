"""The decision record: everything known about one request, carried from the door to settlement.

`usage`, `explain`, metrics and the log read it; nothing else keeps a second account. It is a plain mutable object on
the request path (no I/O, no encoding); the store's writer asks it for rows when it commits a batch.
"""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from flock.clock import rfc3339
from flock.contract.requests import Explanation, RequestRow
from flock.core import decision, stages
from flock.core.cost import cost_nano
from flock.dialects.ir import NO_USAGE, Usage
from flock.policy.keys import ANYONE, Key
from flock.policy.money import dollars
from flock.upstream import Price, Waiting

if TYPE_CHECKING:
    from flock.dialects.demand import Demand
    from flock.errors import FlockError
    from flock.policy.accounts import Hold
    from flock.policy.levels import Levels
    from flock.routing.choose import Ranked


# An id must be unique, not secret; a generator seeded by the system costs a tenth of a system call.
_ids = random.Random()


def new_request_id() -> str:
    """Return a fresh id: "req_" and 16 hex digits."""
    return f"req_{_ids.getrandbits(64):016x}"


class Try:
    """One attempt at an upstream; times on the monotonic clock."""

    __slots__ = ("ended", "error", "first_byte", "left", "started", "status", "upstream")

    def __init__(self, upstream: str, started: float) -> None:
        self.upstream = upstream
        self.started = started
        self.first_byte = 0.0
        self.ended = 0.0
        self.status = 0
        self.error = ""
        # whether flock left it before it had answered, because the client did or the request was ended from outside
        self.left = False


class Record:
    """One request. Times are monotonic seconds, 0.0 while the moment has not come; `at` is epoch seconds."""

    __slots__ = (
        "arrived",
        "at",
        "bytes_in",
        "bytes_out",
        "charged",
        "chosen",
        "counted",
        "demand",
        "dialect",
        "edits",
        "ended",
        "endpoint",
        "engine",
        "engine_seconds",
        "error",
        "estimated",
        "first",
        "hold",
        "id",
        "interrupt",
        "key",
        "last",
        "lent",
        "levels",
        "loaded",
        "lost",
        "low",
        "measure",
        "model",
        "most",
        "notes",
        "on_stage",
        "outcome",
        "plan",
        "power",
        "price",
        "ranked",
        "requested",
        "said",
        "sent",
        "spent",
        "status",
        "stream",
        "tick",
        "tries",
        "turn",
        "upstream",
        "usage",
        "vendor",
        "waited",
        "waiting",
        "words",
        "worst",
    )

    def __init__(self, endpoint: str, at: float, arrived: float) -> None:
        self.id = new_request_id()
        self.endpoint = endpoint
        self.at = at
        self.arrived = self.last = arrived
        self.chosen = self.loaded = self.sent = self.first = self.said = self.ended = 0.0
        # its turn at an engine of ours: when the load began for it, or it was let in; and the seconds it waited in all
        self.turn = self.waited = 0.0
        self.waiting: Waiting | None = None
        self.key: Key = ANYONE
        self.requested = self.model = self.upstream = self.engine = self.plan = self.error = self.vendor = ""
        self.price: Price | None = None
        # how long it had the team's machines for itself (core/power.py), and what that cost in billionths of a dollar
        self.engine_seconds = 0.0
        self.power: int | None = None
        # what it may cost, its client says, and what it may, as far as can be told before a vendor is asked; see above
        self.most: int | None = None
        self.worst: int | None = None
        # `low`: it lets all others go first (core/yielding.py)
        self.stream = self.estimated = self.lent = self.low = False
        self.edits: tuple[str, ...] = ()
        self.lost: tuple[str, ...] = ()
        self.notes: list[str] = []
        self.outcome = ""
        self.dialect = "openai"
        self.status = 0
        self.usage: Usage | None = None
        self.bytes_in = self.bytes_out = 0
        self.ranked: list[Ranked] = []
        self.tries: list[Try] = []
        # set by the door while the request runs: ending it with an error the client can read, and looking after it
        self.interrupt: Callable[[FlockError], None] | None = None
        self.tick: Callable[[float], None] | None = None
        # who hears of its stages; and what counts its tokens while a stream runs
        self.on_stage: stages.Hear | None = None
        self.counted: Callable[[], Usage] | None = None
        # what the wait for an engine is for: the client is told where its dialect has room for that
        self.words = ""
        # its key's limits (core/admission.py): what it holds of them, what it was taken to need, what was reserved and
        # is charged in billionths of a dollar, how much of its prompt there is, and what headers tell of the rest, with
        # the epoch seconds at which that is so
        self.hold: Hold | None = None
        self.demand: Demand | None = None
        self.spent = 0
        self.charged: int | None = None
        self.measure: Callable[[], int] | None = None
        self.levels: Callable[[], tuple[float, Levels]] | None = None

    def hear(self, words: str) -> None:
        """Hear what the wait for an engine is for."""
        self.words = words
        stages.waits(self)

    @property
    def stage(self) -> str:
        """Where the request is: queued, loading, prefilling, generating, sending or ended."""
        if self.ended:
            return "ended"
        if self.said:
            return "sending"
        if self.first:
            return "generating"
        if self.sent:
            return "prefilling"
        return "loading" if self.chosen and not (self.waiting and self.waiting.position > 0) else "queued"

    @property
    def output_tokens(self) -> int:
        """The tokens of the answer: as told at its end, as counted while it comes."""
        if self.usage is None and self.counted is not None:
            return self.counted().output
        return self.usage.output if self.usage else 0

    # -- what the store's writer asks for, when it commits a batch

    def usage_row(self) -> tuple[object, ...]:
        """Return the usage row in the order of `store.usage.COLUMNS`; latencies in milliseconds."""
        usage = self.usage or NO_USAGE
        first = self.first
        return (
            self.id,
            self.at,
            self.key.user,
            self.key.id,
            self.model or self.requested,
            self.endpoint,
            self.engine,
            usage.input,
            usage.cached,
            usage.output,
            self.estimated,
            (self.ended - self.arrived) * 1000,
            (first - self.arrived) * 1000 if first and self.stream else None,
            self.status,
            self.outcome,
            self.stream,
            self.vendor,
            self.cost_usd,
            usage.cache_write,
            usage.reasoning,
            self.engine_ms,
        )

    @property
    def engine_ms(self) -> float:
        """How long a vendor took; of the team's machines its part: a second of which three had a third each counts as
        a third.
        """
        if not self.vendor:
            return self.engine_seconds * 1000
        return (self.ended - self.sent) * 1000 if self.sent else 0.0

    @property
    def cost_usd(self) -> str | None:
        """What the call cost the team in dollars; None where nobody knows, or where the caller pays the vendor."""
        cost = self.cost_nano
        return None if cost is None else dollars(cost)

    @property
    def cost_nano(self) -> int | None:
        """The same in billionths of a dollar: at a vendor, or the power of the team's own machines."""
        if self.charged is not None or self.lent:
            return self.charged
        return self.power if self.power is not None else cost_nano(self.usage, self.price)

    def decision(self) -> tuple[str, float, bytes]:
        """Return (request id, epoch time, the packed record) for keeping."""
        return self.id, self.at, decision.pack(self)

    # -- what people see

    def row(self, now: float) -> RequestRow:
        """Return the request in brief."""
        waiting = self.waiting if self.stage == "queued" else None
        return RequestRow(
            id=self.id,
            at=rfc3339(self.at),
            user=self.key.name,
            model=self.model or self.requested,
            endpoint=self.endpoint,
            engine=self.engine,
            stage=self.stage,
            outcome=self.outcome,
            output_tokens=self.output_tokens,
            elapsed_ms=round(((self.ended or now) - self.arrived) * 1000, 2),
            input_tokens=self.usage.input if self.usage else 0,
            ttft_ms=round((self.first - self.arrived) * 1000, 2) if self.first and self.stream else None,
            tokens_per_second=stages.speed(self, self.ended or now),
            position=waiting.position or None if waiting else None,
            eta_seconds=waiting.eta if waiting else None,
        )

    def explanation(self) -> Explanation:
        """Return the whole record, spelled out."""
        return decision.unpack(decision.pack(self))
