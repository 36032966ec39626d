"""The Responses dialect's server half: what clients send us, and how answers and faults are spelled to them.

Does no I/O. `read_ask` checks what flock itself relies on, `read_request` at every depth, naming the field that is
wrong; unknown fields, items and tools are kept and never refused. Refuses what needs a server that remembers: flock
keeps no conversations. Called by daemon/gateway.py and dialects/plan.py.
"""

from typing import Any

import orjson

from flock.dialects.ask import Ask
from flock.dialects.fold import replay
from flock.dialects.half import Addressing
from flock.dialects.history import parse
from flock.dialects.ir import Format, Json, Message, Reasoning, Reply, Request, Text
from flock.dialects.openai.checks import at, fields_of, items_of, named, number, switch, whole, words, wrong
from flock.dialects.openai.server import write_fault
from flock.dialects.responses.content import PLACE
from flock.dialects.responses.features import features_of
from flock.dialects.responses.items import SEND_ALL, every_item, read_items
from flock.dialects.responses.tools import flat_names, read_choice, read_tools
from flock.dialects.responses.words import DIALECT, EFFORTS, FIELDS, LOGPROBS, PATH
from flock.dialects.responses.writer import ResponsesWriter
from flock.errors import FlockError, InvalidRequest, Unsupported
from flock.plain import is_array, is_object
from flock.wire.sse import KEEPALIVE

STREAM_TYPE = "text/event-stream; charset=utf-8"

# What the middle has a place for; everything else is kept in `extras`.
_UNDERSTOOD = frozenset(
    {
        *("model", "input", "instructions", "stream", "tools", "tool_choice", "parallel_tool_calls", "reasoning"),
        *("text", "temperature", "top_p", "max_output_tokens", "top_logprobs", "prompt_cache_key", "user"),
        *("safety_identifier", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty", "stop"),
    }
)
_KNOWN_FORMATS = ("type", "name", "schema", "strict", "description")


def read_ask(raw: bytes, path: str) -> Ask:
    """Parse and check a request body sent to `path`. Raises InvalidRequest naming the field that is wrong.

    Lone surrogates are replaced, in `raw` too: no engine's parser takes them.
    """
    raw, body = _parsed(raw)
    if not is_object(body):
        raise wrong("the body", "an object", body)
    for name, value in body.items():
        rule = FIELDS.get(name)
        if rule is not None and (not isinstance(value, rule[0]) or (value.__class__ is bool and bool not in rule[0])):
            raise wrong(name, rule[1], value)
    _check_input(body)
    for i, tool in enumerate(body.get("tools") or ()):
        if not is_object(tool):
            raise wrong(f"tools[{i}]", "an object", tool)
    return Ask(
        dialect=DIALECT,
        endpoint="responses",
        path=path,
        raw=raw,
        body=body,
        model=body.get("model") or "",
        stream=body.get("stream") is True,
        wants_usage=True,
    )


def _parsed(raw: bytes) -> tuple[bytes, Any]:
    """Return a body and its bytes, written anew where half characters in it had to be replaced."""
    try:
        return raw, orjson.loads(raw)
    except ValueError:
        pass
    try:
        body = parse(raw)
        return orjson.dumps(body), body
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}", hint="send a JSON object") from None


def _check_input(body: Json) -> None:
    items = body.get("input")
    if isinstance(items, str):
        return
    if items is None and (body.get("previous_response_id") or body.get("prompt") or body.get("conversation")):
        return  # a server that remembers has the rest
    if not is_array(items):
        if "input" in body:
            raise wrong("input", "a string or an array", items)
        raise InvalidRequest("'input' is missing", hint="add an input", details=at("input"))
    for i, item in enumerate(items):
        if not is_object(item):
            raise wrong(f"input[{i}]", "an object", item)


def read_request(ask: Ask) -> Request:
    """Return what the client asks for.

    Raises InvalidRequest naming what is wrong, Unsupported for what a server would have to remember.
    """
    body = ask.body
    _refuse_memory(body)
    items = body.get("input")
    offered = read_tools(body, every_item(items))
    choice, tools = read_choice(body.get("tool_choice"), offered)
    messages = read_items(items, flat_names(offered))
    if instructions := words(body.get("instructions"), "instructions"):
        messages.insert(0, Message("system", [Text(instructions)], {PLACE: True}))
    if not messages:
        raise InvalidRequest("input is empty", hint="send at least one item", details=at("input"))
    include = items_of(body.get("include"), "include")
    request = Request(
        dialect=DIALECT,
        model=ask.model,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        parallel_tools=switch(body.get("parallel_tool_calls"), "parallel_tool_calls"),
        max_tokens=whole(body.get("max_output_tokens"), "max_output_tokens"),
        logprobs=True if LOGPROBS in include else None,
        top_logprobs=whole(body.get("top_logprobs"), "top_logprobs"),
        stream=ask.stream,
        wants_usage=True,
        user=words(body.get("safety_identifier"), "safety_identifier") or words(body.get("user"), "user"),
        session=words(body.get("prompt_cache_key"), "prompt_cache_key"),
    )
    _read_sampling(body, request)
    extras = {key: value for key, value in body.items() if key not in _UNDERSTOOD and value is not None}
    if extras.get("store") is False:  # nothing is kept anyway
        del extras["store"]
    _read_reasoning(body, request, extras)
    _read_text(body, request, extras)
    if extras:
        request.extras[DIALECT] = extras
    return request


