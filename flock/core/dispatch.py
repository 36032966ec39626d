"""Sending a planned request: the head of it, the connection, and what a failure to send means.

Owns the bytes of request heads and the one silent retry on a kept-alive connection the engine had closed already.
Called by core/inference.py.
"""

from flock.dialects.plan import Plan
from flock.errors import EngineUnreachable
from flock.outbound.pool import Exchange, Pools
from flock.routing.health import Health
from flock.upstream import Upstream

_Key = tuple[str, str, str, tuple[tuple[str, str], ...]]


class Dispatch:
    """Sends requests to upstreams over the pools, and remembers which could not be reached."""

    def __init__(self, pools: Pools, health: Health) -> None:
        self._pools = pools
        self._health = health
        self._heads: dict[_Key, tuple[Upstream, bytes]] = {}

    async def send(self, upstream: Upstream, made: Plan) -> Exchange:
        """Send the request and return the exchange once the response's head is in. Raises EngineUnreachable."""
        pool = self._pools.of(upstream)
        data = b"%b%d\r\n\r\n%b" % (self._head(upstream, made), len(made.body), made.body)
        try:
            exchange = await pool.get()
        except OSError as error:
            raise self.unreachable(upstream, error) from None
        try:
            await exchange.send(data)
        except ConnectionError as error:
            untouched = exchange.untouched
            exchange.release()
            if not untouched:
                raise self.unreachable(upstream, error, sent=True) from None
        except BaseException:
            exchange.release()
            raise
        else:
            return exchange
        try:
            exchange = await pool.get(fresh=True)
            await exchange.send(data)
        except OSError as error:
            exchange.release()
            raise self.unreachable(upstream, error) from None
        except BaseException:
            exchange.release()
            raise
        return exchange

    def _head(self, upstream: Upstream, made: Plan) -> bytes:
        """Return the request head up to the value of Content-Length, made once per upstream, path and headers.

        Headers come from clients, who were read by a parser that lets no line break through.
        """
        path, headers, content_type = made.path, made.headers, made.content_type
        key = (upstream.name, path, content_type, tuple(headers.items()) if headers else ())
        cached = self._heads.get(key)
        if cached is not None and cached[0] is upstream:
            return cached[1]
        auth = f"Authorization: Bearer {upstream.key}\r\n" if upstream.key else ""
        host = upstream.url.split("://", 1)[1].split("/", 1)[0]
        own = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = (
            f"POST {upstream.prefix}{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n"
            f"Accept: application/json, text/event-stream\r\n{own}{auth}Content-Length: "
        ).encode("latin-1", "replace")
        if len(self._heads) > _HEADS_MAX:
            self._heads.clear()
        self._heads[key] = (upstream, head)
        return head

    def unreachable(self, upstream: Upstream, error: OSError, *, sent: bool = False) -> EngineUnreachable:
        """Return the error of an upstream that does not answer, and remember it; `sent`: it had the request already."""
        self._health.failed(upstream.name)
        why = "did not accept a connection in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        verb = "dropped the connection" if sent else "does not answer"
        start = upstream.profile.start_hint
        return EngineUnreachable(
            f"the engine {upstream.engine} at {upstream.url} {verb}: {why}",
            hint="flock engine ls" if upstream.own else f"start it: {start}" if start else "flock engine ls",
            details={"engine": upstream.engine, "endpoint": upstream.url, "refused": not sent},
        )


# engines, paths and sets of beta flags are few; clients that make up ever new ones must not fill the memory
_HEADS_MAX = 500
