"""Addresses of other machines' flocks, read strictly: what is no plain user, host or port never reaches a command line.

Owns the two spellings, ssh://[USER@]BOX[:PORT] and http(s)://HOST[:PORT][/PREFIX]. Refuses passwords, options and any
character a shell or ssh could take for more than a name. Used by `reach.py` and `contexts.py`.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from flock.errors import UsageError
from flock.text import one_line

# A name as ssh, its configuration and the name services have it; none begins with "-", so none is an option
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}\$?")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?\.?")
# An IPv6 address, with the zone of a link-local one (RFC 4007, 11)
_IPV6 = re.compile(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]{1,32})?")
_PREFIX = re.compile(r"(/[A-Za-z0-9_.~-]+)*")

_EXAMPLE = "flock --host ssh://ada@box status"


@dataclass(frozen=True, slots=True)
class Ssh:
    """A box behind ssh: `user` is "" for whom ssh takes by itself, `port` 0 for its own choice."""

    user: str
    host: str
    port: int

    @property
    def target(self) -> str:
        """Return what ssh is told to go to."""
        return f"{self.user}@{self.host}" if self.user else self.host

    @property
    def name(self) -> str:
        """Return what people read."""
        host = f"[{self.host}]" if ":" in self.host and self.port else self.host
        name = f"{self.user}@{host}" if self.user else host
        return f"{name}:{self.port}" if self.port else name

    @property
    def url(self) -> str:
        """Return the address as it is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"ssh://{user}{host}" + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class Http:
    """A flock behind HTTP; `prefix` is "" or begins with "/", and nothing ends it."""

    secure: bool
    host: str
    port: int
    prefix: str

    @property
    def url(self) -> str:
        """Return the address as it is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.secure else 80
        place = host if self.port == usual else f"{host}:{self.port}"
        return f"{'https' if self.secure else 'http'}://{place}{self.prefix}"


Address = Ssh | Http


def is_address(words: str) -> bool:
    """Say whether words are meant as an address, as opposed to a context's name."""
    return "://" in words


def parse(words: str) -> Address:
    """Read an address. Raises UsageError naming what is wrong with it, without a password that stood in it."""
    scheme, _, rest = words.strip().partition("://")
    scheme = scheme.lower()
    if scheme not in ("ssh", "http", "https"):
        _refuse(words, "it begins with none of ssh://, https:// and http://")
    place, slash, tail = rest.partition("/")
    login, at, place = place.rpartition("@")
    if ":" in login:
        what = "ssh asks for a password itself" if scheme == "ssh" else "a key is given by FLOCK_ADMIN_TOKEN"
        _refuse(f"{scheme}://{login.partition(':')[0]}:…@{place}", f"there is a password in it; {what}")
    if at and scheme != "ssh":
        _refuse(words, "an http address has no user; a key is given by FLOCK_ADMIN_TOKEN")
    if at and not _USER.fullmatch(login):
        _refuse(words, f"{one_line(login, 40)!r} can be no user's name")
    host, port = _host_and_port(words, place)
    if scheme == "ssh":
        if tail:
            _refuse(words, "an ssh address ends with the box or its port")
        return Ssh(login, host, port)
    # the base URL of the OpenAI dialect is what people have at hand
    prefix = (slash + tail).rstrip("/").removesuffix("/v1")
    if not _PREFIX.fullmatch(prefix):
        _refuse(words, f"{one_line(slash + tail, 40)!r} can be no path to a flock")
    secure = scheme == "https"
    return Http(secure, host, port or (443 if secure else 80), prefix)


def _host_and_port(words: str, place: str) -> tuple[str, int]:
    host, port, known = place, "", _HOST
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        known = _IPV6
        if not bracket or (port and not port.startswith(":")):
            _refuse(words, "a “]” is missing behind the address")
        port = port[1:] if port else ""
    elif ":" in place:
        host, _, port = place.rpartition(":")
        if ":" in host:
            _refuse(words, "an IPv6 address stands in brackets: ssh://ada@[fe80::1]:22")
        if not port:
            _refuse(words, "a port is missing behind the colon")
    if not host:
        _refuse(words, "it names no machine")
    if not known.fullmatch(host):
        _refuse(words, f"{one_line(host, 60)!r} can be no machine's name")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536 and len(port) < 6):
        _refuse(words, f"{one_line(port, 20)!r} is no port from 1 to 65535")
    return host, int(port or 0)


def _refuse(words: str, why: str) -> NoReturn:
    raise UsageError(f"{one_line(words, 120)!r} is no address of a flock: {why}", hint=_EXAMPLE)
