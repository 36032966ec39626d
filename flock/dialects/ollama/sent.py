"""Requests as flock writes them for a real Ollama, from a conversation in any dialect.

Does no I/O. Everything that is left out is reported, in the client's own words; what has no equivalent and cannot be
left out is refused. Deterministic: the same conversation is the same bytes, for the engine's prefix cache.

Says `truncate: false` with every request, since Ollama otherwise drops the oldest messages of a prompt that is longer
than its window, without a word; versions that know the field refuse such a prompt, older ones ignore it (window.py is
for them). Never says `shift`: an Ollama that keeps a model loaded with another value loads it anew (server/sched.go).
Reached as `upstream.write_request`; called by the plan.
"""

from typing import Any

from flock.dialects import history
from flock.dialects.custom_tools import as_function
from flock.dialects.efforts import ollama_think
from flock.dialects.half import Outgoing
from flock.dialects.ir import Format, Json, Message, Opaque, Request, Tool, ToolCall
from flock.dialects.ollama.words import (
    CHAT,
    EFFORT_BY_BUDGET,
    GENERATE,
    GENERATED,
    LEVELS,
    NAME,
    NUMBERS,
    WHOLE_NUMBERS,
)
from flock.dialects.ollama.writing import Turns
from flock.dialects.openai.offers import offered
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_object

# what clients of each dialect call the fields of the middle
_PARALLEL = {"anthropic": "tool_choice.disable_parallel_tool_use"}
_VERBOSITY = {"responses": "text.verbosity"}


def write_request(
    request: Request, model: str, *, stream: bool, num_ctx: int | None = None, thinks: bool | None = None
) -> Outgoing:
    """Spell a request for a model of an Ollama. Raises Unsupported naming a part that has no equivalent.

    `num_ctx`: the window in tokens the model is to have (`window.num_ctx` tells it), in place of what the client asked
    for; None leaves it to the client and the server. `thinks`: whether the model does, as /api/show tells by the
    capability "thinking": one that does not is not asked to, since Ollama refuses that. None: not known.
    """
    if request.n is not None and request.n > 1:
        raise Unsupported("Ollama gives one answer (n > 1)", hint="leave n out", details={"unsupported": ["many"]})
    own = request.dialect in (NAME, GENERATED)
    messages, edits = history.tidy(request.messages)
    tools = offered(request, messages)
    called = [part.name for message in messages for part in message.parts if isinstance(part, ToolCall)]
    names = history.safe_names([*(tool.name for tool in tools), *called])
    wire = {real: spelled for spelled, real in names.items() if spelled != real}
    turns = Turns(own, wire, frozenset(tool.name for tool in request.tools if tool.kind == "custom"))
    body: Json = {"model": model, "stream": stream}
    generated = request.dialect == GENERATED
    body |= _prompt(messages, turns) if generated else _chat(messages, turns)
    lost = [*turns.lost, *(f"tools.{tool.name}" for tool in request.tools if tool.kind == "hosted")]
    edits += turns.edits
    _write_tools(request, tools, wire, body, lost, edits)
    _write_knobs(request, body, lost)
    _write_think(request, body, thinks, lost, edits)
    _write_extras(request, body, lost, own=own)
    body.setdefault("truncate", False)
    if num_ctx is not None:
        body.setdefault("options", {})["num_ctx"] = num_ctx
    return Outgoing(
        GENERATE if generated else CHAT,
        body,
        lost=list(dict.fromkeys(lost)),
        edits=list(dict.fromkeys(edits)),
        names={spelled: real for spelled, real in names.items() if spelled != real},
    )


# -- the conversation


def _chat(messages: list[Message], turns: Turns) -> Json:
    told = turns.write(messages)
    if not told:
        raise InvalidRequest("the conversation says nothing", hint="send at least one message with text")
    return {"messages": told}


def _prompt(messages: list[Message], turns: Turns) -> Json:
    """Return the fields of a generate request: what the conversation it was read into is made of."""
    found: Json = {"prompt": ""}
    for message in messages:
        own = [part for part in message.parts if isinstance(part, Opaque) and part.dialect == NAME]
        text, shown = turns.content([part for part in message.parts if part not in own])
        for part in own:
            found |= part.value
        if message.role == "system":
            found["system"] = text
            continue
        found["prompt"] = text
        if shown:
            found["images"] = shown
    return found


# -- tools


