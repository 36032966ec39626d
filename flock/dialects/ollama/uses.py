"""What a request uses of the features that not every engine has: one cheap walk over its body.

Does no I/O and refuses nothing: what is misshapen counts for nothing here, `asked.py` names it. Reached as
`server.features`; read by the plan and by routing.
"""

from typing import Any

from flock.dialects.ask import Ask
from flock.plain import is_array, is_object


def features(ask: Ask) -> frozenset[str]:
    """Return what the request uses of `profile.FEATURES`."""
    body = ask.body
    found: set[str] = set()
    if body.get("images"):
        found.add("images")
    if ask.endpoint == "chat":
        _messages(_objects(body.get("messages")), found)
    if body.get("tools"):
        found.add("tools")
    form = body.get("format")
    if form:
        found.add("json_schema" if is_object(form) else "json_object")
    if body.get("think") is not None:
        found.add("reasoning")
    if body.get("logprobs") is True:
        found.add("logprobs")
    return frozenset(found)


def _messages(messages: list[dict[str, Any]], found: set[str]) -> None:
    begun = False
    for message in messages:
        if message.get("images"):
            found.add("images")
        if message.get("tool_calls"):
            found.add("tools")
        if message.get("role") != "system":
            begun = True
        elif begun:
            found.add("late_system")
    if messages and messages[-1].get("role") == "assistant" and not messages[-1].get("tool_calls"):
        found.add("prefill")


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if is_object(item)] if is_array(value) else []
