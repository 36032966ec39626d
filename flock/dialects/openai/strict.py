"""Chat requests for servers that refuse what OpenAI's reference does not have, or call the limit otherwise.

Pure; changes only what flock itself has written in a translation: what a client of this dialect sent goes over as it
is, and a refusal of it is the client's to hear. Called by the plan.
"""

import fnmatch
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


def keep_to(profile: Profile, model: str, body: dict[str, Any]) -> list[str]:
    """Change a body that flock wrote into one the server takes; return the names of what was left out."""
    lost: list[str] = []
    if profile.limit_field != "max_tokens" and (limit := body.pop("max_tokens", None)) is not None:
        body[profile.limit_field] = limit
    if "reasoning_effort" in body and not any(fnmatch.fnmatchcase(model.lower(), glob) for glob in profile.reasons):
        del body["reasoning_effort"]
        lost.append("reasoning_effort")
    if profile.strict:
        lost += _only(STANDARD, body)
        messages = body["messages"]
        for message in messages if is_array(messages) else ():
            if is_object(message):
                lost += [f"messages.{name}" for name in _only(_MESSAGE, message)]
    return list(dict.fromkeys(lost))


def _only(known: frozenset[str], fields: dict[str, Any]) -> list[str]:
    unknown = [name for name in fields if name not in known]
    for name in unknown:
        del fields[name]
    return unknown
