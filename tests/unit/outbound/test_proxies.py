"""Which proxy leads where, as a table; and requests through a real one, with and without a password."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flock.outbound.failures import Redirected, Unreached
from flock.outbound.proxies import Proxies
from flock.outbound.vendors import VendorClient
from tests.fakes.certificates import Authority
from tests.running import free_port
from tests.unit.outbound.peer import Peer, running_peer

PROXY = "http://proxy.example:3128"


def of(url: str, **environ: str) -> str | None:
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":")
    found = Proxies(environ).of(scheme, host, int(port))
    return found.url if found is not None else None


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://api.openai.com:443", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://api.openai.com:443", {"https_proxy": PROXY}, PROXY),
        ("https://api.openai.com:443", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, PROXY),
        ("https://api.openai.com:443", {"https_proxy": "", "HTTPS_PROXY": PROXY}, PROXY),
        ("https://api.openai.com:443", {"HTTP_PROXY": PROXY}, None),
        ("http://api.example.com:80", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://api.example.com:80", {"HTTPS_PROXY": PROXY}, None),
        ("http://api.example.com:80", {"ALL_PROXY": PROXY}, PROXY),
        ("https://api.example.com:443", {"all_proxy": PROXY}, PROXY),
        ("https://api.example.com:443", {"ALL_PROXY": "http://other:1", "HTTPS_PROXY": PROXY}, PROXY),
        ("https://api.example.com:443", {"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ("https://api.example.com:443", {"HTTPS_PROXY": "https://proxy.example"}, "https://proxy.example"),
        ("https://api.example.com:443", {"HTTPS_PROXY": "http://u:p@proxy.example:3128/"}, PROXY),
        ("https://api.example.com:443", {}, None),
    ],
)
def test_which_variable_counts(url: str, environ: dict[str, str], proxy: str | None) -> None:
    assert of(url, **environ) == proxy


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.8.8.8", "::1", "localhost", "gpu-box", "gpu.local", "10.0.0.3", "192.168.1.2", "172.16.0.1",
        "169.254.169.254", "100.64.0.1", "fd00::1", "fe80::1", "::ffff:10.0.0.1",
    ],
)  # fmt: skip
def test_nothing_near_goes_through_a_proxy(host: str) -> None:
    assert of(f"http://{host}:8000", HTTP_PROXY=PROXY, ALL_PROXY=PROXY) is None
    assert of(f"https://{host}:8000", HTTPS_PROXY=PROXY) is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("*", "api.openai.com", True),
        ("openai.com", "api.openai.com", True),
        ("openai.com", "openai.com", True),
        ("openai.com", "notopenai.com", False),
        (".openai.com", "api.openai.com", True),
        (".openai.com", "openai.com", True),
        ("*.openai.com", "api.openai.com", True),
        ("*.openai.com", "notopenai.com", False),
        ("OpenAI.com", "api.openai.com", True),
        ("a.example, openai.com", "api.openai.com", True),
        ("a.example openai.com", "api.openai.com", True),
        ("openai.com.", "api.openai.com", True),
        ("api.openai.com:443", "api.openai.com", True),
        ("api.openai.com:8443", "api.openai.com", False),
        ("8.8.8.8", "8.8.8.8", True),
        ("8.8.8.0/24", "8.8.8.8", True),
        ("8.8.8.8/24", "8.8.8.1", True),
        ("8.8.9.0/24", "8.8.8.8", False),
        ("8.8.8.8:443", "8.8.8.8", True),
        ("8.8.8.8:80", "8.8.8.8", False),
        ("2001:4860::/32", "2001:4860::8888", True),
        ("[2001:4860::8888]", "2001:4860::8888", True),
        ("[2001:4860::8888]:80", "2001:4860::8888", False),
        ("8.8.8.0/99", "8.8.8.8", False),
        ("", "api.openai.com", False),
        (", ,", "api.openai.com", False),
        (".", "api.openai.com", False),
    ],
)
def test_what_needs_no_proxy(no_proxy: str, host: str, direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        found = of(f"https://{host}:443", HTTPS_PROXY=PROXY, **{name: no_proxy})
        assert found == (None if direct else PROXY)


@pytest.mark.parametrize("value", ["socks5://u:s3cret@p:1080", "http://u:s3cret@p:99999", "http://:s3cret@", "http://"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(value: str) -> None:
    with pytest.raises(Unreached, match="HTTPS_PROXY") as caught:
        of("https://api.openai.com:443", HTTPS_PROXY=value)
    assert "s3cret" not in f"{caught.value!r}{caught.value.__context__ or ''}"


def test_a_proxys_credentials_are_in_no_text_of_it() -> None:
    proxy = Proxies({"ALL_PROXY": "http://user:p%40ss@proxy.example:3128"}).of("https", "a.example", 443)
    assert proxy is not None
    assert proxy.authorization == "Basic dXNlcjpwQHNz"  # user:p@ss
    assert "dXNl" not in repr(proxy)
    assert proxy.named == "proxy.example:3128"


# -- a real proxy. The names below exist nowhere: only the proxy knows a way to them.

Start = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def run(*arguments: str) -> int:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.fakes.proxy", *arguments], stdout=subprocess.PIPE, text=True
            )
            assert process.stdout is not None
            stack.callback(process.stdout.close)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return int(process.stdout.readline().split()[1])

        yield run


def seen(port: int) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/seen") as answer:
        return json.load(answer)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def far(authority: Authority) -> AsyncIterator[Peer]:
    async with running_peer(authority.server("vendor.example")) as peer:
        yield peer


async def through(url: str, port: int, **environ: str) -> bytes:
    place = url.split("/")[2].rpartition(":")
    allowed = frozenset({(place[0], int(place[2]))})
    client = VendorClient(lambda: allowed, plain=lambda: allowed, environ=environ)
    try:
        exchange = await client.send(url, {"Authorization": "Bearer sk-secret"}, b"{}")
        body = await exchange.body()
        exchange.release()
        exchange = await client.send(url, {"Authorization": "Bearer sk-secret"}, b"{}")
        assert await exchange.body() == body
        exchange.release()
        return body
    finally:
        await client.close()


@pytest.mark.parametrize("user", ["", "u:s3cret"])
async def test_https_goes_through_a_tunnel(authority: Authority, far: Peer, start: Start, user: str) -> None:
    port = start("--user", user) if user else start()
    at = f"{user}@" if user else ""
    environ = {"HTTPS_PROXY": f"http://{at}127.0.0.1:{port}", "SSL_CERT_FILE": str(authority.file)}
    assert await through(far.url("/v1/x", "https", "vendor.example"), port, **environ) == b'{"ok":true}'
    (tunnel,) = seen(port)  # which is kept for the second request
    assert tunnel["asked"] == f"CONNECT vendor.example:{far.port}"
    assert tunnel["credentials"]
    assert "authorization" not in tunnel["headers"]
    assert [one.line for one in far.seen] == ["POST /v1/x HTTP/1.1"] * 2
    assert not any("proxy-authorization" in one.headers for one in far.seen)


@pytest.mark.parametrize("user", ["", "u:s3cret"])
async def test_plain_http_is_asked_of_the_proxy(start: Start, user: str) -> None:
    port = start("--user", user) if user else start()
    async with running_peer() as peer:
        at = f"{user}@" if user else ""
        url = peer.url("/v1/x", host="vendor.example")
        assert await through(url, port, HTTP_PROXY=f"http://{at}127.0.0.1:{port}") == b'{"ok":true}'
        assert seen(port)[0]["asked"] == f"POST {url}"
        assert seen(port)[0]["credentials"]
        assert not any("proxy-authorization" in one.headers for one in peer.seen)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("at", ["", "u:wrong@"])
async def test_a_proxy_that_wants_other_credentials(authority: Authority, start: Start, scheme: str, at: str) -> None:
    port = start("--user", "u:s3cret")
    environ = {"ALL_PROXY": f"http://{at}127.0.0.1:{port}", "SSL_CERT_FILE": str(authority.file)}
    with pytest.raises(Unreached) as caught:
        await through(f"{scheme}://vendor.example:{free_port()}/", port, **environ)
    assert str(caught.value) == f"the proxy 127.0.0.1:{port} wants credentials of a proxy's user (407)"
    assert caught.value.__context__ is None


async def test_a_proxy_that_refuses_and_one_that_is_not_there(authority: Authority, start: Start) -> None:
    port, target, nobody = start("--refuse"), free_port(), free_port()
    url = f"https://vendor.example:{target}/"
    environ = {"SSL_CERT_FILE": str(authority.file)}
    with pytest.raises(Unreached) as caught:
        await through(url, port, HTTPS_PROXY=f"http://127.0.0.1:{port}", **environ)
    assert str(caught.value) == f"the proxy 127.0.0.1:{port} does not connect to vendor.example:{target} (status 403)"
    with pytest.raises(Unreached, match=f"the proxy 127.0.0.1:{nobody} does not answer: Connection refused"):
        await through(url, port, HTTPS_PROXY=f"http://127.0.0.1:{nobody}", **environ)
    name = f"{'p' * 64}.example"  # too long to be looked up: these tests ask no resolver
    with pytest.raises(Unreached, match=rf"^the proxy {name}:1 has no address$"):
        await through(url, port, HTTPS_PROXY=f"http://{name}:1", **environ)


async def test_a_proxy_may_speak_tls_itself(authority: Authority, far: Peer, start: Start, tmp_path: Path) -> None:
    port = start("--user", "u:s3cret", "--tls", str(authority.write(tmp_path)))
    environ = {"HTTPS_PROXY": f"https://u:s3cret@127.0.0.1:{port}", "SSL_CERT_FILE": str(authority.file)}
    assert await through(far.url("/v1/x", "https", "vendor.example"), port, **environ) == b'{"ok":true}'
    assert [one.line for one in far.seen] == ["POST /v1/x HTTP/1.1"] * 2
    with pytest.raises(Unreached, match=r"the certificate of localhost is not valid|127\.0\.0\.1"):
        await through(far.url("/", "https", "vendor.example"), port, **environ | {"SSL_CERT_FILE": ""})


async def test_the_certificate_is_checked_through_a_tunnel(authority: Authority, far: Peer, start: Start) -> None:
    port = start()
    environ = {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "SSL_CERT_FILE": str(authority.file)}
    with pytest.raises(Unreached, match=r"the certificate of other\.example is not valid: Hostname mismatch"):
        await through(far.url("/", "https", "other.example"), port, **environ)
    assert far.seen == []


async def test_a_vendor_on_this_machine_is_reached_past_the_proxy(start: Start) -> None:
    port = start("--refuse")
    async with running_peer() as peer:
        environ = dict.fromkeys(("HTTP_PROXY", "https_proxy", "ALL_PROXY"), f"http://127.0.0.1:{port}")
        assert await through(peer.url("/"), port, **environ) == b'{"ok":true}'
        with pytest.raises(Redirected):
            await through(peer.url("/to/http://elsewhere.example/"), port, **environ)
    assert seen(port) == []
