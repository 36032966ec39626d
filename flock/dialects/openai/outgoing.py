"""Requests as flock writes them for engines that speak chat completions, from a conversation in any dialect.

Does no I/O. Everything that is left out is reported, in the client's own words; what has no equivalent and cannot be
left out is refused. Deterministic: the same conversation is the same bytes, for the engines' prefix caches. Reached as
`upstream.write_request`; called by the plan.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from flock.dialects import history
from flock.dialects.half import Outgoing
from flock.dialects.ir import Format, Request, ToolCall
from flock.dialects.openai.completions import DIALECT as COMPLETIONS
from flock.dialects.openai.offers import offered, write_tools
from flock.dialects.openai.turns import Turns
from flock.dialects.openai.words import CHAT
from flock.errors import InvalidRequest
from flock.plain import is_object

# OpenAI's own limit, and that of engines which check it
MAX_STOPS = 4
# How much thinking a budget of tokens is: half the budget Claude Code sends by default is "medium"
_EFFORT_BY_BUDGET = ((2048, "low"), (16384, "medium"))
# what clients of each dialect call the fields of the middle
_STOP_NAMES = {"anthropic": "stop_sequences"}
_VERBOSITY_NAMES = {"responses": "text.verbosity"}
# knobs that are the same on both sides: the middle's name, the wire's
_KNOBS = (
    *("max_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "seed", "n"),
    *("logprobs", "top_logprobs", "logit_bias"),
)


def write_request(
    request: Request,
    model: str,
    *,
    stream: bool,
    late_system: str = "keep",
    system_role: str = "system",
    history_thinking: bool = False,
    template: Mapping[str, object] | None = None,
) -> Outgoing:
    """Spell a request for a model of a chat engine. Raises Unsupported naming a part that has no equivalent.

    `late_system`: what becomes of system words in mid-conversation: "keep" them, a note of the "user" in their place,
    or "hoist" them to the first system message. `system_role`: the role of system messages. `history_thinking`: send
    thinking of earlier turns as `reasoning_content`. `template`: what goes into `chat_template_kwargs`.
    """
    messages, edits = history.tidy(request.messages)
    called = [p.name for m in messages for p in m.parts if isinstance(p, ToolCall)]
    names = history.safe_names([*(tool.name for tool in offered(request, messages)), *called])
    wire = {real: spelled for spelled, real in names.items() if spelled != real}
    own = request.dialect == "openai"
    turns = Turns(
        own,
        wire,
        frozenset(tool.name for tool in request.tools if tool.kind == "custom"),
        late_system,
        system_role,
        history_thinking,
    )
    body: dict[str, Any] = {"model": model, "messages": turns.write(messages)}
    if not body["messages"]:
        raise InvalidRequest("the conversation says nothing", hint="send at least one message with text")
    lost = [*turns.lost]
    edits += [*turns.edits, *write_tools(request, messages, wire, body)]
    lost += [f"tools.{tool.name}" for tool in request.tools if tool.kind == "hosted"]
    lost += _write_knobs(request, body)
    edits += _write_reasoning(request, body, lost)
    if template:
        body["chat_template_kwargs"] = dict(template)
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    lost += _write_extras(request, body)
    out = {spelled: real for spelled, real in names.items() if spelled != real}
    return Outgoing(CHAT, body, lost=list(dict.fromkeys(lost)), edits=list(dict.fromkeys(edits)), names=out)


def _write_knobs(request: Request, body: dict[str, Any]) -> list[str]:
    lost: list[str] = []
    for name in _KNOBS:
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.stop:
        # who speaks the dialect knows what their engine takes
        body["stop"] = request.stop if request.dialect == "openai" else request.stop[:MAX_STOPS]
        if len(body["stop"]) < len(request.stop):
            lost.append(f"{_STOP_NAMES.get(request.dialect, 'stop')}[{MAX_STOPS}:]")
    if request.format is not None:
        body["response_format"] = _format(request.format)
    if request.verbosity:
        if request.dialect == "openai":
            body["verbosity"] = request.verbosity
        else:
            lost.append(_VERBOSITY_NAMES.get(request.dialect, "verbosity"))
    return lost


def _format(wanted: Format) -> dict[str, Any]:
    if wanted.kind != "json_schema":
        return {"type": wanted.kind}
    inner: dict[str, Any] = {"name": wanted.name or "answer", "schema": wanted.schema or {}}
    if wanted.strict is not None:
        inner["strict"] = wanted.strict
    if wanted.description:
        inner["description"] = wanted.description
    return {"type": "json_schema", "json_schema": inner}


def _write_reasoning(request: Request, body: dict[str, Any], lost: list[str]) -> list[str]:
    wanted = request.reasoning
    if wanted is None:
        return []
    if request.dialect == "openai":
        if wanted.effort:
            body["reasoning_effort"] = wanted.effort
        if wanted.mode:
            kind = {"off": "disabled", "on": "enabled", "adaptive": "adaptive"}[wanted.mode]
            budget = {} if wanted.budget is None else {"budget_tokens": wanted.budget}
            body["thinking"] = {"type": kind, **budget}
        return []
    if wanted.summary and request.dialect == "responses":  # Gemini's includeThoughts wants them as they come
        lost.append("reasoning.summary")
    effort = "none" if wanted.mode == "off" else wanted.effort
    if effort:
        body["reasoning_effort"] = effort
    elif wanted.budget is not None:
        effort = next((effort for limit, effort in _EFFORT_BY_BUDGET if wanted.budget <= limit), "high")
        body["reasoning_effort"] = effort
        return [f"a thinking budget of {wanted.budget} tokens: sent as reasoning_effort {effort}"]
    return []


def _write_extras(request: Request, body: dict[str, Any]) -> list[str]:
    """Merge what the client sent beside the known fields, where it speaks this dialect; return what is left out."""
    lost: list[str] = []
    for dialect, name, value in _extras(request):
        if dialect != "openai" or request.dialect not in ("openai", COMPLETIONS):
            lost.append(name)
        elif name not in body:
            body[name] = value
        elif is_object(here := body[name]) and is_object(value):
            body[name] = {**value, **here}
    return lost


def _extras(request: Request) -> Iterator[tuple[str, str, Any]]:
    for dialect, fields in request.extras.items():
        for name, value in fields.items():
            yield dialect, name, value
