"""What a Messages request uses of `profile.FEATURES`: one walk over its body, before anything is read.

Owns the names of what an engine may lack. Refuses to check types: what is wrong is skipped here and named by
`asked.py`. Called through `server.py`.
"""

from typing import Any

from flock.dialects.ask import Ask
from flock.dialects.ir import Json
from flock.plain import is_array, is_object


def features(ask: Ask) -> frozenset[str]:
    """Return the features this request uses."""
    body = ask.body
    found: set[str] = set()
    _of_settings(body, found)
    for tool in _objects(body.get("tools")):
        _of_tool(tool, found)
    for block in _objects(body.get("system")):
        if "cache_control" in block:
            found.add("cache_control")
    messages = [message for message in body.get("messages") or () if is_object(message)]
    for message in messages:
        if message.get("role") == "system":
            found.add("late_system")
        for block in _objects(message.get("content")):
            _of_block(block, found)
    if messages and messages[-1].get("role") == "assistant":
        found.add("prefill")
    return frozenset(found)


def _of_settings(body: Json, found: set[str]) -> None:
    config, choice = body.get("output_config"), body.get("tool_choice")
    config = config if is_object(config) else {}
    if body.get("thinking") is not None or config.get("effort") is not None:
        found.add("reasoning")
    if config.get("format") is not None or body.get("output_format") is not None:
        found.add("json_schema")
    if is_object(choice) and (choice.get("type") != "auto" or choice.get("disable_parallel_tool_use")):
        found.add("tool_choice")
    if body.get("cache_control") is not None:
        found.add("cache_control")
    if body.get("container") is not None:
        found.add("stateful")
    if body.get("mcp_servers"):
        found.add("hosted_tools")


def _of_tool(tool: Json, found: set[str]) -> None:
    if tool.get("input_schema") is None and tool.get("type") not in (None, "custom"):
        found.add("hosted_tools")
    else:
        found.add("tools")
    if tool.get("defer_loading"):
        found.add("deferred_tools")
    if tool.get("cache_control") is not None:
        found.add("cache_control")


def _of_block(block: Json, found: set[str]) -> None:
    if block.get("cache_control") is not None:
        found.add("cache_control")
    match block.get("type"):
        case "text":
            pass
        case "tool_use":
            found.add("tools")
        case "tool_result":
            found.add("tools")
            for inner in _objects(block.get("content")):
                _of_block(inner, found)
        case "image":
            found.add("images")
            _of_source(block.get("source"), found, "image_urls")
        case "document":
            found.add("documents")
            _of_source(block.get("source"), found, "documents")
        case "thinking":
            if block.get("signature"):
                found.add("signed_thinking")
        case "redacted_thinking":
            found.add("signed_thinking")
        case "tool_reference" | "tool_addition" | "tool_removal":
            found.add("deferred_tools")
        case "container_upload":
            found.add("stateful")
        case str() as kind if kind.endswith(("_tool_use", "_tool_result")):
            found.add("hosted_tools")
        case _:
            pass


def _of_source(source: Any, found: set[str], by_url: str) -> None:
    kind = source.get("type") if is_object(source) else None
    if kind == "url":
        found.add(by_url)
    elif kind == "file":
        found.add("stateful")


def _objects(value: Any) -> list[Json]:
    return [item for item in value if is_object(item)] if is_array(value) else []
