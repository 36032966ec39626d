"""Reaching vendors over the internet: one aiohttp ClientSession for all of them.

Owns what may be contacted and how: only hosts that are configured, TLS that is verified, proxies of the environment, a
limit for every phase, and the silent repetition on a kept connection that was dead. Refuses redirects, cookies, .netrc,
and plain HTTP to the internet unless a vendor's row says so. Whatever goes wrong is an OSError of outbound/failures.py.
Called by core/inference.py for vendors; engines have outbound/pool.py.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakSet

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from flock import __version__
from flock.outbound.addresses import is_near
from flock.outbound.answering import VendorExchange
from flock.outbound.attempt import Attempt, Limits, traced
from flock.outbound.failures import NotConfigured, Redirected, TooSlow, Unreached
from flock.outbound.proxies import Proxies, Proxy
from flock.outbound.trust import system_context
from flock.outbound.wrong import failure_of

log = logging.getLogger(__name__)

Places = Callable[[], frozenset[tuple[str, int]]]

# Vendors' balancers keep idle connections for a minute or more (CloudFront 60 s, AWS's 60, Cloudflare's 400).
IDLE_SECONDS = 50.0
# A balancer that was restarted has closed every connection that is kept to it
_REPEATS = 3
_LINE = 32 * 1024


class VendorClient:
    """The way to every vendor. `allowed` tells which (host, port) are configured now, `plain` for which of them a row
    says http though they are on the internet. `most_bytes` bounds what is held of an answer that nobody takes yet:
    pictures in base64 have tens of megabytes.
    """

    def __init__(
        self,
        allowed: Places,
        *,
        plain: Places = frozenset,
        limits: Limits | None = None,
        environ: Mapping[str, str] = os.environ,
        trust: Callable[[Mapping[str, str]], ssl.SSLContext] = system_context,
        most_bytes: int = 256 * 2**20,
        most_listed: int = 16 * 2**20,
    ) -> None:
        self._allowed = allowed
        self._plain = plain
        self._limits = limits or Limits()
        self._environ = environ
        self._proxies = Proxies(environ)
        self._trust = trust
        self._most_bytes = most_bytes
        self._most_listed = most_listed
        self._session: aiohttp.ClientSession | None = None
        self._running: WeakSet[VendorExchange] = WeakSet()
        self._context: asyncio.Task[ssl.SSLContext] | None = None

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> VendorExchange:
        """POST a request and return the exchange once the answer's head is in.

        Raises NotConfigured and Unreached (nothing was sent), Dropped, Redirected (it may have been), TooSlow.
        """
        target = self._checked(url)
        response = await self._asked("POST", target, headers, body)
        exchange = VendorExchange(
            response, _named(target), silence_seconds=self._limits.silence, most_bytes=self._most_bytes
        )
        self._running.add(exchange)
        return exchange

    async def get(self, url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        """Return (status, headers, body) of a small answer, such as a list of models. Raises what `send` raises."""
        target = self._checked(url)
        named = _named(target)
        try:
            async with asyncio.timeout(self._limits.whole or None):
                response = await self._asked("GET", target, headers, b"")
                exchange = VendorExchange(response, named, silence_seconds=0, most_bytes=self._most_listed)
                try:
                    return exchange.status, exchange.headers, await exchange.body()
                finally:
                    exchange.release()
        except TooSlow:
            raise
        except TimeoutError:
            pass
        raise TooSlow(f"{named} did not answer within {self._limits.whole:g} s", sent=True)

    async def close(self) -> None:
        """Close every connection; what is still coming in over one breaks."""
        if self._context is not None:
            self._context.cancel()
        for exchange in list(self._running):
            exchange.cut()
        if self._session is not None:
            await self._session.close()

    # -- one request

    async def _asked(self, method: str, target: URL, headers: Mapping[str, str], body: bytes) -> aiohttp.ClientResponse:
        """Return the response once its head is in."""
        named = _named(target)
        proxy = self._proxies.of(target.scheme, target.raw_host or "", target.port or 0)
        tls = await self._tls() if "https" in (target.scheme, URL(proxy.url).scheme if proxy else "") else None
        for repeats in range(_REPEATS, -1, -1):
            attempt = Attempt(self._limits, named, target.scheme == "https")
            answer = await self._once(attempt, method, target, headers, body, proxy, tls)
            if isinstance(answer, aiohttp.ClientResponse):
                return self._straight(answer, named, proxy)
            if not (attempt.stale and repeats):
                raise answer
            log.debug("a connection to %s that was kept is dead: the request is sent again", named)
        raise AssertionError("the last attempt is never repeated")

    def _checked(self, url: str) -> URL:
        """Return a URL that may be contacted. Raises NotConfigured before anything is looked up."""
        try:
            target = URL(url)
            place = ((target.raw_host or "").lower().rstrip("."), target.port or 0)
        except ValueError:
            raise NotConfigured("the vendor's URL is not valid") from None
        if target.scheme not in ("http", "https") or not place[0] or target.user is not None:
            raise NotConfigured("the vendor's URL is no plain http or https one")
        if place not in self._allowed():
            raise NotConfigured(f"{_named(target)} is the address of no vendor that is configured")
        if target.scheme == "http" and not is_near(place[0]) and place not in self._plain():
            raise NotConfigured(f"{_named(target)} is on the internet, where flock speaks https only")
        return target

    async def _once(
        self,
        attempt: Attempt,
        method: str,
        target: URL,
        headers: Mapping[str, str],
        body: bytes,
        proxy: Proxy | None,
        tls: ssl.SSLContext | None,
    ) -> aiohttp.ClientResponse | OSError:
        """Return the response, or why there is none."""
        more: dict[str, Any] = {"ssl": tls} if tls is not None else {}
        if proxy is not None:
            more["proxy"] = proxy.url
        sent = CIMultiDict(headers)
        sent.setdefault("User-Agent", f"flock/{__version__}")
        sent["Accept-Encoding"] = "identity"
        if proxy is not None and proxy.authorization:
            shown = {"Proxy-Authorization": proxy.authorization}
            # of a tunnel the proxy sees its own request only, of plain HTTP the one that it passes on without this
            if target.scheme == "https":
                more["proxy_headers"] = shown
            else:
                sent.update(shown)
        if method == "POST":
            sent.setdefault("Content-Type", "application/json")
            sent["Content-Length"] = str(len(body))
            more["data"] = attempt.pieces(body)
        try:
            async with attempt.limited(len(body)):
                return await self._opened().request(
                    method, target, headers=sent, allow_redirects=False, trace_request_ctx=attempt, **more
                )
        except TimeoutError as error:
            # aiohttp's own have no limit, and an operating system's ETIMEDOUT is no phase of ours
            return attempt.too_slow() if error.errno is None else failure_of(error, attempt.named, proxy, attempt.sent)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            attempt.failed(error)
            return failure_of(error, attempt.named, proxy, attempt.sent)

    def _straight(self, response: aiohttp.ClientResponse, named: str, proxy: Proxy | None) -> aiohttp.ClientResponse:
        """Return a response that is the vendor's answer. Raises Redirected, and Unreached for a proxy's refusal."""
        if response.status == 407:
            response.close()
            who = f"the proxy {proxy.named}" if proxy is not None else named
            raise Unreached(f"{who} wants credentials of a proxy's user (407)")
        if not 300 <= response.status < 400:
            return response
        place = response.headers.get("Location", "")
        response.close()
        raise Redirected(f"{named} answers {response.status} and wants the request at {_place(response.url, place)}")

    # -- what is made on first use, inside the loop

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,  # it reads .netrc, and proxies without the exceptions that proxies.py makes
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                trace_configs=[traced()],
                skip_auto_headers=("Content-Type", "User-Agent"),
                max_line_size=_LINE,
                max_field_size=_LINE,
            )
        return self._session

    async def _tls(self) -> ssl.SSLContext:
        """Return the one TLS context; it is read in a thread, once. Raises Unreached."""
        if self._context is None or (self._context.done() and self._context.exception() is not None):
            self._context = asyncio.create_task(asyncio.to_thread(self._trust, self._environ))
        try:
            return await asyncio.shield(self._context)
        except OSError as error:
            words = str(error)
        raise Unreached(words)


def _named(url: URL) -> str:
    """Return how errors call an address: host and port, since the rest may hold a key."""
    return f"{url.host}:{url.port}"


def _place(origin: URL, location: str) -> str:
    """Return where a redirect leads, without what may be secret in it."""
    try:
        url = origin.join(URL(location)).with_query(None).with_fragment(None).with_user(None)
    except ValueError:
        return "another place"
    return str(url)[:200]
