"""Which proxy leads to a host: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, as curl and others read them.

Owns the reading of these variables; lower case counts before upper case. Refuses proxies for whatever is on this
machine or its own networks: a proxy out there cannot reach it, and must not hear of it. Called by vendors.py.
"""

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from flock.outbound.addresses import is_near
from flock.outbound.failures import Unreached

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its URL without credentials, and the value of Proxy-Authorization, "" for none."""

    url: str
    authorization: str = field(default="", repr=False)

    @property
    def named(self) -> str:
        """How errors call it."""
        url = URL(self.url)
        return f"{url.host}:{url.port}"


class Proxies:
    """What an environment says about proxies."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {
            name: environ.get(name.lower(), "").strip() or environ.get(name, "").strip()
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
        }
        self._exempt = [entry for entry in re.split(r"[\s,]+", self._environ["NO_PROXY"].lower()) if entry]

    def of(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy for a target, None for a direct connection. Raises Unreached for an unusable one."""
        name = "HTTPS_PROXY" if scheme == "https" else "HTTP_PROXY"
        if not self._environ[name]:
            name = "ALL_PROXY"
        value = self._environ[name]
        if not value or is_near(host) or any(_exempts(entry, host, port) for entry in self._exempt):
            return None
        return _parsed(name, value)


def _parsed(name: str, value: str) -> Proxy:
    """Return the proxy that a variable's value names; the errors do not repeat it, since it may hold a password."""
    try:
        url = URL(value if "://" in value else f"http://{value}")
        port = url.port
    except ValueError:
        raise Unreached(f"{name} holds no valid URL of a proxy") from None
    if url.scheme not in _PORTS:
        raise Unreached(f"{name} names a proxy of the kind {url.scheme}, and flock uses http and https proxies only")
    if not url.host or not port:
        raise Unreached(f"{name} holds no valid URL of a proxy")
    plain = URL.build(scheme=url.scheme, host=url.host, port=port)
    if url.user is None and url.password is None:
        return Proxy(str(plain))
    pair = f"{url.user or ''}:{url.password or ''}".encode()
    return Proxy(str(plain), f"Basic {base64.b64encode(pair).decode()}")


def _exempts(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of NO_PROXY is about a target: a name and all below it, an address, a network, or *.

    An entry may name a port ("example.org:8443", "[::1]:80"), and may begin with a dot or "*.".
    """
    if entry == "*":
        return True
    host = host.lower().rstrip(".")
    bracketed = re.fullmatch(r"\[([^]]+)\](?::(\d+))?", entry)
    named = re.fullmatch(r"([^:]*):(\d+)", entry)
    if bracketed:
        entry, wanted = bracketed[1], bracketed[2]
    elif named:
        entry, wanted = named[1], named[2]
    else:
        wanted = None
    if wanted is not None and int(wanted) != port:
        return False
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:  # one of the two is a name
        entry = entry.removeprefix("*").strip(".")
        return bool(entry) and (host == entry or host.endswith(f".{entry}"))