def _write_tools(
    request: Request, tools: list[Tool], wire: dict[str, str], body: Json, lost: list[str], edits: list[str]
) -> None:
    """Put the tools into a body. Ollama has no tool_choice: what can be done about one is done by what is offered."""
    choice = request.tool_choice
    if not tools:
        return
    if request.parallel_tools is False:
        lost.append(_PARALLEL.get(request.dialect, "parallel_tool_calls"))
    if choice is not None and choice.mode == "none":
        edits.append("tool_choice none: no tools are offered")
        return
    if choice is not None and choice.mode == "required":
        lost.append("tool_choice")
    elif choice is not None and choice.mode == "named":
        named = [tool for tool in tools if tool.name == choice.name]
        edits.append(f"tool_choice: only {choice.name} is offered" if named else "tool_choice: dropped")
        lost.append("tool_choice")
        tools = named or tools
    own = request.dialect == NAME
    body["tools"] = [_tool(tool, wire, own) for tool in tools]


def _tool(tool: Tool, wire: dict[str, str], own: bool) -> Json:
    if tool.kind == "custom":
        tool = as_function(tool)
    name = wire.get(tool.name, tool.name)
    if own:
        raw: Any = tool.raw.get("function")
        return {**tool.raw, "function": {**(raw if is_object(raw) else {}), "name": name}}
    function: Json = {"name": name}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": {**function, "parameters": _schema(tool.schema)}}


def _schema(schema: Json | None) -> Json:
    """Return the parameters of a tool as Ollama's parser takes them.

    It wants a type that is one string, and properties that are objects: `true` for one is a 400 (api/types.go).
    """
    found: Json = {"type": "object", "properties": {}, **(schema or {})}
    if not isinstance(found["type"], str):
        found["type"] = "object"
    properties: Any = found["properties"]
    if is_object(properties) and not all(is_object(one) for one in properties.values()):
        found["properties"] = {name: one if is_object(one) else {} for name, one in properties.items()}
    return found


# -- knobs


def _write_knobs(request: Request, body: Json, lost: list[str]) -> None:
    options: Json = {}
    if request.max_tokens is not None:
        options["num_predict"] = request.max_tokens
    for name in (*NUMBERS, *WHOLE_NUMBERS):
        if (value := getattr(request, name)) is not None:
            options[name] = value
    if request.stop:
        options["stop"] = request.stop
    if options:
        body["options"] = options
    if request.format is not None and (form := _format(request.format)) is not None:
        body["format"] = form
    for name in ("logprobs", "top_logprobs"):
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.logit_bias:
        lost.append("logit_bias")
    if request.verbosity:
        lost.append(_VERBOSITY.get(request.dialect, "verbosity"))


def _format(wanted: Format) -> Any:
    if wanted.kind == "json_schema":
        return wanted.schema or "json"
    return "json" if wanted.kind == "json_object" else None


def _write_think(request: Request, body: Json, thinks: bool | None, lost: list[str], edits: list[str]) -> None:
    wanted = request.reasoning
    if wanted is None:
        return
    if wanted.summary:
        lost.append("reasoning.summary")
    if wanted.mode == "off" or wanted.effort == "none":
        body["think"] = False
        return
    if thinks is False:
        lost.append("reasoning: the model does not think")
        return
    if request.dialect in (NAME, GENERATED) and wanted.effort in LEVELS:
        body["think"] = wanted.effort
    elif wanted.effort:
        body["think"] = ollama_think(wanted.effort)
        if body["think"] != wanted.effort:
            edits.append(f"an effort of {wanted.effort}: sent as think {body['think']}")
    elif wanted.budget is not None:
        body["think"] = next((level for limit, level in EFFORT_BY_BUDGET if wanted.budget <= limit), "high")
        edits.append(f"a thinking budget of {wanted.budget} tokens: sent as think {body['think']}")
    elif wanted.mode == "on":
        body["think"] = True
    elif wanted.mode == "adaptive":  # what a model that thinks does unasked
        edits.append("thinking: as the model does by itself")


def _write_extras(request: Request, body: Json, lost: list[str], *, own: bool) -> None:
    """Put back what the client sent beside the known fields, where it speaks this dialect; name what is left out."""
    for dialect, fields in request.extras.items():
        if dialect != NAME or not own:
            lost += fields
            continue
        for path, value in fields.items():
            name, _, inner = path.partition(".")
            if name == "options" and inner:
                body.setdefault("options", {})[inner] = value
            else:
                body.setdefault(path, value)
