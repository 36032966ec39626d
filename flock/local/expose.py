"""`flock expose`: let other machines reach flock, or shut that door again.

Owns the order: look at the keys and the address, write `listen` and `external_url`, restart what runs, then try the
address over a socket of this process. Refuses to open a door without keys, to listen on somebody else's address, and to
touch a firewall: it says what would. Called through `operations.run`.
"""

import http.client
import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from flock import text
from flock.client.blocking import Client
from flock.client.presence import look
from flock.contract.exposing import Expose, Exposed
from flock.contract.settings import SetConfig, UnsetConfig
from flock.errors import ConfigInvalid, FlockError, InvalidRequest
from flock.local import firewall, start
from flock.local.operations import Here, handles, run
from flock.local.settings import moved
from flock.paths import Home

if TYPE_CHECKING:
    from flock.config import Config
    from flock.configvalues import Listen

EVERYWHERE = "0.0.0.0"
# A connection to an address of this machine takes microseconds; bounds a packet filter that drops it without a word.
_ANSWER_SECONDS = 3.0
RESTART = "flock down && flock up"


@handles(Expose)
def expose(op: Expose, here: Here) -> Exposed:
    """Set where flock listens and its URL, and say whether others reach it.

    Raises InvalidRequest for an address that is not this machine's, ConfigInvalid where keys are not required or a
    variable of the environment decides, StorageFailed, and what starting raises; a daemon that does not start again
    with the new address gets the old one back.
    """
    from flock.config import load

    config = load(here.home, here.environ)
    for key in ("listen", "external_url"):
        if config.origins[key].name == "environment":
            raise ConfigInvalid(
                f"{config.origin(key)} in the environment decides where flock listens",
                hint=f"unset {config.origin(key)}",
            )
    where = _wanted(op, config)
    if not op.off and not config.auth.require_keys:
        raise ConfigInvalid(
            "auth.require_keys is false: other machines would get in without a key",
            hint=config.change("auth.require_keys", "true"),
        )
    url = "" if op.off else op.url or f"http://{own_address(where)}:{where.port}"
    _write(here, config, where.text, url)
    restart = _restart(here, config) if op.restart else ""
    running = look(here.home).state == "running"
    if running and not op.restart:
        restart = RESTART
    return _seen(moved(here), where, url or where.url, restart, running=running, off=op.off)


def _wanted(op: Expose, config: "Config") -> "Listen":
    port = op.port or config.listen.port
    if not 0 < port < 65536:
        raise InvalidRequest(f"a port is a number from 1 to 65535, not {op.port}", hint="flock expose --port 8080")
    if op.off:
        if op.host or op.url:
            raise InvalidRequest("--off takes neither --host nor --url", hint="flock expose --off")
        return replace(config.listen, host="127.0.0.1", port=port)
    host = op.host.strip("[]") or EVERYWHERE
    mine = addresses()
    if host not in (EVERYWHERE, "::", *mine):
        raise InvalidRequest(
            f"{op.host} is no address of this machine: it has {', '.join(mine) or 'none but loopback'}",
            hint=f"flock expose --host {mine[0]}" if mine else "ip address",
        )
    return replace(config.listen, host=host, port=port)


def addresses() -> list[str]:
    """Return this machine's addresses that other machines could use, IPv4 first."""
    import psutil  # 20 ms that only this command pays

    found: list[str] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for cards in psutil.net_if_addrs().values():
            for card in cards:
                address = card.address.partition("%")[0]
                if card.family == family and not address.startswith(("127.", "fe80:")) and address != "::1":
                    found.append(address)
    return found


def own_address(where: "Listen") -> str:
    """Return how others would spell this machine: the address listened on, else the one its default route leaves by."""
    if where.host not in (EVERYWHERE, "::"):
        return where.host_text
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1 (RFC 5737): the system picks a route, nothing is sent
            address = str(probe.getsockname()[0])
        except OSError:
            address = next(iter(addresses()), "")
    return address if address and address != EVERYWHERE else socket.gethostname()


def _write(here: Here, config: "Config", listen: str, url: str) -> None:
    """Write both settings, or neither."""
    _set(here, "listen", listen)
    try:
        if url or config.origins["external_url"].name == "file":
            _set(here, "external_url", url)
    except FlockError:
        _undo(here, config)
        raise


def _undo(here: Here, config: "Config") -> None:
    for key, value in (("listen", config.listen.text), ("external_url", config.external_url)):
        _set(here, key, value if config.origins[key].name == "file" else "")


def _set(here: Here, key: str, value: str) -> None:
    """Set a value, or take an empty one out of the file: by the daemon, which writes down who did it, if it runs."""
    act = SetConfig(key=key, value=value) if value else UnsetConfig(key=key)
    if look(here.home).state == "running":
        Client(here.home.socket).call(act)
    else:
        run(act, here)


def _restart(here: Here, before: "Config") -> str:
    """Restart a daemon that runs, so that the change counts; return what is left to do."""
    if look(here.home).state != "running":
        return ""
    command = [sys.executable, "-P", "-m", "flock", "up", "--foreground"]
    try:
        start.start(here, command, anew=True)
    except FlockError as error:
        _undo(here, before)
        start.start(here, command)
        raise ConfigInvalid(
            f"flock does not start with that address and has its old one again: {error.sentence}", hint=error.hint
        ) from None
    return ""


def _seen(home: Home, where: "Listen", url: str, restart: str, *, running: bool, off: bool) -> Exposed:
    """Return what others would meet, as seen from a socket of this process."""
    checks = list(_keys(home)) if running else ["flock does not run: flock up"]
    reached = False
    if running and restart:
        checks.append("the address is tried once it counts")
    elif running:
        host = "127.0.0.1" if off else own_address(where).strip("[]")
        reached, words = reach(home, host, where.port)
        checks.append(words)
        if reached and not off:
            checks.append(_shut(host, where.port))
    if not off and url.startswith("http://"):
        checks.append(
            "the way is not encrypted: whoever sees the network sees keys; a proxy with TLS stands before it "
            "in docs/opening.md"
        )
    rules = () if off else tuple(firewall.commands(where.port))
    return Exposed(where.text, url, reached, tuple(checks), rules, restart)


def _keys(home: Home) -> Iterator[str]:
    from flock.contract.tokens import ListTokens

    tokens, _ = Client(home.socket).call(ListTokens())
    admins = sum(token.scope == "admin" for token in tokens)
    yield f"{text.count(len(tokens), 'key')} let people in, {admins} of them administer flock: flock token ls"


def reach(home: Home, host: str, port: int) -> tuple[bool, str]:
    """Return whether this very flock answers at an address of this machine, and that in words."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        _, body = Client(home.socket).fetch("GET", "/healthz")
        status, said = _get(host, port, "/healthz")
        ours = status == 200 and json.loads(said).get("pid") == json.loads(body).get("pid")
    except (OSError, http.client.HTTPException, ValueError, FlockError) as error:
        words = error.sentence if isinstance(error, FlockError) else str(error)
        return False, f"{place} does not answer this machine itself: {words}"
    return ours, f"{place} answers" if ours else f"what answers at {place} is not this flock"


def _shut(host: str, port: int) -> str:
    """Return whether somebody without a key is refused, in words."""
    try:
        status, _ = _get(host, port, "/v1/models")
    except (OSError, http.client.HTTPException) as error:
        return f"whether a key is asked for could not be seen: {error}"
    return "without a key nobody gets in" if status == 401 else f"a request without a key got status {status}"


def _get(host: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
