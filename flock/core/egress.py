"""Sending a planned request to a paid vendor, with the team's keys in turn, or with the caller's own.

Owns which key is tried next before anything has reached the client. Refuses a caller's own credential where the
vendor's row does not permit it, and never mixes it with the team's. Called by core/inference.py.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from flock.clock import Clock
from flock.core.record import Record
from flock.core.refusal import seconds_of
from flock.dialects.ask import Ask
from flock.dialects.plan import Plan
from flock.errors import EngineUnreachable
from flock.outbound.exchange import Exchange, Sink
from flock.routing.health import Health
from flock.upstream import Channel, Credential, Upstream

# refusals that another key of the same vendor may not share
_ANOTHER_KEY = frozenset({401, 402, 403, 429, 500, 502, 503, 504, 529})
# refusals that may be about the key, and may quote it
_OF_THE_KEY = frozenset({400, 401, 402, 403})


class Post(Protocol):
    """Sends to vendors; flock.outbound.vendors.VendorClient is the real one."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Exchange:
        """Send a POST and return once the response's head is in. Raises OSError."""
        ...


# reserves what a request may cost, before the team's keys pay for it: core/admission.py
Reserve = Callable[[Record, Ask], Awaitable[None]]


class Egress:
    """Sends requests to vendors."""

    def __init__(self, post: Post, health: Health, clock: Clock, reserve: Reserve | None = None) -> None:
        self._reserve = reserve
        self._post = post
        self._health = health
        self._clock = clock

    async def send(self, record: Record, upstream: Upstream, made: Plan, ask: Ask) -> Exchange:
        """Send a request and return the exchange once the response's head is in.

        Raises EngineUnreachable, VendorKeyMissing, SecretsLocked, and what reserving its dollars does.
        """
        channel = upstream.channel
        assert channel is not None
        lent = channel.lend(ask.credentials)
        record.lent = lent is not None
        credentials = [lent] if lent is not None else list(await channel.credentials())
        if lent is None and self._reserve is not None:
            await self._reserve(record, ask)
        for credential in credentials[:-1]:
            exchange = await self._tried(record, upstream, made, channel, credential)
            if exchange is not None:
                return exchange
        return await self._sent(upstream, made, channel, credentials[-1])

    async def _tried(
        self, record: Record, upstream: Upstream, made: Plan, channel: Channel, credential: Credential
    ) -> Exchange | None:
        """Return the exchange, None where the next key may fare better."""
        exchange = await self._sent(upstream, made, channel, credential)
        if not _is_refused(exchange):
            return exchange
        record.notes.append(f"{upstream.engine} answered {exchange.status} to {credential.name}: the next key is tried")
        exchange.release()
        return None

    async def _sent(self, upstream: Upstream, made: Plan, channel: Channel, credential: Credential) -> Exchange:
        headers = {
            "Content-Type": made.content_type,
            "Accept": "application/json, text/event-stream",
            **channel.headers,
            **made.headers,
            **credential.headers(),
        }
        url = channel.url(made.path, made.model)
        try:
            exchange = await self._post.send(url, headers, made.body)
        except OSError as error:
            credential.failed(0, None)
            self._health.failed(upstream.name)
            raise unreachable(upstream, error) from None
        if exchange.status in _OF_THE_KEY:
            exchange = await _looked_into(exchange, channel, credential)
        if _is_refused(exchange):
            wait = seconds_of(exchange.retry_after.decode("latin-1"), self._clock.now())
            status = 401 if isinstance(exchange, _BadKey) else exchange.status
            credential.failed(status, None if wait is None else float(wait))
        else:
            credential.served()
        return exchange


class _Read:
    """An exchange whose body had to be read to know what it says."""

    complete = untouched = False

    def __init__(self, exchange: Exchange, body: bytes) -> None:
        self._exchange = exchange
        self._body = body
        self.status, self.content_type, self.retry_after = exchange.status, exchange.content_type, exchange.retry_after

    async def body(self) -> bytes:
        return self.taken()

    async def more(self) -> bytes:
        return self.taken()

    def taken(self) -> bytes:
        body, self._body = self._body, b""
        return body

    def stream_to(self, sink: Sink) -> None:
        self._exchange.stream_to(sink)

    def pause(self) -> None:
        self._exchange.pause()

    def resume(self) -> None:
        self._exchange.resume()

    def release(self) -> None:
        self._exchange.release()


class _BadKey(_Read):
    """An answer of status 400 that refuses the key, not the request."""


async def _looked_into(exchange: Exchange, channel: Channel, credential: Credential) -> Exchange:
    """Return the exchange with its body read, and without the key in it."""
    try:
        body = await exchange.body()
    except BaseException:
        exchange.release()
        raise
    for value in credential.headers().values():
        body = body.replace(value.rpartition(" ")[2].encode(), "…".encode())
    bad = exchange.status == 400 and channel.refuses(exchange.status, body)
    return (_BadKey if bad else _Read)(exchange, body)


def _is_refused(exchange: Exchange) -> bool:
    """Return whether another key may fare better."""
    return exchange.status in _ANOTHER_KEY or isinstance(exchange, _BadKey)


def unreachable(upstream: Upstream, error: OSError) -> EngineUnreachable:
    """Return the error of a vendor that does not answer, or breaks off; its own words end the sentence."""
    return EngineUnreachable(
        f"the vendor {upstream.engine} does not answer: {error}",
        hint=f"flock vendor test {upstream.engine}",
        details={"vendor": upstream.engine},
    )
