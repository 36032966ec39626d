"""The Responses dialect's upstream half: what is asked of engines that speak it, and what they answer.

Does no I/O. Requests are stateless: `store` is false and everything is sent. Knobs the dialect does not have are left
out and reported, content it does not have is refused by name. Answers are understood by reader.py, in one piece as in
a stream. Called by dialects/plan.py.
"""

from typing import Any

from flock.dialects.fold import fold
from flock.dialects.half import Outgoing
from flock.dialects.history import safe_names
from flock.dialects.ir import Json, Reasoning, Reply, Request, ToolCall
from flock.dialects.responses.body import write_schema
from flock.dialects.responses.content import NAMESPACE
from flock.dialects.responses.input import write_input
from flock.dialects.responses.reader import ResponsesReader
from flock.dialects.responses.tools import write_choice, write_tools
from flock.dialects.responses.words import DIALECT, ENCRYPTED, PATH
from flock.errors import Unsupported, UpstreamError
from flock.plain import is_array, is_object
from flock.wire.sse import SSE

FRAMING = SSE

# knobs of other dialects, by the middle's name and the one the client used
_ABSENT = (
    *(("top_k", "top_k"), ("min_p", "min_p"), ("seed", "seed"), ("stop", "stop")),
    *(("presence_penalty", "presence_penalty"), ("frequency_penalty", "frequency_penalty")),
    *(("logit_bias", "logit_bias"), ("logprobs", "logprobs"), ("top_logprobs", "top_logprobs")),
)
# tokens of thinking up to which an effort is the nearest: Anthropic's least budget is 1024
_BUDGETS = ((2048, "low"), (16384, "medium"))


def write_request(request: Request, model: str, *, stream: bool) -> Outgoing:
    """Spell a request for a model of the upstream. Raises Unsupported naming a part that has no equivalent."""
    if request.n is not None and request.n > 1:
        raise Unsupported("more than one answer (n > 1) cannot be had from this engine", hint="leave n out")
    own = request.dialect == DIALECT
    wire = _wire_names(request)
    written = write_input(request, wire)
    lost = written.lost
    body: Json = {"model": model}
    if written.instructions:
        body["instructions"] = written.instructions
    body["input"] = written.items
    body["stream"] = stream
    tools = write_tools(request, wire, lost)
    if tools:
        body["tools"] = tools
        if request.tool_choice is not None:
            body["tool_choice"] = write_choice(request, wire)
        if request.parallel_tools is not None:
            body["parallel_tool_calls"] = request.parallel_tools
    elif request.parallel_tools is not None and own:
        body["parallel_tool_calls"] = request.parallel_tools
    _write_knobs(request, body, lost, own=own)
    _write_extras(request, body, lost, own=own)
    edits = written.edits
    if body.get("store"):
        edits = [*edits, "store: false, nothing is kept for later requests"]
    body["store"] = False
    return Outgoing(PATH, body, lost=list(dict.fromkeys(lost)), edits=edits, names=_names(request, wire))


def _wire_names(request: Request) -> dict[str, str]:
    """Return the name on the wire of every tool outside a namespace, offered or called in the history."""
    names = [tool.name for tool in request.tools if tool.kind != "hosted" and not tool.namespace]
    inside = {tool.name for tool in request.tools if tool.namespace}
    for message in request.messages:
        names += [
            part.name
            for part in message.parts
            if isinstance(part, ToolCall) and part.name not in inside and NAMESPACE not in part.meta
        ]
    return {real: sent for sent, real in safe_names(names).items()}


def _names(request: Request, wire: dict[str, str]) -> dict[str, str]:
    """Return the names on the wire that differ from the middle's; a call in a namespace is read as both joined."""
    names = {sent: real for real, sent in wire.items() if sent != real}
    for tool in request.tools:
        if tool.namespace and f"{tool.namespace}__{tool.own_name}" != tool.name:
            names[f"{tool.namespace}__{tool.own_name}"] = tool.name
    return names


def _write_knobs(request: Request, body: Json, lost: list[str], *, own: bool) -> None:
    for name, value in (
        ("max_output_tokens", request.max_tokens),
        ("temperature", request.temperature),
        ("top_p", request.top_p),
    ):
        if value is not None:
            body[name] = value
    for name, told in _ABSENT:
        value = getattr(request, name)
        if value is None or value == []:
            continue
        if own and name != "logprobs":  # the client's own words, and engines take them; logprobs stands in `include`
            body[told] = value
        elif not own:
            lost.append(told)
    if request.reasoning is not None and (reasoning := _reasoning(request.reasoning)):
        body["reasoning"] = reasoning
    text: Json = {}
    if request.format is not None:
        text["format"] = (
            write_schema(request) if request.format.kind == "json_schema" else {"type": request.format.kind}
        )
    if request.verbosity:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text


def _reasoning(asked: Reasoning) -> Json:
    effort = asked.effort
    if not effort and asked.mode == "off":
        effort = "none"
    if not effort and asked.budget is not None:
        effort = next((word for limit, word in _BUDGETS if asked.budget <= limit), "high")
    found: Json = {"effort": effort} if effort else {}
    return {**found, "summary": asked.summary} if asked.summary else found


def _write_extras(request: Request, body: Json, lost: list[str], *, own: bool) -> None:
    """Put back the fields of this dialect, and ask for reasoning that can be sent again; report those of others."""
    for dialect, extras in request.extras.items():
        if dialect != DIALECT:
            lost += extras
            continue
        for name, value in extras.items():
            before = body.get(name)
            body[name] = {**before, **value} if is_object(before) and is_object(value) else value
    if own:
        include: Any = body.get("include")
        asked = list(include) if is_array(include) else []
        body["include"] = asked if ENCRYPTED in asked else [*asked, ENCRYPTED]


def read_reply(body: Json, names: dict[str, str]) -> Reply:
    """Return the reply a whole answer amounts to: what a stream that ends with it would fold into.

    Raises UpstreamError for an answer that failed, or is none.
    """
    if not is_array(body.get("output")) and not is_object(body.get("error")):
        raise UpstreamError("the engine's answer has no output", hint="send the request again")
    return fold(ResponsesReader(names).whole(body))


def reader(names: dict[str, str]) -> ResponsesReader:
    """Return the reader of one streamed answer."""
    return ResponsesReader(names)
