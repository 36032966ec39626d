"""Tool search that the client runs itself: to the model a function, to the client its own kind of item.

Owns the way there and back: the tool, the calls and their answers, in `tools`, in the history and in an answer. Engines
that know functions only can so find tools that are not offered yet; what was found is offered from then on (tools.py).
A search that the vendor would run has nobody to run it elsewhere, and stays the vendor's. Pure; used by both halves.
"""

from typing import Any

import orjson

from flock.dialects.history import arguments
from flock.dialects.ir import Json, Text, Tool, ToolCall, ToolResult
from flock.dialects.openai.checks import at, fields_of, words
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

# In `meta` of the tool, of a call, and of a result, where it holds the item as it came.
SEARCH = "_tool_search"
_NAME = "tool_search"
_ANY = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}


def is_client_side(value: Json) -> bool:
    """Return whether a search, a call of it or an answer to it is the client's own."""
    return value.get("execution") == "client"


def read_search(tool: Json, where: str) -> Tool:
    """Return the function that stands for a client's tool search."""
    schema = fields_of(tool.get("parameters"), f"{where}.parameters") or _ANY
    description = words(tool.get("description"), f"{where}.description")
    return Tool(_NAME, description, schema, strict=False, own_name=_NAME, raw=tool, meta={SEARCH: True})


def read_search_call(item: Json, call_id: str, where: str) -> ToolCall:
    """Return a call of the search."""
    given: Any = item.get("arguments")
    try:
        text = given if isinstance(given, str) else orjson.dumps({} if given is None else given).decode()
    except TypeError as error:
        name = f"{where}.arguments"
        raise InvalidRequest(f"{name} cannot be written as JSON: {error}", details=at(name)) from None
    return ToolCall(call_id, _NAME, text, {SEARCH: True})


def read_search_output(item: Json, call_id: str) -> ToolResult:
    """Return what a search found, in words: a line for each tool that is offered from here on."""
    lines: list[str] = []
    tools: Any = item.get("tools")
    for tool in tools if is_array(tools) else ():
        lines += _lines(tool, "")
    found = "\n".join(["Tools found, which can be called now:", *lines]) if lines else "No tools found."
    return ToolResult(call_id, [Text(found)], meta={SEARCH: item})


def _lines(tool: Any, namespace: str) -> list[str]:
    name = tool.get("name") if is_object(tool) else None
    if not is_object(tool) or not isinstance(name, str):
        return []
    if tool.get("type") == "namespace":
        inside: Any = tool.get("tools")
        return [line for one in (inside if is_array(inside) else ()) for line in _lines(one, f"{name}__")]
    told = tool.get("description")
    return [f"- {namespace}{name}: {told}" if isinstance(told, str) and told else f"- {namespace}{name}"]


def write_search_call(call: ToolCall, call_id: str, status: str = "completed", id: str = "") -> Json:
    """Return a call of the search as an item; its arguments are an object here and no text."""
    found, _ = arguments(call)
    item: Json = {"type": "tool_search_call", "call_id": call_id, "execution": "client", "status": status}
    return {**({"id": id} if id else {}), **item, "arguments": found}
