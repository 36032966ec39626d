"""A Messages request as the middle's Request.

Owns the reading of messages, tools and settings, and the checks that name a path. What only this dialect knows goes
into `extras["anthropic"]`, by the name of the field or, inside `thinking` and `output_config`, by its path
("thinking.display"). Refuses to repair a history (see `history.py`). Called by `server.py`.
"""

from collections.abc import Mapping
from typing import Any

from flock.dialects import history
from flock.dialects.anthropic.blocks import NAME, read_block, read_content
from flock.dialects.anthropic.check import (
    an_array,
    an_object,
    flag_in,
    missing,
    refused,
    rest_of,
    text_in,
    whole_in,
    wrong,
)
from flock.dialects.anthropic.words import READ
from flock.dialects.ask import Ask
from flock.dialects.ir import Format, Json, Message, Part, Reasoning, Request, Tool, ToolCall, ToolChoice, ToolResult
from flock.errors import InvalidRequest
from flock.plain import is_array, is_object

# what stands in the turns of one role only
_ASSISTANTS = frozenset({"tool_use", "thinking", "redacted_thinking"})


def read(ask: Ask) -> Request:
    """Return what the client asks for. Raises InvalidRequest naming the path of what is wrong."""
    body = ask.body
    extras: Json = {name: value for name, value in body.items() if name not in READ and value is not None}
    messages = _system(body.get("system"))
    for i, message in enumerate(an_array(body.get("messages"), "messages")):
        messages += _messages(message, f"messages.{i}")
    choice, parallel = _tool_choice(body.get("tool_choice"))
    user, session = _ids(body.get("metadata"), ask.headers)
    reasoning, format = _reasoning(body, extras), _format(body, extras)
    return Request(
        dialect=NAME,
        model=ask.model,
        messages=messages,
        tools=[_tool(tool, f"tools.{i}") for i, tool in enumerate(body.get("tools") or ())],
        tool_choice=choice,
        parallel_tools=parallel,
        max_tokens=body.get("max_tokens"),
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        top_k=body.get("top_k"),
        stop=_stop(body.get("stop_sequences")),
        reasoning=reasoning,
        format=format,
        stream=ask.stream,
        wants_usage=True,
        user=user,
        session=session,
        extras={NAME: extras} if extras else {},
    )


# -- messages


def _system(value: Any) -> list[Message]:
    if not value:
        return []
    if isinstance(value, str):
        return [Message("system", read_content(value, "system"))]
    return [Message("system", [_system_block(block, f"system.{i}") for i, block in enumerate(value)])]


def _system_block(block: Any, path: str) -> Part:
    part = read_block(block, path)
    if isinstance(part, ToolCall | ToolResult):
        raise refused(f"{path}.type", "a system prompt is made of text blocks")
    return part


def _messages(message: Any, path: str) -> list[Message]:
    """Return the messages of one: a user's results of tools become a message of their own, before the user's words."""
    fields = an_object(message, path)
    role = text_in(fields, "role", path)
    meta = rest_of(fields, "role", "content")
    if role == "system":
        return [Message("system", _late_system(fields.get("content"), path), meta)]
    if role not in ("user", "assistant"):
        raise InvalidRequest(
            f"{path}.role: must be 'user', 'assistant' or 'system', not '{role}'", details={"param": f"{path}.role"}
        )
    if "content" not in fields:
        raise missing(f"{path}.content")
    content = fields["content"]
    parts = read_content(content, f"{path}.content")
    if is_array(content):
        _check_roles(content, role, path)
    if role == "assistant":
        return [Message("assistant", parts, meta)]
    results = [part for part in parts if isinstance(part, ToolResult)]
    if not results:
        return [Message("user", parts, meta)]
    rest: list[Part] = [part for part in parts if not isinstance(part, ToolResult)]
    return [Message("tool", [*results]), *([Message("user", rest, meta)] if rest else [])]


def _late_system(content: Any, path: str) -> list[Part]:
    if content is None or isinstance(content, str):
        return read_content(content, path) if content else []
    blocks = an_array(content, f"{path}.content")
    return [_system_block(block, f"{path}.content.{i}") for i, block in enumerate(blocks)]


def _check_roles(blocks: list[Any], role: str, path: str) -> None:
    for i, block in enumerate(blocks):
        kind = block["type"]
        if kind == "tool_result" and role != "user":
            raise refused(f"{path}.content.{i}.type", "tool_result blocks stand in messages of the user")
        if kind in _ASSISTANTS and role != "assistant":
            raise refused(f"{path}.content.{i}.type", f"{kind} blocks stand in messages of the assistant")


