"""Fetching the pictures that clients name by URL.

Owns what a stranger's URL may make this machine do: one GET of a picture from the public internet. A host's name is
looked up once, every address it has must be public, and the connection goes to the address that was looked at, for
every redirect again: nothing that answers differently a second time (DNS rebinding) leads inside. Refuses every other
scheme, credentials, cookies, proxies, and whatever is no picture by its own bytes. Called by core/inference.py.
"""

import asyncio
import base64
import binascii
import ipaddress
import re
import socket
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from flock.dialects.pictures import MEDIA_TYPES, Picture, sniff, split_data_url
from flock.errors import InvalidRequest, Unsupported
from flock.outbound.addresses import is_local_name, is_public_address
from flock.text import one_line

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# Anthropic takes 5 MB a picture, OpenAI 20 in all; a phone's photograph has 3 to 8.
MOST_BYTES = 10 * 2**20
# Bounds a server that sends a byte a second; a picture that takes longer is better sent by the client.
SECONDS = 10.0
# An address of a picture is moved once (http to https) or twice (to a mirror).
REDIRECTS = 3
# Of one request: beyond this it would make flock a crawler.
MOST_PICTURES = 20
_AT_ONCE = 4
# A conversation comes again with every turn, and the same picture must be the same bytes for an engine's prefix cache.
KEPT_SECONDS, KEPT_BYTES = 600.0, 64 * 2**20
_CHUNK = 64 * 1024
_MOVED = (301, 302, 303, 307, 308)
_HINT = "send it as base64"
# Servers of large sites refuse requests that do not say who asks.
_HEADERS = {
    "Accept": ", ".join(MEDIA_TYPES),
    "Accept-Encoding": "identity",
    "User-Agent": "flock (fetches pictures for language models)",
}
_BLANK = re.compile(rb"\s+")


