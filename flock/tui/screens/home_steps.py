"""What is missing on this flock, and the one command that helps: the next steps that Home offers.

Owns the rules and their order. Refuses to carry anything out, and to guess: what is not known yet leads to no step.
Called by `screens/home.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flock.contract.catalog import ListPicks
from flock.contract.connect import ClientRow, ConnectClient, Invite
from flock.contract.engines import Engine, ShowEngineLog
from flock.contract.exposing import Expose
from flock.contract.models import Model
from flock.contract.op import Op, Scope
from flock.contract.status import Status
from flock.contract.tokens import Token

# The model that answers without any download; it has one sentence (flock/smoke/facts.py, which a screen must not load)
SMOKE = "flock-smoke"
_BROKEN = ("failed", "crashloop")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: why, and the operation that does it. `serious` is what is broken and not only missing."""

    words: str
    op: Op[Any]
    serious: bool = False


def steps(
    status: Status | None,
    engines: Sequence[Engine] | None,
    models: Sequence[Model] | None,
    tokens: Sequence[Token] | None,
    clients: Sequence[ClientRow] | None,
) -> tuple[Step, ...]:
    """Return what to do, the most pressing first. Any of the answers may be None while it is not known."""
    found = [
        Step(f"engine {engine.name} has failed", ShowEngineLog(name=engine.name), serious=True)
        for engine in engines or ()
        if engine.state in _BROKEN and engine.ownership == "own"
    ]
    if models is not None and all(model.id == SMOKE for model in models):
        found.append(Step("no real model yet", ListPicks()))
    if clients is not None and not clients:
        found.append(Step("no tool is connected", ConnectClient(client="claude-code")))
    others = None if tokens is None else [t for t in tokens if t.state == "active" and t.scope is Scope.USER]
    if others is not None and not others:
        found.append(Step("nobody else has a key", Invite(name="NAME")))
    if others and status is not None and _only_here(status.api_url):
        found.append(Step("others cannot reach this machine", Expose()))
    return tuple(found)


def _only_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