def _refuse_memory(body: Json) -> None:
    for name in ("previous_response_id", "conversation", "background", "prompt"):
        if body.get(name):
            raise Unsupported(
                f"{name} needs a server that remembers, and flock keeps no conversations",
                hint=SEND_ALL,
                details=at(name),
            )


def _read_sampling(body: Json, request: Request) -> None:
    request.temperature = number(body.get("temperature"), "temperature")
    request.top_p = number(body.get("top_p"), "top_p")
    # not in the vendor's API, but engines take them on this path as well
    request.top_k = whole(body.get("top_k"), "top_k")
    request.min_p = number(body.get("min_p"), "min_p")
    request.seed = whole(body.get("seed"), "seed")
    request.presence_penalty = number(body.get("presence_penalty"), "presence_penalty")
    request.frequency_penalty = number(body.get("frequency_penalty"), "frequency_penalty")
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else items_of(stop, "stop")
    request.stop = [words(one, f"stop[{i}]") for i, one in enumerate(stops)]


def _read_reasoning(body: Json, request: Request, extras: Json) -> None:
    told = fields_of(body.get("reasoning"), "reasoning")
    effort = words(told.get("effort"), "reasoning.effort")
    # `generate_summary` is the name it had before
    summary = words(told.get("summary") or told.get("generate_summary"), "reasoning.summary")
    if effort in EFFORTS or summary:
        request.reasoning = Reasoning(effort=effort if effort in EFFORTS else "", summary=summary)
    understood = ("summary", "generate_summary") if effort not in EFFORTS else ("effort", "summary", "generate_summary")
    rest = {key: value for key, value in told.items() if key not in understood and value is not None and value != ""}
    if rest:
        extras["reasoning"] = rest


def _read_text(body: Json, request: Request, extras: Json) -> None:
    told = fields_of(body.get("text"), "text")
    request.verbosity = words(told.get("verbosity"), "text.verbosity")
    form = fields_of(told.get("format"), "text.format")
    rest = {key: value for key, value in told.items() if key not in ("verbosity", "format") and value is not None}
    if form:
        match named(form.get("type"), "text.format.type"):
            case "text" | "json_object" as kind:
                request.format = Format(kind)
            case "json_schema":
                request.format = Format(
                    "json_schema",
                    fields_of(form.get("schema"), "text.format.schema"),
                    words(form.get("name"), "text.format.name"),
                    switch(form.get("strict"), "text.format.strict"),
                    words(form.get("description"), "text.format.description"),
                )
            case _:
                rest["format"] = form
    if rest:
        extras["text"] = rest


def features(ask: Ask) -> frozenset[str]:
    """Return what the request uses of `profile.FEATURES`."""
    return features_of(ask.body)


def writer(request: Request, to: Addressing) -> ResponsesWriter:
    """Return the writer of one streamed answer."""
    return ResponsesWriter(request, to)


def write_reply(reply: Reply, request: Request, to: Addressing) -> bytes:
    """Return the body of a whole answer: what a stream of it ends with."""
    writing = ResponsesWriter(request, to)
    for event in replay(reply):
        writing.write(event)
    return orjson.dumps(writing.response())


def stream_fault(error: FlockError, request_id: str = "") -> bytes:
    """Return an error as the whole of a stream: `response.created`, then `response.failed`."""
    nobody = Request(DIALECT, "", [])
    return ResponsesWriter(nobody, Addressing(request_id, "")).fault(error)


def http_status(error: FlockError) -> int:
    """Return the status of an error: flock's own."""
    return error.status


__all__ = [
    "KEEPALIVE",
    "PATH",
    "STREAM_TYPE",
    "features",
    "http_status",
    "read_ask",
    "read_request",
    "stream_fault",
    "write_fault",
    "write_reply",
    "writer",
]
