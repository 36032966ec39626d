"""Tools and the choice among them, as Responses spells them ⇄ the middle. Used by both halves.

Owns flat names: a tool inside a namespace is `<namespace>__<own name>` in the middle and goes back into its namespace.
Tools that arrive inside the input (`additional_tools`, what a tool search found) are offered like all others; written
in this dialect they stay where they came. Pure.
"""

from collections.abc import Iterable
from typing import Any

from flock.dialects.ir import Json, Request, Tool, ToolChoice
from flock.dialects.openai.checks import at, fields_of, items_of, named, switch, words, wrong
from flock.dialects.responses.content import foreign_hints
from flock.dialects.responses.search import SEARCH, is_client_side, read_search
from flock.dialects.responses.words import DIALECT
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

# In `Tool.meta`: the fields of the namespace around it, and the type of the item it stood in.
GROUP, LISTED = "_group", "_listed_in"
_LISTS = frozenset({"additional_tools", "tool_search_output"})


def read_tools(body: Json, items: Iterable[Json]) -> list[Tool]:
    """Return the tools of a request, those listed by its items last. Raises InvalidRequest naming what is wrong.

    Of two definitions of a name the first one counts, but one that an item lists makes a deferred tool an offered one.
    Tools that are deferred stay so only where the client searches for them itself: nobody else would ever find them.
    """
    found = _read(items_of(body.get("tools"), "tools"), "tools")
    listed: list[Tool] = []
    for i, item in enumerate(items):
        kind = item.get("type")
        if isinstance(kind, str) and kind in _LISTS and is_array(tools := item.get("tools")):
            for tool in _read(tools, f"input[{i}].tools"):
                tool.deferred = False
                tool.meta[LISTED] = kind
                listed.append(tool)
    tools = _unique(found, listed)
    if not any(SEARCH in tool.meta for tool in tools):
        for tool in tools:
            tool.deferred = False
    return tools


def _unique(found: list[Tool], listed: list[Tool]) -> list[Tool]:
    kept: list[Tool] = []
    names: set[str] = set()
    keys: dict[tuple[str, str], Tool] = {}
    for tool in [*found, *listed]:
        if tool.kind == "hosted":  # may share the name of a tool of the client's own, which plan.py then prefers
            kept.append(tool)
            continue
        key = (tool.namespace, tool.own_name)
        if key in keys:
            if LISTED in tool.meta:
                keys[key].deferred = False
            continue
        keys[key] = tool
        while tool.name in names:
            tool.name += "_"
        names.add(tool.name)
        kept.append(tool)
    return kept


def _read(tools: list[Any], where: str) -> list[Tool]:
    found: list[Tool] = []
    for i, tool in enumerate(tools):
        if not is_object(tool):
            raise wrong(f"{where}[{i}]", "an object", tool)
        if tool.get("type") == "namespace":
            found += _read_namespace(tool, f"{where}[{i}]")
        else:
            found.append(_read_tool(tool, f"{where}[{i}]"))
    return found


def _read_namespace(group: Json, where: str) -> list[Tool]:
    namespace = named(group.get("name"), f"{where}.name")
    around = {key: value for key, value in group.items() if key != "tools"}
    found: list[Tool] = []
    for i, inner in enumerate(items_of(group.get("tools"), f"{where}.tools")):
        if not is_object(inner):
            raise wrong(f"{where}.tools[{i}]", "an object", inner)
        tool = _read_tool(inner, f"{where}.tools[{i}]")
        if tool.kind != "hosted":
            tool.namespace, tool.name = namespace, f"{namespace}__{tool.own_name}"
        tool.meta[GROUP] = around
        found.append(tool)
    return found


def _read_tool(tool: Json, where: str) -> Tool:
    kind = named(tool.get("type"), f"{where}.type")
    if kind == "tool_search" and is_client_side(tool):
        return read_search(tool, where)
    if kind not in ("function", "custom"):
        return Tool(_hosted_name(kind, tool), kind="hosted", raw=tool)
    name = named(tool.get("name"), f"{where}.name")
    read = Tool(
        name,
        words(tool.get("description"), f"{where}.description"),
        own_name=name,
        deferred=switch(tool.get("defer_loading"), f"{where}.defer_loading") or False,
        raw=tool,
    )
    if kind == "custom":
        read.kind = "custom"
        read.grammar = fields_of(tool.get("format"), f"{where}.format") or None
        return read
    read.schema = fields_of(tool.get("parameters"), f"{where}.parameters") or None
    strict = switch(tool.get("strict"), f"{where}.strict")
    # said nothing, the vendor is strict wherever the schema allows it; other dialects are not unless told
    read.strict = strict if strict is not None else is_strict(read.schema)
    return read


def _hosted_name(kind: str, tool: Json) -> str:
    label = tool.get("server_label")
    return f"mcp_{label}" if kind == "mcp" and isinstance(label, str) and label else kind


def is_strict(schema: Any, depth: int = 0) -> bool:
    """Return whether a schema meets the rules of strict mode: every object closed, every property required."""
    if depth > 32 or not is_object(schema):
        return False
    properties = schema.get("properties")
    if schema.get("type") == "object" or is_object(properties):
        inside = properties if is_object(properties) else {}
        required = schema.get("required")
        asked = [name for name in required if isinstance(name, str)] if is_array(required) else []
        if schema.get("additionalProperties") is not False or not inside.keys() <= set(asked):
            return False
        if not all(is_strict(one, depth + 1) for one in inside.values()):
            return False
    items = schema.get("items")
    return items is None or is_strict(items, depth + 1)


