"""All pairs of an upstream's dialect and a client's: the corpora, how a request crosses, what each client makes of it.

Used by the tests of the laws over all pairs, test_pairs*.py. What a client understands is read by the vendor's own
library; what it should have understood is told here by hand, by each dialect's words.
"""

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from anthropic.types import Message as AnthropicMessage
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from flock.dialects.custom_tools import CUSTOM
from flock.dialects.fold import fold
from flock.dialects.half import Addressing
from flock.dialects.ir import Event, Refusal, Reply, Text, Thinking, ToolCall, Usage
from flock.dialects.plan import Target, plan
from flock.dialects.table import SERVERS, UPSTREAMS
from flock.dialects.translate import Crossing, TranslationTap
from flock.errors import UpstreamError
from flock.profile import Profile
from tests.grammar.anthropic import read as read_messages
from tests.grammar.openai import check as check_chunks
from tests.grammar.openai import frames_of
from tests.grammar.responses import Grammar as ResponsesGrammar
from tests.unit.dialects.anthropic.reading import sdk_stream
from tests.unit.dialects.responses.writing import accumulated

Json = dict[str, Any]
CORPUS = Path(__file__).resolve().parents[2] / "corpus"
DIALECTS = ("openai", "anthropic", "responses")
TO = Addressing("req_0123456789abcdef", "alias", 1_795_691_335, 77)

_STREAMS = {"openai": "openai/streams/*.sse", "anthropic": "anthropic/*.sse", "responses": "responses/*.sse"}
_REPLIES = {
    "openai": "openai/replies/*.json",
    "anthropic": "anthropic/*.reply.json",
    "responses": "responses/*.reply.json",
}
# (upstream's dialect, case)
STREAMS = [(of, path.stem) for of in DIALECTS for path in sorted(CORPUS.glob(_STREAMS[of]))]
REPLIES = [(of, path.name.partition(".")[0]) for of in DIALECTS for path in sorted(CORPUS.glob(_REPLIES[of]))]
# streams that end badly, or not at all
BROKEN = frozenset(
    {
        *(("openai", name) for name in ("cut-inside-frame", "cut-midway", "event-error", "garbage")),
        *(("openai", name) for name in ("old-llamacpp-error", "openrouter-error", "vllm-error-midway")),
        *(("anthropic", name) for name in ("broken", "cut")),
        *(("responses", name) for name in ("cut", "error_event", "failed", "failed_overflow", "plain_error")),
    }
)
GOOD = [case for case in STREAMS if case not in BROKEN]

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "responses": "/v1/responses"}
# the tools that the answers of the corpora call
_FUNCTIONS = ("get_weather", "get_time", "look", "now", "ping", "f", "g", "later")
_SCHEMA = {"type": "object", "properties": {}}
_HI = [{"role": "user", "content": "hi"}]
_ASKED: dict[str, Json] = {
    "openai": {
        "messages": _HI,
        "stream_options": {"include_usage": True},
        "tools": [{"type": "function", "function": {"name": name, "parameters": _SCHEMA}} for name in _FUNCTIONS],
    },
    "anthropic": {
        "messages": _HI,
        "max_tokens": 9,
        "tools": [{"name": name, "input_schema": _SCHEMA} for name in _FUNCTIONS],
    },
    "responses": {
        "input": _HI,
        "tools": [
            *({"type": "function", "name": name, "parameters": _SCHEMA, "strict": False} for name in _FUNCTIONS),
            {"type": "custom", "name": "apply_patch"},
            {
                "type": "namespace",
                "name": "multi_agent_v1",
                "description": "agents",
                "tools": [{"type": "function", "name": "spawn_agent", "parameters": _SCHEMA, "strict": False}],
            },
        ],
    },
}


def stream(case: tuple[str, str]) -> bytes:
    """Return the bytes of a stream of a corpus."""
    of, name = case
    return (CORPUS / _STREAMS[of].replace("*", name)).read_bytes()


def name_of(case: tuple[str, str]) -> str:
    """Return a case's name, for the names of tests."""
    return "-".join(case)


# Streams are short so that every byte can be a cut. Of the few longer ones it is every seventh: frames of one stream
# differ in length, so that the cuts still fall on all kinds of places, and the whole stays below a minute.
_LONG, _STEP = 3000, 7


def cuts(data: bytes) -> range:
    """Return where a stream is cut."""
    return range(1, len(data), _STEP if len(data) > _LONG else 1)


def reply(case: tuple[str, str]) -> bytes:
    """Return the bytes of a whole answer of a corpus."""
    of, name = case
    return (CORPUS / _REPLIES[of].replace("*", name)).read_bytes()


@functools.cache
def crossing(upstream: str, client: str, *, streams: bool = True) -> Crossing:
    """Return how the answer to a client's request crosses, as the plan of that request has it."""
    body = json.dumps({"model": "alias", "stream": streams, **_ASKED[client]}).encode()
    ask = SERVERS[client].read_ask(body, PATHS[client])
    made = plan(ask, Target("m", Profile("x", "X", frozenset({upstream}))))
    assert made.crossing is not None
    return made.crossing()


