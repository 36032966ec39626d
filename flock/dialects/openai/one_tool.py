"""A tool_choice that names tools, for engines that heed only its words: auto, none, required.

What a name says can be said without one: offer the named tool alone, and require a call. Does no I/O. Called by
`plan.py` where a profile says `named_choice: false`.
"""

from typing import Any

from flock.plain import is_array, is_object

_KINDS = ("function", "custom")


def spelled_out(body: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a chat body to set so that its choice of tools needs no name, and what people read of it.

    Nothing where no tool is named, or where one is that is not offered: the engine may say that.
    """
    choice, tools = body.get("tool_choice"), body.get("tools")
    if not is_object(choice) or not is_array(tools):
        return {}, []
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools")
        allowed = allowed if is_object(allowed) else choice
        named = {_name(tool) for tool in allowed.get("tools") or () if is_object(tool)}
        mode = "required" if allowed.get("mode") == "required" else "auto"
    else:
        named, mode = {_name(choice)}, "required"
    kept = [tool for tool in tools if is_object(tool) and _name(tool) in named]
    if not kept:
        return {}, []
    words = "tool_choice: the engine heeds no names, so it is offered what was named and nothing else"
    return {"tools": kept, "tool_choice": mode}, [words]


def _name(tool: dict[str, Any]) -> Any:
    inner = next((tool[kind] for kind in _KINDS if is_object(tool.get(kind))), tool)
    return inner.get("name")
