"""Pictures by URL: only from the public internet, only pictures, never too large, whatever the server does.

Served from 127.0.0.1, which these tests call public where they want an answer.
"""

import asyncio
import base64
import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from flock.errors import FlockError, InvalidRequest, Unsupported
from flock.outbound.addresses import is_public_address
from flock.outbound.images import MOST_PICTURES, Pictures

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 2000
HOST = "pictures.example"
LIMIT = 64 * 1024


def is_public(address: str) -> bool:
    """Take 127.0.0.1 for the internet; everything else is judged as it is."""
    return address == "127.0.0.1" or is_public_address(address)


class Site:
    """A web site; `seen` are the paths and headers it was asked with."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.host, request.path_qs, dict(request.headers)))
        kind, _, rest = request.path[1:].partition("/")
        match kind:
            case "png":
                return web.Response(body=PNG, content_type="text/html", headers={"Set-Cookie": "a=b"})
            case "html":
                return web.Response(text="<html>", content_type="image/png")
            case "status":
                return web.Response(status=int(rest))
            case "to":
                return web.Response(status=302, headers={"Location": request.query["place"]})
            case "hops":
                return web.Response(
                    status=307, headers={"Location": f"/hops/{int(rest) - 1}" if rest != "0" else "/png"}
                )
            case "packed":
                body = {"gzip": gzip.compress, "deflate": zlib.compress}.get(rest, lambda data: data)(PNG)
                return web.Response(body=body, headers={"Content-Encoding": rest})
            case "bomb":
                body = gzip.compress(PNG + b"\0" * LIMIT * 40)
                assert len(body) < LIMIT
                return web.Response(body=body, headers={"Content-Encoding": "gzip"})
            case "short":
                return web.Response(body=gzip.compress(PNG)[:-9], headers={"Content-Encoding": "gzip"})
            case "large":
                return web.Response(body=PNG + b"\0" * LIMIT)
            case _:
                return await self.odd(request, kind)

    async def odd(self, request: web.Request, kind: str) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        if kind == "unannounced":
            for _ in range(40):
                await stream.write(PNG * 2)
        if kind == "slow":
            await stream.write(PNG[:8])
            await asyncio.Event().wait()
        if kind == "broken":
            await stream.write(PNG[:100])
            assert request.transport is not None
            request.transport.abort()
        return stream


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def port(site: Site) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_get("/{path:.*}", site.answer)
    async with TestServer(app, host="127.0.0.1") as server:
        assert server.port is not None
        yield server.port


class Names:
    """A resolver: each look-up of a name takes the next of its answers, the last one for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        known = self.answers.get(host.split(".")[0])
        if not known:
            raise OSError("no such name")
        return known.pop(0) if len(known) > 1 else known[0]


def pictures(names: Names | None = None, **more: Any) -> Pictures:
    names = names or Names(pictures=[["127.0.0.1"]])
    return Pictures(**{"most_bytes": LIMIT, "seconds": 30.0, "is_public": is_public, "resolve": names, **more})


async def refused(kind: type[FlockError], url: str, fetcher: Pictures | None = None) -> str:
    with pytest.raises(kind) as caught:
        await (fetcher or pictures()).fetch(url)
    assert caught.value.hint
    assert "secret" not in caught.value.sentence
    return caught.value.sentence


@pytest.mark.pitfall(33)
async def test_a_picture_is_known_by_its_bytes(site: Site, port: int) -> None:
    fetcher = pictures()
    for _ in range(2):
        assert await fetcher.fetch(f"http://{HOST}:{port}/png/a.jpg?sig=1#x") == (PNG, "image/png")
    ((host, path, headers),) = site.seen  # the second one was kept
    assert (host, path) == (f"{HOST}:{port}", "/png/a.jpg?sig=1")
    assert "Cookie" not in headers
    assert headers["Accept-Encoding"] == "identity"
    url = f"http://{HOST}:{port}/html?key=secret"
    assert await refused(InvalidRequest, url) == f"the image at http://{HOST}:{port}/html is no PNG, JPEG, GIF or WebP"


SPELLINGS = (
    "http://127.0.0.1/", "http://10.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[fd00::1]/",
    "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://[64:ff9b::7f00:1]/", "http://0/",
    "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://0x7f.0.0.1/",
    "http://１２７.0.0.1/", "http://127.0.0.1./", "http://localhost/", "http://LOCALHOST./", "http://a.localhost/",
    "http://metadata.google.internal/", "http://printer.local/", "https://192.168.1.1:8443/",
)  # fmt: skip


@pytest.mark.pitfall(33)
@pytest.mark.parametrize("url", SPELLINGS)
async def test_private_addresses_are_refused_in_every_spelling(url: str) -> None:
    # by the system's own resolver, which none of these makes ask a server
    said = await refused(Unsupported, f"{url}?key=secret", Pictures())
    assert said == f"the image at {url} is at a private address, which flock does not fetch for clients"


@pytest.mark.pitfall(33)
@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["fe80::1%eth0"], ["::ffff:10.0.0.1"], []]
)
async def test_every_address_of_a_name_must_be_public(site: Site, port: int, addresses: list[str]) -> None:
    names = Names(pictures=[addresses] if addresses else [[]])
    said = await refused(Unsupported, f"http://{HOST}:{port}/png?key=secret", pictures(names))
    assert "private address" in said
    assert site.seen == []


