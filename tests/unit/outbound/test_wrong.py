"""What aiohttp's errors become: words that name who failed, and nothing of the request."""

import errno
import ssl
from types import SimpleNamespace

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from flock.outbound.failures import Dropped, Unreached
from flock.outbound.proxies import Proxy
from flock.outbound.wrong import failure_of

SECRET = "sk-never-in-a-message"
KEY = SimpleNamespace(host="api.example.com", port=443, ssl=True, is_ssl=True)
INFO = aiohttp.RequestInfo(
    URL(f"https://api.example.com/v1?key={SECRET}"), "POST", CIMultiDictProxy(CIMultiDict({"x-api-key": SECRET})),
    URL("https://api.example.com"),
)  # fmt: skip
PROXY = Proxy("http://proxy.example:3128", f"Basic {SECRET}")


def broken(number: int) -> aiohttp.ClientOSError:
    return aiohttp.ClientOSError(number, f"Can not write request body for https://api.example.com/v1?key={SECRET}")


@pytest.mark.parametrize(
    ("error", "proxy", "sent", "kind", "words"),
    [
        (
            aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "")), None, False, Unreached,
            "api.example.com has no address",
        ),
        (
            aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, SECRET)), None, False, Unreached,
            "api.example.com:443 does not answer: Connection refused",
        ),
        (
            aiohttp.ClientProxyConnectionError(KEY, OSError(errno.EHOSTUNREACH, SECRET)), PROXY, False, Unreached,
            "the proxy proxy.example:3128 does not answer: No route to host",
        ),
        (
            aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "x")), None, False, Unreached,
            "no TLS with api.example.com: the handshake failed",
        ),
        (
            aiohttp.ClientHttpProxyError(INFO, (), status=403, message=SECRET), PROXY, False, Unreached,
            "the proxy proxy.example:3128 does not connect to api.example.com:443 (status 403)",
        ),
        (
            aiohttp.ClientResponseError(INFO, (), status=400, message=SECRET), None, True, Dropped,
            "what api.example.com:443 answers is not HTTP",
        ),
        (
            broken(errno.ECONNRESET), None, True, Dropped,
            "api.example.com:443 broke the connection without an answer: Connection reset by peer",
        ),
        (
            broken(errno.EPIPE), PROXY, False, Unreached,
            "the proxy proxy.example:3128 broke the connection without an answer: Broken pipe",
        ),
        (
            aiohttp.ServerDisconnectedError(), None, True, Dropped,
            "api.example.com:443 closed the connection without an answer",
        ),
        (
            ValueError(SECRET), None, False, Unreached,
            "the request for api.example.com:443 has a header that cannot be sent",
        ),
        (
            aiohttp.ClientError(SECRET), None, True, Dropped,
            "api.example.com:443 broke the connection without an answer: the connection failed",
        ),
    ],
)  # fmt: skip
def test_every_error_has_its_words(
    error: Exception, proxy: Proxy | None, sent: bool, kind: type[OSError], words: str
) -> None:
    found = failure_of(error, "api.example.com:443", proxy, sent)
    assert (type(found), str(found)) == (kind, words)
    assert SECRET not in repr(found)
