"""What a Responses request uses of `profile.FEATURES`: one walk over its body, at the depth where content stands.

Pure; called by server.py before anything is translated, so it takes whatever `read_ask` let through.
"""

from typing import Any

from flock.dialects.responses.words import LOGPROBS
from flock.plain import is_array, is_object

_SYSTEM = ("system", "developer")
_CONTENT = {"input_audio": "audio", "input_file": "documents", "input_image": "images"}


def features_of(body: dict[str, Any]) -> frozenset[str]:
    """Return the features a body uses."""
    found: set[str] = set()
    if body.get("previous_response_id") or body.get("conversation") or body.get("background") or body.get("prompt"):
        found.add("stateful")
    if is_array(items := body.get("input")):
        _walk(items, found)
    tools = body.get("tools")
    if is_array(tools) and tools:
        found.add("tools")
        for tool in tools:
            _tool(tool, found)
    choice = body.get("tool_choice")
    if is_object(choice) or choice == "required":
        found.add("tool_choice")
    reasoning = body.get("reasoning")
    if is_object(reasoning) and reasoning.get("effort"):
        found.add("reasoning")
    include = body.get("include")
    if body.get("top_logprobs") or (is_array(include) and LOGPROBS in include):
        found.add("logprobs")
    text = body.get("text")
    form = text.get("format") if is_object(text) else None
    kind = form.get("type") if is_object(form) else None
    if kind in ("json_schema", "json_object"):
        found.add(kind)
    return frozenset(found)


def _walk(items: list[Any], found: set[str]) -> None:
    begun = False
    role: Any = None
    for item in items:
        if not is_object(item):
            continue
        kind, role = item.get("type"), item.get("role")
        if role in _SYSTEM and begun:
            found.add("late_system")
        begun = begun or role not in _SYSTEM
        match kind:
            case "reasoning":
                if item.get("encrypted_content"):
                    found.add("signed_thinking")
            case "custom_tool_call":
                found.add("custom_tools")
            case "function_call_output" | "custom_tool_call_output":
                _content(item.get("output"), found)
            case "additional_tools" | "tool_search_output":
                found.add("deferred_tools")
                if is_array(tools := item.get("tools")) and tools:
                    found.add("tools")
            case _ if kind == "item_reference" or (kind is None and role is None and "id" in item):
                found.add("stateful")
            case _:
                _content(item.get("content"), found)
        if item.get("namespace"):
            found.add("namespaces")
    if role == "assistant":
        found.add("prefill")


def _content(parts: Any, found: set[str]) -> None:
    if not is_array(parts):
        return
    for part in parts:
        if not is_object(part):
            continue
        kind = part.get("type")
        feature = _CONTENT.get(kind) if isinstance(kind, str) else None
        if feature is not None:
            found.add(feature)
        if kind == "input_image" and (url := part.get("image_url")):
            if is_object(url):
                url = url.get("url")
            if not (isinstance(url, str) and url.startswith("data:")):
                found.add("image_urls")
        if part.get("prompt_cache_breakpoint"):
            found.add("cache_control")


def _tool(tool: Any, found: set[str]) -> None:
    if not is_object(tool):
        return
    if tool.get("defer_loading"):
        found.add("deferred_tools")
    match tool.get("type"):
        case "function":
            pass
        case "custom":
            found.add("custom_tools")
        case "namespace":
            found.add("namespaces")
            inner = tool.get("tools")
            for one in inner if is_array(inner) else ():
                _tool(one, found)
        case _:
            found.add("hosted_tools")
