"""flock's URL as tools are told it: what may stand there, and who can reach it.

Owns the check of a base URL. Refuses what is no http URL of a host, and keys inside of it. Pure: no name is looked up.
Called by local/connect_values.py and core/invitation.py.
"""

import ipaddress
from urllib.parse import urlsplit

from flock.errors import InvalidRequest

_HINT = "--base-url https://flock.example.org"


def clean_url(words: str) -> str:
    """Return a base URL without /v1 and without a slash at its end. Raises InvalidRequest for what is none."""
    url = words.strip().rstrip("/").removesuffix("/v1").rstrip("/")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (a port that is none raises)
    except ValueError:
        raise InvalidRequest(f"{words!r} is no URL", hint=_HINT) from None
    if parts.username or parts.password:
        raise InvalidRequest("a base URL holds no user and no password; the key is handed on apart", hint=_HINT)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or not words.strip().isprintable()
        or any(letter in url for letter in " \"'<>\\^`{|}")
    ):
        raise InvalidRequest(f"{words!r} is no http:// or https:// URL of a host", hint=_HINT)
    return url


def is_own(url: str) -> bool:
    """Return whether a URL means the machine it is used on: loopback, or the address that stands for every one."""
    host = (urlsplit(url).hostname or "").lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def is_public(url: str) -> bool:
    """Return whether a URL is https and may be reached from the internet, as far as its name tells."""
    host = (urlsplit(url).hostname or "").lower().rstrip(".")
    if urlsplit(url).scheme != "https" or is_own(url):
        return False
    address = _address(host)
    if address is not None:
        return address.is_global
    # names of local networks: RFC 6762 (.local), RFC 9476 (.internal is ICANN's), RFC 8375 (.home.arpa), and bare ones
    return "." in host and not host.endswith((".local", ".lan", ".internal", ".home.arpa", ".test", ".invalid"))


def _address(host: str) -> "ipaddress.IPv4Address | ipaddress.IPv6Address | None":
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
