"""The tools a chat request offers and which of them is to be called, read into the middle and written from it.

Does no I/O. Legacy `functions` become tools, marked so that the answer is spelled as they expect. Called by
`requests.py` and `outgoing.py`.
"""

from collections.abc import Iterable
from typing import Any, Literal

from flock.dialects.custom_tools import as_function
from flock.dialects.history import called_tools
from flock.dialects.ir import Message, Request, Text, Tool, ToolCall, ToolChoice, ToolResult
from flock.dialects.openai.checks import at, fields_of, items_of, named, rest_of, words, wrong
from flock.errors import InvalidRequest
from flock.plain import is_object

# `Tool.meta` of tools that came as `functions`: the answer is then a `function_call`
LEGACY = "legacy_function"
# What Claude Code lists in place of tools that are yet to be found; never a tool (seen in 2.1.329)
PLACEHOLDER = "DeferredToolPlaceholder"
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",
}

# -- reading


def read_tools(body: dict[str, Any]) -> list[Tool]:
    """Return the tools of a body, legacy functions among them. Raises InvalidRequest naming the field."""
    tools = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(items_of(body.get("tools"), "tools"))]
    for i, function in enumerate(items_of(body.get("functions"), "functions")):
        told = fields_of(function, f"functions[{i}]")
        tools.append(_function(told, f"functions[{i}]", {"type": "function", "function": told}, {LEGACY: True}))
    return tools


def _tool(tool: Any, where: str) -> Tool:
    if not is_object(tool):
        raise wrong(where, "an object", tool)
    kind = words(tool.get("type"), f"{where}.type") or ("function" if "function" in tool else "")
    if kind == "function":
        meta = rest_of(tool, "type", "function", "defer_loading")
        found = _function(fields_of(tool.get("function"), f"{where}.function"), f"{where}.function", tool, meta)
        found.deferred = tool.get("defer_loading") is True
        return found
    if kind == "custom":
        custom = fields_of(tool.get("custom"), f"{where}.custom")
        return Tool(
            named(custom.get("name"), f"{where}.custom.name"),
            words(custom.get("description"), f"{where}.custom.description"),
            kind="custom",
            grammar=fields_of(custom.get("format"), f"{where}.custom.format") or None,
            raw=tool,
            meta=rest_of(tool, "type", "custom"),
        )
    if not kind:
        raise wrong(f"{where}.type", "a string", tool.get("type"))
    return Tool(kind, kind="hosted", raw=tool)


def _function(function: dict[str, Any], where: str, raw: dict[str, Any], meta: dict[str, Any]) -> Tool:
    strict = function.get("strict")
    return Tool(
        named(function.get("name"), f"{where}.name"),
        words(function.get("description"), f"{where}.description"),
        schema=None if function.get("parameters") is None else fields_of(function["parameters"], f"{where}.parameters"),
        strict=strict if isinstance(strict, bool) else None,
        raw=raw,
        meta=meta,
    )


def read_choice(body: dict[str, Any]) -> tuple[ToolChoice | None, set[str] | None]:
    """Return which tool is to be called, and the names the client allows (None: all). Raises InvalidRequest."""
    given, where = body.get("tool_choice"), "tool_choice"
    if given is None:
        given, where = body.get("function_call"), "function_call"
    if given is None:
        return None, None
    if isinstance(given, str):
        mode = _MODES.get(given)
        if mode is None:
            raise InvalidRequest(
                f"{where} must be auto, none, required or an object, not {given!r}",
                hint=f"correct {where}",
                details=at(where),
            )
        return ToolChoice(mode), None
    choice = fields_of(given, where)
    if choice.get("type") == "allowed_tools":
        return _allowed(fields_of(choice.get("allowed_tools"), f"{where}.allowed_tools"), f"{where}.allowed_tools")
    for kind in ("function", "custom"):
        if is_object(inner := choice.get(kind)):
            return ToolChoice("named", named(inner.get("name"), f"{where}.{kind}.name")), None
    return ToolChoice("named", named(choice.get("name"), f"{where}.name")), None


def _allowed(given: dict[str, Any], where: str) -> tuple[ToolChoice, set[str]]:
    found: set[str] = set()
    for i, tool in enumerate(items_of(given.get("tools"), f"{where}.tools")):
        told = fields_of(tool, f"{where}.tools[{i}]")
        inner = next((told[kind] for kind in ("function", "custom") if is_object(told.get(kind))), told)
        found.add(named(inner.get("name"), f"{where}.tools[{i}].name"))
    return ToolChoice("required" if given.get("mode") == "required" else "auto"), found


# -- writing


def offered(request: Request, messages: list[Message]) -> list[Tool]:
    """Return the tools to offer: no hosted ones, deferred ones only once the conversation has named them."""
    known: set[str] | None = None
    found: list[Tool] = []
    for tool in request.tools:
        if tool.kind == "hosted" or tool.name == PLACEHOLDER:
            continue
        if tool.deferred:
            known = _mentioned(messages) if known is None else known
            if tool.name not in known and tool.own_name not in known:
                continue
        found.append(tool)
    return found


def _mentioned(messages: Iterable[Message]) -> set[str]:
    """Return the names of tools that were called, or found by a search: a Text whose meta has "tool_reference"."""
    found: set[str] = set()
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                found.add(part.name)
            inside = part.parts if isinstance(part, ToolResult) else [part]
            for text in inside:
                if isinstance(text, Text) and (name := text.meta.get("tool_reference")):
                    found.add(name if isinstance(name, str) else text.text)
    return found


def write_tools(request: Request, messages: list[Message], wire: dict[str, str], body: dict[str, Any]) -> list[str]:
    """Put `tools`, `tool_choice` and `parallel_tool_calls` into a body; `wire` maps names to the wire's.

    Returns what was changed. Without tools a choice is dropped; calls in the history get a list made from them, which
    may not be called.
    """
    edits: list[str] = []
    tools = offered(request, messages)
    if not tools:
        if rebuilt := called_tools(messages):
            body["tools"] = [_written(tool, wire, own=False) for tool in rebuilt]
            body["tool_choice"] = "none"
            edits.append("tools: made from the calls in the history, none may be called")
        elif request.tool_choice is not None:
            edits.append("tool_choice: dropped, no tools are offered")
        return edits
    own = request.dialect == "openai"
    body["tools"] = [_written(tool, wire, own=own) for tool in tools]
    if any(tool.kind == "custom" for tool in tools):
        edits.append("custom tools: sent as functions with one string, input")
    choice = request.tool_choice
    if choice is not None:
        if choice.mode != "named":
            body["tool_choice"] = choice.mode
        elif any(tool.name == choice.name for tool in tools):
            body["tool_choice"] = {"type": "function", "function": {"name": wire.get(choice.name, choice.name)}}
        else:
            edits.append(f"tool_choice: dropped, {choice.name} is not offered")
    if request.parallel_tools is not None:
        body["parallel_tool_calls"] = request.parallel_tools
    return edits


def _written(tool: Tool, wire: dict[str, str], *, own: bool) -> dict[str, Any]:
    if tool.kind == "custom":
        tool = as_function(tool)
    function: dict[str, Any] = {"name": wire.get(tool.name, tool.name)}
    if own and is_object(raw := tool.raw.get("function")):
        function = {**raw, **function}
    if tool.description:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None and own:
        function["strict"] = tool.strict
    meta = {name: value for name, value in tool.meta.items() if name != LEGACY} if own else {}
    return {"type": "function", "function": function, **meta}
