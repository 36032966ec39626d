"""Chat requests for servers that refuse what OpenAI's reference does not have, or some of what it has.

Pure; changes only what flock itself has written in a translation: what a client of this dialect sent goes over as it
is, and a refusal of it is the client's to hear. What each server refuses is data (profile.py). Called by the plan.
"""

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any

from flock.plain import is_array, is_object
from flock.profile import Profile

# Parameters of POST /v1/chat/completions, by OpenAI's reference of 2026
STANDARD = frozenset(
    {
        *("audio", "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "messages"),
        *("metadata", "modalities", "model", "n", "parallel_tool_calls", "prediction", "presence_penalty"),
        *("prompt_cache_key", "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier"),
        *("stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p"),
        *("user", "verbosity", "web_search_options"),
    }
)
_MESSAGE = frozenset({"audio", "content", "name", "refusal", "role", "tool_call_id", "tool_calls"})
_OF_MESSAGES = "messages."
# What says no more than its absence does: the values that every model has by itself. Asked for by flock is the first.
_SILENT: dict[str, tuple[Any, ...]] = {
    "stream_options": ({"include_usage": True},),
    "reasoning_effort": ("none",),
    "temperature": (1,),
    "top_p": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
}
# Mistral: "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9."
_NINE = re.compile(r"[a-zA-Z0-9]{9}")


def keep_to(profile: Profile, model: str, body: dict[str, Any]) -> list[str]:
    """Change a body that flock wrote into one the server takes; return the names of what was left out."""
    lower = model.lower()
    if profile.limit_field != "max_tokens" and (limit := body.pop("max_tokens", None)) is not None:
        body[profile.limit_field] = limit
    refused = set(next((names for glob, names in profile.refuses.items() if fnmatchcase(lower, glob)), ()))
    if not _is_among(profile.reasons, lower):
        refused.add("reasoning_effort")
    lost = _without(body, lambda name: name in refused or (profile.strict and name not in STANDARD))
    inner = {name.removeprefix(_OF_MESSAGES) for name in refused if name.startswith(_OF_MESSAGES)}
    messages = [message for message in body["messages"] if is_object(message)] if is_array(body["messages"]) else []
    for message in messages:
        found = _without(message, lambda name: name in inner or (profile.strict and name not in _MESSAGE))
        lost += [_OF_MESSAGES + name for name in found]
        if profile.call_ids:
            _renumber(message)
    return list(dict.fromkeys(lost))


def _is_among(globs: Iterable[str], model: str) -> bool:
    """Return whether a model fits one of the globs and none of those with "!" in front."""
    wanted = [glob for glob in globs if not glob.startswith("!")]
    unwanted = [glob[1:] for glob in globs if glob.startswith("!")]
    return any(fnmatchcase(model, glob) for glob in wanted) and not any(fnmatchcase(model, glob) for glob in unwanted)


def _without(fields: dict[str, Any], unfit: Callable[[str], bool]) -> list[str]:
    """Take fields out; return the names of those that said something."""
    found = [name for name in fields if unfit(name)]
    return [name for name in found if fields.pop(name) not in _SILENT.get(name, ())]


def _renumber(message: dict[str, Any]) -> None:
    """Give the calls of a message, or the result that it is, ids of nine letters and digits: always the same ones."""
    calls = message.get("tool_calls")
    for call in calls if is_array(calls) else ():
        if is_object(call):
            call["id"] = _nine(call["id"])
    if "tool_call_id" in message:
        message["tool_call_id"] = _nine(message["tool_call_id"])


def _nine(id: str) -> str:
    return id if _NINE.fullmatch(id) else sha256(id.encode()).hexdigest()[:9]
