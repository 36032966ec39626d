"""The decision record: everything known about one request, carried from the door to settlement.

`usage`, `explain`, metrics and the log read it; nothing else keeps a second account. It is a plain mutable object on
the request path (no I/O, no encoding); the store's writer asks it for rows when it commits a batch.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from flock.clock import rfc3339
from flock.contract.requests import Attempt, Candidate, Explanation, RequestRow, Span
from flock.dialects.openai.upstream import Usage
from flock.policy.keys import ANYONE, Key

if TYPE_CHECKING:
    from flock.errors import FlockError
    from flock.routing.choose import Ranked


def new_request_id() -> str:
    """Return a fresh id: "req_" and 16 hex digits."""
    return "req_" + os.urandom(8).hex()


class Try:
    """One attempt at an upstream; times on the monotonic clock."""

    __slots__ = ("ended", "error", "first_byte", "started", "status", "upstream")

    def __init__(self, upstream: str, started: float) -> None:
        self.upstream = upstream
        self.started = started
        self.first_byte = 0.0
        self.ended = 0.0
        self.status = 0
        self.error = ""


class Record:
    """One request. Times are monotonic seconds, 0.0 while the moment has not come; `at` is epoch seconds."""

    __slots__ = (
        "arrived",
        "at",
        "bytes_in",
        "bytes_out",
        "chosen",
        "edits",
        "ended",
        "endpoint",
        "engine",
        "error",
        "estimated",
        "first",
        "id",
        "interrupt",
        "key",
        "last",
        "loaded",
        "model",
        "notes",
        "outcome",
        "plan",
        "ranked",
        "requested",
        "sent",
        "status",
        "stream",
        "tries",
        "upstream",
        "usage",
    )

    def __init__(self, endpoint: str, at: float, arrived: float) -> None:
        self.id = new_request_id()
        self.endpoint = endpoint
        self.at = at
        self.arrived = self.last = arrived
        self.chosen = self.loaded = self.sent = self.first = self.ended = 0.0
        self.key: Key = ANYONE
        self.requested = self.model = self.upstream = self.engine = self.plan = self.error = ""
        self.stream = self.estimated = False
        self.edits: tuple[str, ...] = ()
        self.notes: list[str] = []
        self.outcome = ""
        self.status = 0
        self.usage: Usage | None = None
        self.bytes_in = self.bytes_out = 0
        self.ranked: list[Ranked] = []
        self.tries: list[Try] = []
        # set by the door while the request runs: ends it with an error the client can read
        self.interrupt: Callable[[FlockError], None] | None = None

    @property
    def stage(self) -> str:
        """Where the request is: queued, loading, prefilling, generating or ended."""
        if self.ended:
            return "ended"
        if self.first:
            return "generating"
        if self.sent:
            return "prefilling"
        return "loading" if self.chosen else "queued"

    def latency_ms(self, now: float) -> float:
        """Return milliseconds from arrival to the end, or to now."""
        return round(((self.ended or now) - self.arrived) * 1000, 2)

    # -- what the store's writer asks for

    def usage_row(self) -> tuple[object, ...]:
        """Return the usage row in the order of `store.usage.COLUMNS`."""
        usage = self.usage or _NO_USAGE
        first = self.first
        return (
            self.id,
            self.at,
            self.key.name,
            self.key.id,
            self.model or self.requested,
            self.endpoint,
            self.engine,
            usage.input,
            usage.cached,
            usage.output,
            int(self.estimated),
            round((self.ended - self.arrived) * 1000, 2),
            round((first - self.arrived) * 1000, 2) if first and self.stream else None,
            self.status,
            self.outcome,
            int(self.stream),
        )

    def decision(self) -> tuple[str, float, bytes]:
        """Return (request id, epoch time, the record as JSON) for keeping."""
        # orjson writes dataclasses itself, ten times as fast as the codec; what it writes the codec reads
        return self.id, self.at, orjson.dumps(self.explanation())

    # -- what people see

    def row(self, now: float) -> RequestRow:
        """Return the request in brief."""
        return RequestRow(
            id=self.id,
            at=rfc3339(self.at),
            user=self.key.name,
            model=self.model or self.requested,
            endpoint=self.endpoint,
            engine=self.engine,
            stage=self.stage,
            outcome=self.outcome,
            output_tokens=self.usage.output if self.usage else 0,
            elapsed_ms=self.latency_ms(now),
        )

    def explanation(self) -> Explanation:
        """Return the whole record."""
        usage = self.usage or _NO_USAGE
        return Explanation(
            id=self.id,
            at=rfc3339(self.at),
            user=self.key.name,
            key_id=self.key.id,
            endpoint=self.endpoint,
            requested_model=self.requested,
            model=self.model,
            stream=self.stream,
            stage=self.stage,
            outcome=self.outcome,
            status=self.status,
            error=self.error,
            plan=self.plan,
            edits=self.edits,
            upstream=self.upstream,
            engine=self.engine,
            why=next((r.reason for r in self.ranked if r.placement.name == self.upstream), ""),
            candidates=self._candidates(),
            attempts=tuple(self._attempt(t) for t in self.tries),
            spans=tuple(self._spans()),
            input_tokens=usage.input,
            cached_tokens=usage.cached,
            output_tokens=usage.output,
            estimated=self.estimated,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            notes=tuple(self.notes),
        )

    def _candidates(self) -> tuple[Candidate, ...]:
        failed = {t.upstream for t in self.tries if t.error}
        return tuple(
            Candidate(r.placement.name, r.placement.engine, rank, r.reason, r.placement.name in failed)
            for rank, r in enumerate(self.ranked)
        )

    def _ms(self, moment: float) -> float:
        return round((moment - self.arrived) * 1000, 2)

    def _attempt(self, tried: Try) -> Attempt:
        return Attempt(
            upstream=tried.upstream,
            started_ms=self._ms(tried.started),
            first_byte_ms=self._ms(tried.first_byte) if tried.first_byte else None,
            ended_ms=self._ms(tried.ended) if tried.ended else None,
            status=tried.status,
            error=tried.error,
        )

    def _spans(self) -> list[Span]:
        """Return the waterfall: each stretch ends where the next begins, only those that happened."""
        end = self.ended or self.last
        moments = [("queue", self.arrived, self.chosen or end, "read, authenticated, routed")]
        if self.chosen:
            moments.append(("load", self.chosen, self.loaded or end, "engine start, when it was not ready"))
        if self.loaded:
            moments.append(("translation", self.loaded, self.sent or end, self.plan or "none"))
        if self.sent:
            moments += self._generation(end)
        return [Span(n, self._ms(a), round(max(0.0, b - a) * 1000, 2), detail) for n, a, b, detail in moments]

    def _generation(self, end: float) -> list[tuple[str, float, float, str]]:
        usage = self.usage or _NO_USAGE
        if self.stream or not (usage.prefill_ms or usage.decode_ms):
            first = self.first or end
            spans = [("prefill", self.sent, first, f"{usage.input} tokens in, to the first byte")]
            return spans + ([("decode", first, end, f"{usage.output} tokens out")] if self.first else [])
        # an answer in one piece: the engine's own figures divide the time
        split = min(end, self.sent + (usage.prefill_ms or 0.0) / 1000)
        return [
            ("prefill", self.sent, split, f"{usage.input} tokens in, by the engine's clock"),
            ("decode", split, end, f"{usage.output} tokens out"),
        ]


_NO_USAGE = Usage()
