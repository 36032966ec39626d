"""What is filled into a tool's settings on this machine: flock's URL, a key, a model and its window.

Owns where each is looked for, and what is said when the model is not there. Refuses to go on without a key where flock
wants one. Called by connect.py.
"""

import difflib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flock.client.blocking import ABSENT, Client
from flock.connect.address import clean_url, is_public
from flock.connect.render import Values, window
from flock.connect.tool import Tool
from flock.contract.connect import ConnectClient
from flock.contract.models import Model
from flock.contract.status import ShowStatus, Status
from flock.contract.tokens import ShowMe
from flock.contract.vendors import ListVendors
from flock.errors import (
    ConfigInvalid,
    DaemonUnreachable,
    FlockError,
    InvalidKey,
    InvalidRequest,
    MissingKey,
    StorageFailed,
)
from flock.local.operations import Here
from flock.paths import short, system_socket

if TYPE_CHECKING:
    from flock.client.reach import Reach
    from flock.config import Config

# A status is answered from memory. One that hangs is as good as none: what is known without it is printed.
_STATUS_SECONDS = 3.0
# no key is longer (they have 41 characters); what is longer is a file that was meant
_KEY_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Known:
    """What was found out: the values, and sentences about what does not fit."""

    values: Values
    warnings: tuple[str, ...]


def find(tool: Tool, op: ConnectClient, here: Here, config: "Config | None") -> Known:
    """Return what a tool is told.

    Raises InvalidRequest for a URL or a key that is none, or for a URL that a tool's servers cannot reach; MissingKey.
    """
    status = _status(here)
    url = _url(op, status, config) if here.reach is None else _url_of(here.reach, op, status)
    if tool.public and not is_public(url):
        raise InvalidRequest(
            f"{tool.name}'s own servers call flock, and {url} is not a public https address",
            hint=f"flock connect {tool.id} --base-url https://flock.example.org",
        )
    key, warning = _key(op, here, status)
    warnings = [warning] if warning else []
    if status and status.require_keys and here.reach is None and not op.base_url:
        warnings += _refused(key, "--token" if op.token.strip() else "FLOCK_TOKEN" if not warning else "", here)
    model = op.model.strip() or "auto"
    if not model.isprintable():
        raise InvalidRequest(f"{op.model!r} can be no model's id", hint="flock model ls")
    models = status.models if status else ()
    if status and model != "auto" and (said := _missing(model, models, here)):
        warnings.append(said)
    return Known(Values(url, key, model, window(model, models)), tuple(warnings))


def configuration(here: Here) -> "Config | None":
    """Return the configuration; None where it is not valid, which keeps nobody from connecting a tool."""
    from flock.config import load  # pydantic

    try:
        return load(here.home, here.environ)
    except (ConfigInvalid, StorageFailed):
        return None


def _status(here: Here) -> Status | None:
    if here.reach is not None:  # another machine's, which has to be there: nothing is known without it
        return here.reach.call(ShowStatus())[0]
    for socket in (here.home.socket, system_socket()):
        if socket is None:
            continue
        try:
            return Client(socket, _STATUS_SECONDS).call(ShowStatus())[0]
        except DaemonUnreachable as error:
            if error.details.get("state") not in ABSENT:
                return None
        except FlockError:
            return None
    return None


def _url(op: ConnectClient, status: Status | None, config: "Config | None") -> str:
    """Return --base-url, else external_url, else where flock listens."""
    if op.base_url:
        return clean_url(op.base_url)
    if config is not None and config.external_url:
        return clean_url(config.external_url)
    if status is not None:
        return clean_url(status.api_url)
    if config is None:
        raise ConfigInvalid(
            "the configuration is not valid, so it does not tell where flock listens", hint="flock doctor"
        )
    return config.listen.url


def _url_of(reach: "Reach", op: ConnectClient, status: Status | None) -> str:
    """Return --base-url, else where this machine reaches another one's flock. Raises InvalidRequest where it does not:
    tools know no ssh.
    """
    if op.base_url:
        return clean_url(op.base_url)
    if reach.kind == "http":
        return clean_url(reach.name)
    url = clean_url(status.api_url) if status else ""
    host = urlsplit(url).hostname or ""
    if not url or host in ("localhost", "::1", "0.0.0.0", "::") or host.startswith("127."):
        raise InvalidRequest(
            f"the flock on {reach.name} listens at {url or 'an unknown place'} over there, where no tool of this "
            "machine reaches it; `flock expose` over there opens it, or a tunnel of your own (ssh -L) with --base-url",
            hint=f"flock --host {reach.host} expose",
        )
    return url


def _key(op: ConnectClient, here: Here, status: Status | None) -> tuple[str, str]:
    """Return --token, else FLOCK_TOKEN, else the admin's key, and a warning about the last."""
    for key, where in ((op.token, "--token"), (here.environ.get("FLOCK_TOKEN", ""), "FLOCK_TOKEN")):
        if key.strip():
            return _checked(key.strip(), where), ""
    if here.reach is not None:  # this machine's own key is none of that flock's
        if status is not None and not status.require_keys:
            return "none", ""
        raise MissingKey(
            f"there is no key of the flock on {here.reach.name} to hand on: neither --token nor FLOCK_TOKEN is given",
            hint=f"flock --host {here.reach.host} token create NAME",
        )
    try:
        key = here.home.admin_key.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if key:
        warning = (
            f"this is the admin's key (from {short(here.home.admin_key)}), which may do everything; one that can only "
            "ask models: flock token create NAME, then --token -"
        )
        return _checked(key, str(here.home.admin_key)), warning
    if status is not None and not status.require_keys:
        return "none", ""  # any word will do, and most tools want one
    raise MissingKey(
        f"there is no key to hand on: neither --token nor FLOCK_TOKEN is given, and {short(here.home.admin_key)} "
        "cannot be read",
        hint="flock token create NAME",
    )


def _checked(key: str, where: str) -> str:
    """Return a key that can stand in a header. Raises InvalidRequest without repeating it."""
    if len(key) > _KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidRequest(
            f"what {where} holds is no key: one word of printable characters is", hint="flock token ls"
        )
    return key


def _refused(key: str, where: str, here: Here) -> list[str]:
    """Return a sentence when this machine's flock does not take the key that `where` says; nothing where all is well.

    The admin's own, from its file, is not looked at: `where` is "" then.
    """
    try:
        if where:
            Client(here.home.socket, _STATUS_SECONDS, key).call(ShowMe())
    except InvalidKey:
        return [f"flock does not know the key that {where} gives; `flock token create NAME` makes one"]
    except FlockError:
        pass  # nobody can say
    return []


def _missing(model: str, models: tuple[Model, ...], here: Here) -> str:
    """Return a sentence when no model of that id answers now, "" when one does or a vendor may have it."""
    ids = [one.id for one in models]
    if model in ids or _is_of_a_vendor(model, here):
        return ""
    near = difflib.get_close_matches(model, ids, 3, 0.4)
    there = f"; there is {', '.join(near)}" if near else ""
    return f"flock has no model {model!r} now{there} (flock model ls)"


def _is_of_a_vendor(model: str, here: Here) -> bool:
    try:
        way = here.reach or Client(here.home.socket, _STATUS_SECONDS)
        vendors = way.call(ListVendors())[0]
    except FlockError:
        return True  # nobody can say
    return any(
        model.startswith(vendor.prefixes) or any(fnmatchcase(model, glob) for glob in vendor.patterns)
        for vendor in vendors
    )