async def resolve_host(host: str, port: int) -> list[str]:
    """Return every address of a host by the system's resolver, which also reads 127.1 and 0x7f000001."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Pictures:
    """Fetches pictures. `is_public` and `resolve` are what tests replace to serve them from 127.0.0.1."""

    def __init__(
        self,
        *,
        most_bytes: int = MOST_BYTES,
        seconds: float = SECONDS,
        is_public: Callable[[str], bool] = is_public_address,
        resolve: Resolve = resolve_host,
    ) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._is_public = is_public
        self._resolve = resolve
        # URL → (when it came on the loop's clock, bytes, media type), the oldest first
        self._kept: OrderedDict[str, tuple[float, bytes, str]] = OrderedDict()

    async def fetch(self, url: str) -> tuple[bytes, str]:
        """Return the bytes and the media type of the picture at an http, https or data URL.

        What came is kept for ten minutes. Raises InvalidRequest (no such picture, too large, no picture) or Unsupported
        (a URL that flock does not fetch), each naming the URL without its query.
        """
        if url[:5].lower() == "data:":
            return self._decoded(url)
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(url)
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            return kept[1], kept[2]
        try:
            async with asyncio.timeout(self._seconds):
                data = await self._followed(url)
        except TimeoutError:
            raise InvalidRequest(f"{_named(url)} did not come within {self._seconds:g} s", hint=_HINT) from None
        kind = self._kind(data, _named(url))
        self._keep(url, (now, data, kind))
        return data, kind

    def _keep(self, url: str, picture: tuple[float, bytes, str]) -> None:
        self._kept.pop(url, None)
        self._kept[url] = picture
        size = sum(len(data) for _, data, _ in self._kept.values())
        while size > KEPT_BYTES:
            size -= len(self._kept.popitem(last=False)[1][1])

    async def fetch_all(self, urls: Iterable[str]) -> dict[str, Picture]:
        """Return URL → (media type, base64) of pictures, four at a time; the form `pictures.replace_urls` takes.

        Raises what `fetch` raises of the first that fails, and InvalidRequest for more than MOST_PICTURES of them.
        """
        wanted = list(dict.fromkeys(urls))
        if len(wanted) > MOST_PICTURES:
            words = f"the request names {len(wanted)} pictures by URL, and flock fetches {MOST_PICTURES} at most"
            raise InvalidRequest(words, hint=_HINT)
        found: dict[str, Picture] = {}
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(url: str) -> None:
            async with gate:
                data, media_type = await self.fetch(url)
                found[url] = (media_type, base64.b64encode(data).decode())

        try:
            async with asyncio.TaskGroup() as group:
                for url in wanted:
                    group.create_task(one(url))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        return found

    # -- one URL

    async def _followed(self, first: str) -> bytes:
        """Return the body behind a URL and its redirects; each hop is looked at as if it were the first."""
        named = _named(first)
        url = _parsed(first, named)
        for _ in range(REDIRECTS + 1):
            addresses = await self._checked(url, named)
            answer = await self._get(url, addresses, named)
            if isinstance(answer, bytes):
                return answer
            url = _parsed(answer, named, url)
        raise InvalidRequest(f"{named} is redirected more than {REDIRECTS} times", hint=_HINT)

    async def _checked(self, url: URL, named: str) -> list[str]:
        """Return the addresses of a URL's host, all of which are public. Raises Unsupported, InvalidRequest."""
        host = url.raw_host or ""
        if is_local_name(host):
            raise _private(named)
        try:
            addresses = [str(ipaddress.ip_address(host.rstrip(".")))]
        except ValueError:
            try:
                addresses = list(await self._resolve(host, url.port or 80))
            except (OSError, UnicodeError):
                raise InvalidRequest(f"{named} cannot be fetched: its host has no address", hint=_HINT) from None
        if not addresses or not all(self._is_public(address) for address in addresses):
            raise _private(named)
        return addresses

    async def _get(self, url: URL, addresses: Sequence[str], named: str) -> bytes | str:
        """Return the body of a URL, or the place to which it has moved."""
        connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,  # a proxy would connect to what was not looked at
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as session,
                session.get(url, headers=_HEADERS, allow_redirects=False) as answer,
            ):
                if answer.status in _MOVED and (place := answer.headers.get("Location")):
                    return place
                if answer.status != 200:
                    raise InvalidRequest(f"{named} cannot be fetched: status {answer.status}", hint=_HINT)
                return await self._body(answer, named)
        except (aiohttp.ClientError, OSError, ValueError, zlib.error) as error:
            why = one_line(str(getattr(error, "strerror", None) or type(error).__name__), 100)
            raise InvalidRequest(f"{named} cannot be fetched: {why}", hint=_HINT) from None

    async def _body(self, answer: aiohttp.ClientResponse, named: str) -> bytes:
        """Return a body unpacked, never more of it than the limit, whatever it announces."""
        if (answer.content_length or 0) > self._most_bytes:
            raise self._too_large(named)
        unpack = _unpacker(answer.headers.get("Content-Encoding", ""), named)
        body = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            body += chunk if unpack is None else unpack.decompress(chunk, self._most_bytes + 1 - len(body))
            if len(body) > self._most_bytes:
                raise self._too_large(named)
        if unpack is not None and not unpack.eof:
            raise InvalidRequest(f"{named} cannot be fetched: it comes cut short", hint=_HINT)
        return bytes(body)

    def _decoded(self, url: str) -> tuple[bytes, str]:
        """Return the picture in a data: URL."""
        named = "the image in a data: URL"
        found = split_data_url(url)
        if found is None:
            raise InvalidRequest(f"{named} is not base64", hint="write data:image/png;base64,…")
        if len(found[1]) > self._most_bytes * 3 // 2:
            raise self._too_large(named)
        # clients wrap lines, write + as %2B and leave out the padding
        raw = _BLANK.sub(b"", unquote_to_bytes(found[1])).rstrip(b"=")
        try:
            data = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
        except binascii.Error:
            raise InvalidRequest(f"{named} is not base64", hint="write data:image/png;base64,…") from None
        if len(data) > self._most_bytes:
            raise self._too_large(named)
        return data, self._kind(data, named)

    def _kind(self, data: bytes, named: str) -> str:
        kind = sniff(data)
        if not kind:
            raise InvalidRequest(f"{named} is no PNG, JPEG, GIF or WebP", hint="send one of these formats")
        return kind

    def _too_large(self, named: str) -> InvalidRequest:
        return InvalidRequest(f"{named} is larger than {self._most_bytes / 2**20:g} MiB", hint="send a smaller one")


class _Pinned(AbstractResolver):
    """Answers with the addresses that were looked at, whatever the name is by now."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _parsed(text: str, named: str, origin: URL | None = None) -> URL:
    """Return a URL, relative to the one that led there. Raises Unsupported, InvalidRequest."""
    try:
        url = URL(text) if origin is None else origin.join(URL(text))
        port = url.port
    except ValueError:
        raise InvalidRequest(f"{named} is at no valid URL", hint=_HINT) from None
    if url.scheme not in ("http", "https"):
        raise Unsupported(f"{named} is at no http or https URL, and flock fetches no others", hint=_HINT)
    if url.user is not None or url.password is not None:
        raise Unsupported(f"{named} is at a URL with a user or password, which flock does not fetch", hint=_HINT)
    if not url.raw_host or not port:
        raise InvalidRequest(f"{named} is at a URL without a host", hint=_HINT)
    return url.with_fragment(None)


def _named(url: str) -> str:
    """Return how errors call a picture: without query and credentials, which may hold secrets."""
    place = re.split(r"[?#]", url, maxsplit=1)[0]
    place = re.sub(r"(?<=//)[^/]*@", "", place)
    return f"the image at {one_line(place, 200)}"


def _private(named: str) -> Unsupported:
    return Unsupported(f"{named} is at a private address, which flock does not fetch for clients", hint=_HINT)


def _unpacker(encoding: str, named: str) -> Any:
    """Return what unpacks a body, None for one that is not packed; some servers pack whatever one accepts."""
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return zlib.decompressobj(16 + zlib.MAX_WBITS)
        case "deflate":
            return zlib.decompressobj()
        case _:
            raise InvalidRequest(f"{named} comes packed in a way that was not asked for", hint=_HINT)
