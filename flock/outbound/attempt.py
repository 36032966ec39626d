"""One try of a request to a vendor: its phases with their limits, and whether its connection was a kept one.

Owns the time limits before an answer begins, the pieces in which a request is written, and the judgement of what may be
sent a second time. Refuses to open anything: vendors.py does, and hears from aiohttp's traces through here.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from flock.outbound.failures import TooSlow

# A request with pictures has megabytes; written in pieces, since one write of it would hold the loop
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each phase of a vendor's exchange may take, in seconds, 0 being no limit.

    `connect`: looking the name up, TCP, and a proxy's CONNECT; a vendor that is up answers within one second from
    anywhere. `tls`: on top of it for https. `send`: until a vendor has taken the request, on top of what its
    bytes take on a slow line; bounds a peer that stops reading. `first_byte` and `silence` are backstops behind the
    gateway's first_token_seconds and stall_seconds, which a user may have set to 0: without one, a connection that a
    firewall has forgotten hangs for ever. `whole`: of a small answer, such as a list of models.

    `stale`: a kept connection that turns out dead does so within a round trip; one that lives longer than this after
    the request went out had reached the vendor, who may be charging for it. `slowest`, in bytes per second: the line
    on which a request of some megabytes may still be sent, half a megabit.
    """

    connect: float = 10.0
    tls: float = 10.0
    send: float = 60.0
    first_byte: float = 3600.0
    silence: float = 3600.0
    whole: float = 30.0
    stale: float = 3.0
    slowest: int = 64 * 1024


class Attempt:
    """One try of a request: which phase it is in, and whether its connection was a kept one."""

    def __init__(self, limits: Limits, named: str, tls: bool) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._limit: asyncio.Timeout | None = None
        self._phase, self._seconds = "connect", limits.connect + limits.tls * tls if limits.connect else 0
        self._bytes = 0
        self._sent_at = 0.0
        self.named = named
        self.sent = False
        self.reused = False
        self.stale = False

    @asynccontextmanager
    async def limited(self, size: int) -> AsyncGenerator[None]:
        """Limit the attempt to send a body of a size; the limit moves on with the phases. Raises TimeoutError."""
        self._bytes = size
        try:
            async with asyncio.timeout(self._seconds or None) as self._limit:
                yield
        finally:
            self._limit = None

    def connected(self, *, reused: bool) -> None:
        """Hear that there is a connection: the request goes out now."""
        self.reused, self.sent = reused, True
        self._sent_at = self._loop.time()
        limit = self._limits.send
        self._phase, self._seconds = "send", limit + self._bytes / self._limits.slowest if limit else 0
        self._reschedule()
        if not self._bytes:
            self._waits()

    async def pieces(self, body: bytes) -> AsyncIterator[bytes]:
        """Yield the body; each next piece is asked for when the vendor has taken most of those before."""
        for start in range(0, len(body), _PIECE):
            yield body[start : start + _PIECE]
        self._waits()

    def failed(self, error: Exception) -> None:
        """Hear why there is no answer: a kept connection that died at once, and without a byte, was dead before."""
        untouched = isinstance(error, aiohttp.ClientOSError) or (
            # the message is the head of an answer as far as it came, where some of it did
            isinstance(error, aiohttp.ServerDisconnectedError) and isinstance(error.message, str)
        )
        self.stale = self.reused and untouched and self._loop.time() - self._sent_at < self._limits.stale

    def too_slow(self) -> TooSlow:
        """Return the error of the phase that took too long."""
        words = {
            "connect": f"{self.named} gave no connection within {self._seconds:g} s",
            "send": f"{self.named} did not take the request within {self._seconds:.0f} s",
        }
        return TooSlow(
            words.get(self._phase, f"{self.named} sent no answer within {self._seconds:g} s"), sent=self.sent
        )

    def _waits(self) -> None:
        self._sent_at = self._loop.time()
        self._phase, self._seconds = "first byte", self._limits.first_byte
        self._reschedule()

    def _reschedule(self) -> None:
        # an answer may begin before the request has gone out whole, and ends the limit
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(self._loop.time() + self._seconds if self._seconds else None)


def traced() -> aiohttp.TraceConfig:
    """Return the trace by which a session tells an attempt, its `trace_request_ctx`, about the connection it got."""
    traces = aiohttp.TraceConfig()
    traces.on_connection_create_end.append(_on_connected)
    traces.on_connection_reuseconn.append(_on_reused)
    return traces


async def _on_connected(
    session: aiohttp.ClientSession, context: Any, _: aiohttp.TraceConnectionCreateEndParams
) -> None:
    context.trace_request_ctx.connected(reused=False)


async def _on_reused(session: aiohttp.ClientSession, context: Any, _: aiohttp.TraceConnectionReuseconnParams) -> None:
    context.trace_request_ctx.connected(reused=True)