def own_fold(case: tuple[str, str]) -> Reply:
    """Return what a stream amounts to for the upstream's own half, with nothing in between."""
    reader, found = UPSTREAMS[case[0]].reader({}), list[Event]()
    # a frame ends with a blank line; the last one of some streams never does
    data = stream(case).replace(b"\r\n", b"\n")
    for frame in data.split(b"\n\n"):
        found += reader.read(frame + b"\n\n") if frame else []
    return fold([*found, *reader.close()])


def own_reply(case: tuple[str, str]) -> Reply:
    """Return what a whole answer amounts to for the upstream's own half."""
    return UPSTREAMS[case[0]].read_reply(json.loads(reply(case)), {})


# -- a client's side of a stream


BROKE_OFF = UpstreamError("the engine broke off in the middle of its answer")


def ended(tap: TranslationTap) -> bytes:
    """Return what the door sends behind a stream that has ended by itself."""
    tap.end()
    return tap.close() if tap.finished else tap.write_fault(BROKE_OFF)


def sent(crossing: Crossing, pieces: Iterable[bytes]) -> bytes:
    """Return all that a client gets of an upstream's stream that comes in these pieces."""
    tap = crossing.tap(TO)
    return b"".join([tap.feed(piece) for piece in pieces]) + ended(tap)


def whole_stream(client: str, data: bytes) -> None:
    """Check a stream that ended well by the grammar of the client's dialect."""
    if client == "anthropic":
        grammar = read_messages(data)
        assert grammar.error is None, grammar.error
        assert grammar.stopped
    elif client == "openai":
        check_chunks(data, wants_usage=True)
    else:
        assert _responses(data)["status"] in ("completed", "incomplete")


def broken_stream(client: str, data: bytes) -> None:
    """Check a stream that broke by the grammar: the error is last, and nothing says that the answer is over."""
    if client == "anthropic":
        grammar = read_messages(data)
        assert grammar.error is not None
        assert grammar.delta is None
        assert not grammar.stopped
    elif client == "openai":
        said = check_chunks(data, broken=True)
        assert not said.finish
    else:
        assert _responses(data)["status"] == "failed"


def _responses(data: bytes) -> Json:
    assert data.endswith(b"\n\n")
    grammar = ResponsesGrammar()
    for frame in data.split(b"\n\n")[:-1]:
        grammar.take(frame)
    return grammar.finish()


# bytes of which none may be sent before the upstream's own end
TERMINAL = {
    "anthropic": (b"message_stop", b"message_delta"),
    "openai": (b"[DONE]", b'"finish_reason":"'),
    "responses": (b"response.completed", b"response.incomplete"),
}

# -- what a client understands


@dataclass
class Seen:
    """What an answer says, in no dialect's words. `calls`: (id, name, arguments as values)."""

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    stop: str = ""
    usage: Usage | None = None


# Pitfall 55, as each client's dialect has it; what it has no word for stands as its nearest.
STOPS: dict[str, dict[str, str]] = {
    "anthropic": {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "stop_sequence": "stop_sequence",
        "content_filter": "refusal",
        "refusal": "refusal",
        "pause": "pause_turn",
        "context_window": "model_context_window_exceeded",
    },
    "openai": {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "stop_sequence": "stop",
        "content_filter": "content_filter",
        "refusal": "stop",
        "pause": "length",
        "context_window": "length",
    },
    "responses": {
        "stop": "completed",
        "length": "max_output_tokens",
        "tool_calls": "completed",
        "stop_sequence": "completed",
        "content_filter": "content_filter",
        "refusal": "completed",
        "pause": "max_output_tokens",
        "context_window": "max_output_tokens",
    },
}


def expected(client: str, reply: Reply) -> Seen:
    """Return what a client of a dialect is to see of an answer."""
    seen = Seen(stop=STOPS[client][reply.stop], usage=reply.usage)
    for part in reply.parts:
        match part:
            case Text():
                seen.text += part.text
            case Thinking():
                seen.thinking += part.text
            case Refusal() if client != "anthropic":
                seen.refusal += part.text
            case Refusal() if "stop_details" not in part.meta:
                seen.text += part.text  # the dialect has no other place for the words
            case ToolCall():
                raw = part.meta.get(CUSTOM)
                given = {"input": part.arguments} if client == "anthropic" else part.arguments
                seen.calls.append((part.id, part.name, given if raw else _values(part.arguments)))
            case _:
                pass
    if client == "openai" and reply.stop == "refusal" and not seen.refusal:
        seen.stop = "content_filter"
    return seen


# the arguments of a call that was cut off: libraries differ in what they make of a half object
CUT = "cut off"


