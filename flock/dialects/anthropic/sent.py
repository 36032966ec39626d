"""The middle's Request as a Messages request.

Owns what the dialect demands of a whole request: a history in turns with paired calls, a limit, legal names, settings
that go together. A request that was read from this dialect goes out as it came, but for what no engine would take. Of
another dialect's everything that has no equivalent stands in `lost`, everything done instead in `edits`. Called by
`upstream.py`.
"""

from typing import Any

import orjson

from flock.dialects.anthropic.blocks import NAME
from flock.dialects.anthropic.settings import format_of, sampling, thinking_of
from flock.dialects.anthropic.words import DEFAULT_MAX_TOKENS, MAX_BREAKPOINTS, MESSAGES, VERSION
from flock.dialects.anthropic.writing import Blocks
from flock.dialects.custom_tools import as_function, is_custom
from flock.dialects.half import Outgoing
from flock.dialects.history import (
    alternate,
    called_tools,
    clean_json,
    notes,
    safe_names,
    signed_only,
    tidy,
    without_blanks,
)
from flock.dialects.ir import Json, Message, Part, Request, Text, Thinking, Tool, ToolCall
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_array, is_object


def write(request: Request, model: str, *, stream: bool) -> Outgoing:
    """Spell a request for a model of the upstream.

    Raises Unsupported for several answers, logprobs and parts without an equivalent, InvalidRequest for a conversation
    in which nothing is said.
    """
    _check(request)
    own = request.dialect == NAME
    tools = [tool for tool in request.tools if own or tool.kind != "hosted"]
    lost = [] if own else [f"tools.{tool.name}" for tool in request.tools if tool.kind == "hosted"]
    offered = bool(tools)
    if not own and not offered:  # an engine may refuse calls of tools it is not told of (pi#149)
        tools = called_tools(request.messages)
    wire = safe_names([*_names(tools), *(call.name for call in _calls(request.messages))])
    back = {real: name for name, real in wire.items()}
    custom = frozenset(call.name for call in _calls(request.messages) if is_custom(request, call))
    blocks = Blocks(own=own, wire=back, custom=custom)

    system, messages, edits = _conversation(request, own, blocks)
    body: Json = {"model": model, "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS}
    if system:
        body["system"] = system
    body["messages"] = messages
    if tools:
        body["tools"] = [_tool(tool, back, own) for tool in tools]
    thinking_of(request, body, lost, edits, own=own)
    _choose(request, body, back, offered, lost, edits)
    sampling(request, body, lost, edits, own=own)
    format_of(request, body, lost, edits)
    if stream:
        body["stream"] = True
    _extras(request, body, lost)
    return Outgoing(
        MESSAGES,
        _limited(_cleaned(body), edits),
        {"anthropic-version": VERSION},
        [*dict.fromkeys([*lost, *blocks.lost])],
        [*dict.fromkeys([*edits, *blocks.edits])],
        {name: real for name, real in wire.items() if name != real},
    )


def _check(request: Request) -> None:
    asked = [
        ("many", request.n is not None and request.n > 1, "n > 1"),
        ("logprobs", bool(request.logprobs), "logprobs"),
    ]
    for feature, wanted, words in asked:
        if wanted:
            raise Unsupported(f"the Anthropic dialect has no {words}", details={"unsupported": [feature]})


# -- the conversation


def _conversation(request: Request, own: bool, blocks: Blocks) -> tuple[str | list[Json], list[Json], list[str]]:
    """Return (system, messages, edits)."""
    messages, edits = tidy(request.messages)
    if not own:
        messages = _foreign(messages, blocks)
    messages = without_blanks(messages)
    # a system message with fields of its own is one of this dialect's late ones, wherever it stands
    begin = next((i for i, one in enumerate(messages) if one.role != "system" or (own and one.meta)), len(messages))
    head: list[Part] = [part for message in messages[:begin] for part in message.parts]
    turns: list[Json] = []
    for message in alternate(messages[begin:]):
        _add_turn(turns, message, blocks, own)
    if not turns:
        raise InvalidRequest("messages: must say something", details={"param": "messages"})
    return (blocks.content(head) if head else ""), turns, edits


def _foreign(messages: list[Message], blocks: Blocks) -> list[Message]:
    """Return another dialect's messages in this one's manners."""
    if any("name" in message.meta for message in messages):
        blocks.lost["messages[].name"] = None
    if any(isinstance(part, Thinking) for message in messages for part in message.parts):
        signed = signed_only(messages, NAME)
        if signed != messages:
            blocks.lost["thinking of earlier turns"] = None
        messages = signed
    noted = notes(messages)
    if noted != messages:
        blocks.edits["system words in mid-conversation became notes of the user"] = None
    messages = [_thinking_first(message) for message in alternate(noted)]
    last = messages[-1] if messages else None
    if last is not None and last.role == "assistant" and last.parts and isinstance(text := last.parts[-1], Text):
        # the vendor refuses an answer begun by the client that ends with white space
        messages[-1] = Message("assistant", [*last.parts[:-1], Text(text.text.rstrip(), text.meta)], last.meta)
    return messages


def _thinking_first(message: Message) -> Message:
    if message.role != "assistant" or not any(isinstance(part, Thinking) for part in message.parts):
        return message
    parts = sorted(message.parts, key=lambda part: not isinstance(part, Thinking))
    return Message("assistant", parts, message.meta)


def _add_turn(turns: list[Json], message: Message, blocks: Blocks, own: bool) -> None:
    """Add one message; results of tools and what the user says behind them are one turn of the user."""
    role = "user" if message.role == "tool" else message.role
    content = blocks.content(message.parts)
    if not content:
        return
    before = turns[-1] if turns else None
    if before is not None and before["role"] == role and role != "system":
        before["content"] = [*_listed(before["content"]), *_listed(content)]
        return
    turns.append({"role": role, "content": content, **(message.meta if own else {})})


def _listed(content: str | list[Json]) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


# -- tools


def _names(tools: list[Tool]) -> list[str]:
    return [tool.name for tool in tools if tool.kind != "hosted"]


def _calls(messages: list[Message]) -> list[ToolCall]:
    return [part for message in messages for part in message.parts if isinstance(part, ToolCall)]


def _tool(tool: Tool, wire: dict[str, str], own: bool) -> Json:
    if tool.kind == "hosted":
        return tool.raw
    name = wire[tool.name]
    if tool.kind == "custom":
        tool = as_function(tool)
    found: Json = {"name": name, "input_schema": tool.schema or {"type": "object"}}
    if tool.description:
        found["description"] = tool.description
    if own:
        if tool.strict is not None:
            found["strict"] = tool.strict
        if tool.deferred:
            found["defer_loading"] = True
        return {**found, **tool.meta}
    found["input_schema"] = {"type": "object", **found["input_schema"]}  # the dialect demands the type
    point = tool.meta.get("cache_control")
    return {**found, "cache_control": point} if is_object(point) else found


def _choose(
    request: Request, body: Json, wire: dict[str, str], offered: bool, lost: list[str], edits: list[str]
) -> None:
    """Set tool_choice: never without tools, never forced while the model thinks."""
    choice, parallel = request.tool_choice, request.parallel_tools
    if not body.get("tools"):
        if choice is not None and choice.mode not in ("auto", "none"):
            lost.append("tool_choice")
        return
    if not offered:  # the tools are only those of the history
        body["tool_choice"] = {"type": "none"}
        return
    if choice is None and parallel is not False:
        return
    mode = choice.mode if choice is not None else "auto"
    found: Json = {"type": {"required": "any", "named": "tool"}.get(mode, mode)}
    if mode == "named" and choice is not None:
        found["name"] = wire.get(choice.name, choice.name)
    thinks = body.get("thinking", {}).get("type") in ("enabled", "adaptive")
    if request.dialect != NAME and thinks and mode in ("required", "named"):
        found = {"type": "auto"}
        edits.append(f"tool_choice: {mode} → auto, since the model is to think")
    if parallel is not None and mode != "none" and (parallel is False or request.dialect == NAME):
        found["disable_parallel_tool_use"] = not parallel
    body["tool_choice"] = found


# -- what stands at the top


def _extras(request: Request, body: Json, lost: list[str]) -> None:
    for dialect, fields in request.extras.items():
        if dialect != NAME:
            lost += fields
            continue
        for path, value in fields.items():
            name, _, inner = path.partition(".")
            if not inner:
                body[name] = value
            elif name == "output_config" or name in body:  # the rest of a `thinking` that is no longer wanted goes too
                body.setdefault(name, {})[inner] = value


def _cleaned(body: Json) -> Json:
    """Return a body that can be written: lone surrogates, which no JSON can hold, are replaced."""
    try:
        orjson.dumps(body)
    except TypeError as error:
        if "surrogates" in str(error):
            return clean_json(body)
    return body


def _limited(body: Json, edits: list[str]) -> Json:
    """Return the body with its last four cache breakpoints: more are refused, and the last ones cover the most."""
    top = 1 if is_object(body.get("cache_control")) else 0
    surplus = len(_marked(body)) + top - MAX_BREAKPOINTS
    if surplus <= 0:
        return body
    try:
        body = orjson.loads(orjson.dumps(body))  # a copy: hints are shared with the request
    except TypeError:  # nested too deeply to be sent at all
        return body
    for block in _marked(body)[:surplus]:
        del block["cache_control"]
    edits.append(f"cache_control: {surplus} more than {MAX_BREAKPOINTS} breakpoints were left out")
    return body


def _marked(body: Json) -> list[Json]:
    """Return what holds a cache breakpoint, in the order of the prompt."""
    found: list[Any] = [*body.get("tools", ()), *_list(body.get("system"))]
    for message in body["messages"]:
        for block in _list(message["content"]):
            found += [*_list(block.get("content")), block] if block.get("type") == "tool_result" else [block]
    return [block for block in found if is_object(block) and is_object(block.get("cache_control"))]


def _list(value: Any) -> list[Any]:
    return value if is_array(value) else []