def flat_names(tools: Iterable[Tool]) -> dict[tuple[str, str], str]:
    """Return (namespace, own name) → flat name of the tools inside namespaces."""
    return {(tool.namespace, tool.own_name): tool.name for tool in tools if tool.namespace}


def write_tools(request: Request, wire: dict[str, str], lost: list[str]) -> list[Json]:
    """Return the tools as Responses spells them; `wire` maps names of the middle to those sent.

    Tools that another vendor runs have no equivalent: their names are added to `lost`.
    """
    own = request.dialect == DIALECT
    written: list[Json] = []
    groups: dict[str, list[Json]] = {}
    for tool in request.tools:
        if LISTED in tool.meta and own:
            continue
        if tool.kind == "hosted" and not own:
            lost.append(f"tools.{tool.name}")
            continue
        spelled = _definition(tool, wire, own=own)
        if not own:
            lost += foreign_hints(tool.meta)
        namespace = tool.namespace or _group_of(tool)
        if not namespace:
            written.append(spelled)
        elif namespace in groups:
            groups[namespace].append(spelled)
        else:
            groups[namespace] = [spelled]
            around = tool.meta.get(GROUP) or {"type": "namespace", "name": namespace, "description": namespace}
            written.append({**around, "tools": groups[namespace]})
    return written


def _group_of(tool: Tool) -> str:
    around = tool.meta.get(GROUP)
    return str(around.get("name")) if is_object(around) else ""


def _definition(tool: Tool, wire: dict[str, str], *, own: bool) -> Json:
    if tool.kind == "hosted" or SEARCH in tool.meta:
        return tool.raw
    written: Json = dict(tool.raw) if own else {}
    written["type"] = tool.kind
    written["name"] = tool.own_name if tool.namespace else wire.get(tool.name, tool.name)
    if tool.description:
        written["description"] = tool.description
    if tool.kind == "custom":
        if tool.grammar:
            nested = tool.grammar.get("grammar")  # as chat completions have it
            written["format"] = {**nested, "type": "grammar"} if is_object(nested) else tool.grammar
        return written
    if tool.schema is not None or not own:
        written["parameters"] = {"type": "object", "properties": {}} if tool.schema is None else tool.schema
    written["strict"] = tool.strict or False
    return written


def read_choice(value: Any, tools: list[Tool]) -> tuple[ToolChoice | None, list[Tool]]:
    """Return which tool is to be called, and the tools among which: `allowed_tools` leaves fewer.

    Raises InvalidRequest for a choice that is none, or that names a tool nobody offers.
    """
    if value is None or not tools:  # a choice among nothing is none
        return None, tools
    if isinstance(value, str):
        return _mode(value, "tool_choice"), tools
    choice = fields_of(value, "tool_choice")
    if choice.get("type") != "allowed_tools":
        return ToolChoice("named", _find(choice, tools, "tool_choice").name), tools
    mode = _mode(named(choice.get("mode"), "tool_choice.mode"), "tool_choice.mode")
    allowed: list[Tool] = []
    for i, entry in enumerate(items_of(choice.get("tools"), "tool_choice.tools")):
        if not is_object(entry):
            raise wrong(f"tool_choice.tools[{i}]", "an object", entry)
        allowed.append(_find(entry, tools, f"tool_choice.tools[{i}]"))
    return mode, [tool for tool in tools if tool in allowed]


def _mode(value: str, where: str) -> ToolChoice:
    match value:
        case "auto" | "none" | "required":
            return ToolChoice(value)
        case _:
            raise InvalidRequest(
                f"{where} must be auto, none, required or an object, not {value!r}",
                hint=f"correct {where}",
                details=at(where),
            )


def _find(entry: Json, tools: list[Tool], where: str) -> Tool:
    kind = named(entry.get("type"), f"{where}.type")
    if kind not in ("function", "custom"):
        name = _hosted_name(kind, entry)
        known = (tool for tool in tools if tool.kind == "hosted" or SEARCH in tool.meta)
        found = next((tool for tool in known if tool.name == name), None)
    else:
        name = named(entry.get("name"), f"{where}.name")
        namespace = words(entry.get("namespace"), f"{where}.namespace")
        found = next(
            (t for t in tools if t.own_name == name and t.kind != "hosted" and namespace in ("", t.namespace)), None
        )
    if found is None:
        raise InvalidRequest(
            f"{where} names {name!r}, which is not among the tools", hint="add it to tools", details=at(where)
        )
    return found


def write_choice(request: Request, wire: dict[str, str]) -> str | Json:
    """Return the choice as Responses spells it."""
    choice = request.tool_choice
    if choice is None:
        return "auto"
    if choice.mode != "named":
        return choice.mode
    tool = request.tool(choice.name)
    if tool is None:
        return "auto"
    if tool.kind == "hosted" or SEARCH in tool.meta:
        label = tool.raw.get("server_label")
        written: Json = {"type": tool.raw.get("type", tool.name)}
        return {**written, "server_label": label} if label is not None else written
    if tool.namespace:
        return {"type": tool.kind, "name": tool.own_name, "namespace": tool.namespace}
    return {"type": tool.kind, "name": wire.get(tool.name, tool.name)}