def _values(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return CUT


def streamed(client: str, data: bytes) -> Seen:
    """Return what the vendor's library makes of a stream."""
    if client == "anthropic":
        return _seen_message(sdk_stream(data))
    if client == "openai":
        return _seen_completion(_completion(data))
    return _seen_response(accumulated(data).response.to_dict())


def _completion(data: bytes) -> Json:
    # as the library itself takes chunks: its types know no calls of custom tools in a stream
    state = ChatCompletionStreamState()
    for frame in frames_of(data):
        if frame != "[DONE]":
            chunk = construct_type(type_=cast("Any", ChatCompletionChunk), value=json.loads(frame))
            state.handle_chunk(cast("ChatCompletionChunk", chunk))
    return state.current_completion_snapshot.to_dict()


def in_one_piece(client: str, data: bytes) -> Seen:
    """Return what the vendor's model of a whole answer holds; strict about its fields."""
    models: dict[str, tuple[Any, Callable[[Json], Seen]]] = {
        "anthropic": (AnthropicMessage, _seen_message),
        "openai": (ChatCompletion, _seen_completion),
        "responses": (Response, _seen_response),
    }
    model, seen = models[client]
    return seen(model.model_validate_json(data).to_dict())


def _seen_message(message: Json) -> Seen:
    used = message["usage"]
    read, written = used["cache_read_input_tokens"], used["cache_creation_input_tokens"]
    details = used.get("output_tokens_details") or {}
    usage = Usage(
        input=used["input_tokens"] + read + written,
        cached=read,
        output=used["output_tokens"],
        cache_write=written,
        reasoning=details.get("thinking_tokens", 0),
    )
    seen = Seen(stop=message["stop_reason"], usage=usage)
    for block in message["content"]:
        if block["type"] == "text":
            seen.text += block["text"]
        elif block["type"] == "thinking":
            seen.thinking += block["thinking"]
        elif block["type"] == "tool_use":
            seen.calls.append((block["id"], block["name"], block["input"]))
    return seen


def _seen_completion(body: Json) -> Seen:
    choice = body["choices"][0]
    message, usage = choice["message"], None
    if used := body.get("usage"):
        prompt, completion = used["prompt_tokens_details"], used["completion_tokens_details"]
        usage = Usage(
            input=used["prompt_tokens"],
            cached=prompt["cached_tokens"],
            output=used["completion_tokens"],
            cache_write=prompt.get("cache_write_tokens", 0),
            reasoning=completion["reasoning_tokens"],
        )
        assert used["total_tokens"] == usage.input + usage.output
    return Seen(
        text=message.get("content") or "",
        thinking=message.get("reasoning_content") or "",
        refusal=message.get("refusal") or "",
        calls=[_seen_call(call) for call in message.get("tool_calls") or ()],
        stop=choice["finish_reason"],
        usage=usage,
    )


def _seen_call(call: Json) -> tuple[str, str, Any]:
    if call["type"] == "custom":
        return call["id"], call["custom"]["name"], call["custom"]["input"]
    return call["id"], call["function"]["name"], _values(call["function"]["arguments"])


def _seen_response(response: Json) -> Seen:
    usage = None
    if used := response.get("usage"):
        usage = Usage(
            input=used["input_tokens"],
            cached=used["input_tokens_details"]["cached_tokens"],
            output=used["output_tokens"],
            cache_write=used["input_tokens_details"].get("cache_write_tokens", 0),
            reasoning=used["output_tokens_details"]["reasoning_tokens"],
        )
    seen = Seen(stop=(response.get("incomplete_details") or {}).get("reason", response["status"]), usage=usage)
    for item in response["output"]:
        match item["type"]:
            case "message":
                for part in item["content"]:
                    seen.text += part.get("text", "")
                    seen.refusal += part.get("refusal", "")
            case "reasoning":
                seen.thinking += "".join(part["text"] for part in item["summary"])
            case "function_call":
                name = "__".join(filter(None, (item.get("namespace"), item["name"])))
                seen.calls.append((item["call_id"], name, _values(item["arguments"])))
            case "custom_tool_call":
                seen.calls.append((item["call_id"], item["name"], item["input"]))
            case _:
                pass
    return seen


def alike(client: str, seen: Seen, wanted: Seen) -> None:
    """Check that a client sees what it is to see: times are never told, and a usage only where the engine told it."""
    if wanted.usage is None:
        seen.usage = None
    else:
        wanted.usage = Usage(
            input=wanted.usage.input,
            cached=wanted.usage.cached,
            output=wanted.usage.output,
            cache_write=wanted.usage.cache_write,
            reasoning=wanted.usage.reasoning,
        )
    if client == "responses" and not wanted.refusal and seen.refusal == "The model refused to answer.":
        seen.refusal = ""  # an upstream that only said that it refused
    cut = [given == CUT for *_, given in wanted.calls]
    seen.calls = [(id, name, CUT if was else given) for (id, name, given), was in zip(seen.calls, cut, strict=True)]
    assert seen == wanted
