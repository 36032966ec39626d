"""The plan: how a request's bytes get to an upstream and back, decided before any byte moves.

Pure. RELAY sends the body as received; SPLICE sets top-level keys and dumps it once. Which edits were made stands in
the decision record. Called by core/inference.py; table-tested in tests/unit/dialects/test_plan.py.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.errors import InvalidRequest
from flock.profile import Profile

RELAY, SPLICE = "relay", "splice"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. `withhold_usage`: the usage chunk is ours alone, the client did not ask for it."""

    kind: str
    body: bytes
    edits: tuple[str, ...]
    withhold_usage: bool


def plan(ask: Ask, served_model: str, profile: Profile) -> Plan:
    """Return the plan for serving `ask` as `served_model` on an upstream of this profile.

    Raises InvalidRequest when the upstream does not speak the client's dialect.
    """
    if ask.dialect not in profile.dialects:
        raise InvalidRequest(
            f"{profile.title} does not speak the {ask.dialect} dialect",
            hint="choose a model of another engine: flock model ls",
        )
    changed: dict[str, Any] = {}
    edits: list[str] = []
    if ask.model != served_model:
        changed["model"] = served_model
        edits.append(f"model: {ask.model or '(none)'} → {served_model}")
    withhold = ask.stream and not ask.wants_usage and profile.stream_usage
    if withhold:
        changed["stream_options"] = {**(ask.body.get("stream_options") or {}), "include_usage": True}
        edits.append("stream_options.include_usage: added, the usage chunk is withheld")
    if not changed:
        return Plan(RELAY, ask.raw, (), withhold_usage=False)
    try:
        body = orjson.dumps({**ask.body, **changed})
    except TypeError as error:  # orjson reads 1024 levels and writes 254
        raise InvalidRequest(f"the body cannot be written again: {error}", hint="nest it less deeply") from None
    return Plan(SPLICE, body, tuple(edits), withhold)