# -- tools


def _tool(tool: Any, path: str) -> Tool:
    fields = an_object(tool, path)
    kind = text_in(fields, "type", path, default="custom")
    schema = fields.get("input_schema")
    if schema is None and kind != "custom":
        # the vendor's tools are known by their type; toolsets have no name
        return Tool(
            text_in(fields, "name", path, default=kind),
            kind="hosted",
            deferred=flag_in(fields, "defer_loading", path) or False,
            raw=fields,
        )
    name = text_in(fields, "name", path)
    if not name:
        raise refused(f"{path}.name", "is empty")
    if "input_schema" not in fields:
        raise missing(f"{path}.input_schema")
    return Tool(
        name,
        text_in(fields, "description", path, default=""),
        an_object(schema, f"{path}.input_schema"),
        flag_in(fields, "strict", path),
        deferred=flag_in(fields, "defer_loading", path) or False,
        raw=fields,
        meta=rest_of(fields, "type", "name", "description", "input_schema", "strict", "defer_loading"),
    )


def _tool_choice(value: Any) -> tuple[ToolChoice | None, bool | None]:
    """Return the choice, and whether tools may be called in parallel."""
    if not is_object(value):
        return None, None
    kind = text_in(value, "type", "tool_choice")
    disabled = flag_in(value, "disable_parallel_tool_use", "tool_choice")
    parallel = None if disabled is None else not disabled
    match kind:
        case "auto":
            return ToolChoice("auto"), parallel
        case "any":
            return ToolChoice("required"), parallel
        case "none":
            return ToolChoice("none"), parallel
        case "tool":
            return ToolChoice("named", text_in(value, "name", "tool_choice")), parallel
        case _:
            words = "must be 'auto', 'any', 'tool' or 'none', not"
            raise refused("tool_choice.type", f"{words} '{kind}'")


# -- settings


def _stop(value: Any) -> list[str]:
    sequences: list[Any] = value or []
    for i, sequence in enumerate(sequences):
        if not isinstance(sequence, str):
            raise wrong(f"stop_sequences.{i}", "a string", sequence)
    return list(sequences)


def _reasoning(body: Json, extras: Json) -> Reasoning | None:
    """Return how much the model is to think; the rest of `thinking` goes into the extras."""
    config: Json = body.get("output_config") or {}
    effort = text_in(config, "effort", "output_config", default="")
    thinking = body.get("thinking")
    if not is_object(thinking):
        return Reasoning(effort=effort) if effort else None
    kind = text_in(thinking, "type", "thinking")
    rest = rest_of(thinking, "type", "budget_tokens")
    summary = "auto" if thinking.get("display") == "summarized" else ""
    match kind:
        case "enabled":
            found = Reasoning("on", effort, whole_in(thinking, "budget_tokens", "thinking"), summary)
        case "adaptive":
            found = Reasoning("adaptive", effort, None, summary)
        case "disabled":
            found = Reasoning("off", effort)
        case _:
            extras["thinking"] = thinking
            return Reasoning(effort=effort) if effort else None
    extras.update({f"thinking.{name}": value for name, value in rest.items()})
    return found


def _format(body: Json, extras: Json) -> Format | None:
    """Return the form of the answer; the rest of `output_config` goes into the extras."""
    config: Json = body.get("output_config") or {}
    rest = rest_of(config, "effort", "format")
    path, given = "output_config.format", config.get("format")
    if given is None:
        path, given = "output_format", body.get("output_format")
    found = None
    if given is not None:
        fields = an_object(given, path)
        if text_in(fields, "type", path) == "json_schema":
            found = Format("json_schema", an_object(fields.get("schema"), f"{path}.schema"))
        else:
            rest["format"] = fields
    extras.update({f"output_config.{name}": value for name, value in rest.items()})
    return found


def _ids(metadata: Any, headers: Mapping[str, str]) -> tuple[str, str]:
    """Return (user, session): the client's own ids. Claude Code has its session in a header and inside the user id."""
    user = metadata.get("user_id") if is_object(metadata) else None
    user = user if isinstance(user, str) else ""
    session = headers.get("x-claude-code-session-id", "")
    if session or not user:
        return user, session
    if user.startswith("{"):
        try:
            inner = history.parse(user)
        except ValueError:
            return user, ""
        found = inner.get("session_id") if is_object(inner) else None
        return user, found if isinstance(found, str) else ""
    return user, user.partition("_session_")[2]