@pytest.mark.pitfall(33)
async def test_a_name_is_looked_up_once_and_the_address_that_was_checked_is_used(site: Site, port: int) -> None:
    names = Names(pictures=[["127.0.0.1"], ["10.0.0.1"]])
    fetcher = pictures(names)
    assert await fetcher.fetch(f"http://{HOST}:{port}/png") == (PNG, "image/png")
    assert names.asked == [HOST]
    # by now the name leads inside, and the redirect to itself is looked up again
    assert "private" in await refused(Unsupported, f"http://{HOST}:{port}/hops/1", fetcher)
    rebound = pictures(Names(pictures=[["127.0.0.1"], ["10.0.0.1"]]))
    assert "private" in await refused(Unsupported, f"http://{HOST}:{port}/hops/1", rebound)
    assert [path for _, path, _ in site.seen] == ["/png", "/hops/1"]


@pytest.mark.pitfall(33)
@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("http://10.0.0.1/", Unsupported),
        ("//169.254.169.254/latest", Unsupported),
        ("http://localhost/", Unsupported),
        ("http://inside.example/", Unsupported),
        ("file:///etc/passwd", Unsupported),
        ("gopher://pictures.example/", Unsupported),
        ("http://user:secret@pictures.example/", Unsupported),
        ("http://nowhere.example/", InvalidRequest),
        ("http://[::1", InvalidRequest),
    ],
)
async def test_a_redirect_is_looked_at_as_the_first_url_is(
    site: Site, port: int, place: str, kind: type[FlockError]
) -> None:
    fetcher = pictures(Names(pictures=[["127.0.0.1"]], inside=[["192.168.0.9"]]))
    await refused(kind, f"http://{HOST}:{port}/to?place={place}", fetcher)
    assert len(site.seen) == 1


async def test_three_redirects_are_followed_and_no_more(port: int) -> None:
    assert await pictures().fetch(f"http://{HOST}:{port}/hops/2") == (PNG, "image/png")
    assert "more than 3 times" in await refused(InvalidRequest, f"http://{HOST}:{port}/hops/3")


@pytest.mark.pitfall(33)
@pytest.mark.parametrize("path", ["large", "unannounced", "bomb"])
async def test_nothing_larger_than_the_limit_is_taken(port: int, path: str) -> None:
    assert "larger than 0.0625 MiB" in await refused(InvalidRequest, f"http://{HOST}:{port}/{path}")


async def test_what_is_packed_without_being_asked_is_unpacked(port: int) -> None:
    for packed in ("gzip", "deflate", "identity"):
        assert await pictures().fetch(f"http://{HOST}:{port}/packed/{packed}") == (PNG, "image/png")
    assert "packed" in await refused(InvalidRequest, f"http://{HOST}:{port}/packed/zstd")
    assert "short" in await refused(InvalidRequest, f"http://{HOST}:{port}/short")


async def test_a_server_that_fails_is_the_urls_fault(port: int) -> None:
    assert "status 404" in await refused(InvalidRequest, f"http://{HOST}:{port}/status/404")
    assert "status 500" in await refused(InvalidRequest, f"http://{HOST}:{port}/status/500")
    assert "cannot be fetched" in await refused(InvalidRequest, f"http://{HOST}:{port}/broken")
    assert "cannot be fetched" in await refused(InvalidRequest, f"http://{HOST}:9/png")
    assert "no address" in await refused(InvalidRequest, "http://nowhere.example/")
    slow = pictures(seconds=0.2)
    assert "within 0.2 s" in await refused(InvalidRequest, f"http://{HOST}:{port}/slow?key=secret", slow)


@pytest.mark.parametrize(
    "url",
    ["ftp://h/a", "file:///etc/passwd", "//h/a", "a.png", "", "http://u:secret@h/", "http://u@h/", "javascript:0"],
)
async def test_other_urls_are_not_fetched(url: str) -> None:
    await refused(Unsupported, url)


@pytest.mark.pitfall(33)
async def test_pictures_in_data_urls_follow_the_same_rules() -> None:
    fetcher = pictures()
    held = base64.b64encode(PNG + b"\xfb\xef").decode()
    spellings = (held, held.rstrip("="), held.replace("+", "%2B"), held[:76] + "\r\n" + held[76:])
    for spelled in spellings:
        assert await fetcher.fetch(f"data:image/jpeg;base64,{spelled}") == (PNG + b"\xfb\xef", "image/png")
    for wrong in ("data:image/png,abc", "data:image/png;base64,ab*d", "data:image/png;base64,abcde", "data:"):
        assert "is not base64" in await refused(InvalidRequest, wrong)
    assert "is no PNG" in await refused(InvalidRequest, "data:image/png;base64,PHN2Zy8+")
    large = base64.b64encode(PNG + b"\0" * LIMIT).decode()
    assert "larger" in await refused(InvalidRequest, f"data:image/png;base64,{large}")
    assert "larger" in await refused(InvalidRequest, f"data:image/png;base64,{large * 9}")


async def test_the_pictures_of_a_request_come_together_or_not_at_all(site: Site, port: int) -> None:
    urls = [f"http://{HOST}:{port}/png/{i}" for i in range(9)]
    found = await pictures().fetch_all([*urls, *urls])
    assert found == dict.fromkeys(urls, ("image/png", base64.b64encode(PNG).decode()))
    assert len(site.seen) == 9
    with pytest.raises(InvalidRequest, match="status 404"):
        await pictures().fetch_all([*urls, f"http://{HOST}:{port}/status/404", f"http://{HOST}:{port}/slow"])
    with pytest.raises(InvalidRequest, match=f"flock fetches {MOST_PICTURES} at most"):
        await pictures().fetch_all(f"http://{HOST}:{port}/png/{i}" for i in range(MOST_PICTURES + 1))


async def test_a_failure_is_not_kept(site: Site, port: int) -> None:
    fetcher = pictures()
    for _ in range(2):
        await refused(InvalidRequest, f"http://{HOST}:{port}/status/404", fetcher)
    assert len(site.seen) == 2
