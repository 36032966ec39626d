"""What a chat request uses of the features that not every engine has: one cheap walk over its body.

Does no I/O and refuses nothing: what is misshapen counts for nothing here, `requests.py` names it. Reached as
`server.features`; read by the plan and by routing.
"""

from typing import Any

from flock.dialects.ask import Ask
from flock.plain import is_array, is_object

_PARTS = {"input_audio": "audio", "file": "documents"}
_FORMATS = {"json_object": "json_object", "json_schema": "json_schema"}


# a request with none of these says nothing below but what stands in its messages
_TELLING = frozenset(
    {
        *("tools", "functions", "web_search_options", "tool_choice", "function_call"),
        *("audio", "modalities", "response_format", "logprobs", "n", "best_of", "prompt"),
        *("reasoning_effort", "reasoning", "thinking", "store"),
    }
)


def features(ask: Ask) -> frozenset[str]:
    """Return what the request uses of `profile.FEATURES`."""
    body = ask.body
    found: set[str] = set()
    _messages(_array(body.get("messages")), found)
    if not _TELLING.isdisjoint(body):
        _tools(body, found)
        _knobs(body, found)
    return frozenset(found)


def _array(value: Any) -> list[dict[str, Any]]:
    """Return the objects of an array; [] for anything else."""
    return [item for item in value if is_object(item)] if is_array(value) else []


def _messages(messages: list[dict[str, Any]], found: set[str]) -> None:
    begun = False
    for message in messages:
        content = message.get("content")
        if content.__class__ is not str:
            _content(content, found)
        role = message.get("role")
        if role in ("system", "developer"):
            if begun:
                found.add("late_system")
            continue
        begun = True
        if role != "user":
            _said(message, found)
    if messages and messages[-1].get("role") == "assistant" and not messages[-1].get("tool_calls"):
        found.add("prefill")


def _said(message: dict[str, Any], found: set[str]) -> None:
    if message.get("tool_calls") or message.get("function_call"):
        found.add("tools")
    if any(d.get("signature") or d.get("data") for d in _array(message.get("reasoning_details"))):
        found.add("signed_thinking")


def _content(content: Any, found: set[str]) -> None:
    for part in _array(content):
        kind = part.get("type")
        if "cache_control" in part:
            found.add("cache_control")
        if kind == "image_url":
            found.add("images")
            shown = part.get("image_url")
            url = shown.get("url") if is_object(shown) else shown
            if isinstance(url, str) and url[:5].lower() != "data:":
                found.add("image_urls")
        elif isinstance(kind, str) and kind in _PARTS:
            found.add(_PARTS[kind])


def _tools(body: dict[str, Any], found: set[str]) -> None:
    tools = _array(body.get("tools"))
    if tools or body.get("functions"):
        found.add("tools")
    for tool in tools:
        kind = tool.get("type", "function")
        if kind == "custom":
            found.add("custom_tools")
        elif kind != "function":
            found.add("hosted_tools")
        if tool.get("defer_loading") is True:
            found.add("deferred_tools")
        if "cache_control" in tool:
            found.add("cache_control")
    if body.get("web_search_options") is not None:
        found.add("hosted_tools")
    choice = body.get("tool_choice", body.get("function_call"))
    if choice is not None and choice != "auto" and "tools" in found:
        found.add("tool_choice")


def _knobs(body: dict[str, Any], found: set[str]) -> None:
    modalities = body.get("modalities")
    if body.get("audio") is not None or (is_array(modalities) and "audio" in modalities):
        found.add("audio")
    shape = body.get("response_format")
    kind = shape.get("type") if is_object(shape) else None
    if isinstance(kind, str) and kind in _FORMATS:
        found.add(_FORMATS[kind])
    logprobs = body.get("logprobs")
    if logprobs is not None and logprobs is not False:
        found.add("logprobs")
    for name in ("n", "best_of"):
        many = body.get(name)
        if isinstance(many, int) and many > 1:
            found.add("many")
    prompt = body.get("prompt")
    if is_array(prompt) and len(prompt) > 1 and not all(isinstance(one, int) for one in prompt):
        found.add("many")
    if any(body.get(name) is not None for name in ("reasoning_effort", "reasoning", "thinking")):
        found.add("reasoning")
    if body.get("store") is True:
        found.add("stateful")
