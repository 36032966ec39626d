"""What a client understands of an answer, read by the vendor's own library, and what it should have understood.

The latter is told here by hand, by each dialect's words. Used by the tests of the laws over all pairs, test_pairs*.py.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from anthropic.types import Message as AnthropicMessage
from google.genai.types import GenerateContentResponse
from ollama import ChatResponse
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from flock.dialects.custom_tools import CUSTOM
from flock.dialects.gemini.signatures import unpack
from flock.dialects.ir import Refusal, Reply, Text, Thinking, ToolCall, Usage
from tests.grammar.ollama import lines_of
from tests.grammar.openai import frames_of
from tests.unit.dialects.anthropic.reading import sdk_stream
from tests.unit.dialects.gemini.reading import sdk_chunks
from tests.unit.dialects.responses.writing import accumulated

Json = dict[str, Any]


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
    "gemini": {
        "stop": "STOP",
        "length": "MAX_TOKENS",
        "tool_calls": "STOP",
        "stop_sequence": "STOP",
        "content_filter": "SAFETY",
        "refusal": "SAFETY",
        "pause": "MAX_TOKENS",
        "context_window": "MAX_TOKENS",
    },
    "ollama": {
        "stop": "stop",
        "length": "length",
        "tool_calls": "stop",
        "stop_sequence": "stop",
        "content_filter": "stop",
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
            case Refusal() if client in ("gemini", "ollama"):
                seen.text += part.text
            case Refusal() if client != "anthropic":
                seen.refusal += part.text
            case Refusal() if "stop_details" not in part.meta:
                seen.text += part.text  # the dialect has no other place for the words
            case ToolCall():
                raw = part.meta.get(CUSTOM)
                given = {"input": part.arguments} if client in ("anthropic", "gemini", "ollama") else part.arguments
                # what a signature was packed into is the client's own dialect's: it gets both apart
                id = unpack(part.id)[0] if client == "gemini" else part.id
                seen.calls.append((id, part.name, given if raw else _values(part.arguments)))
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
    if client == "gemini":
        return seen_chunks(sdk_chunks(data))
    if client == "ollama":
        return seen_lines([json.loads(line) for line in lines_of(data)])
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
        "gemini": (GenerateContentResponse, lambda body: seen_chunks([GenerateContentResponse.model_validate(body)])),
    }
    if client == "ollama":
        return seen_lines([json.loads(data)])
    model, seen = models[client]
    if client == "gemini":
        return seen(json.loads(data))
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


def seen_chunks(chunks: list[GenerateContentResponse]) -> Seen:
    """Return what chunks say together: parts one behind the other, the last end and usage."""
    seen = Seen()
    for chunk in chunks:
        candidate = (chunk.candidates or [])[0]
        for part in (candidate.content.parts if candidate.content else None) or ():
            if part.function_call is not None:
                call = part.function_call
                seen.calls.append((call.id or "", call.name or "", call.args))
            elif part.thought:
                seen.thinking += part.text or ""
            else:
                seen.text += part.text or ""
        if candidate.finish_reason is not None:
            seen.stop = candidate.finish_reason.value
        if (used := chunk.usage_metadata) is not None:
            thoughts = used.thoughts_token_count or 0
            seen.usage = Usage(
                input=used.prompt_token_count or 0,
                cached=used.cached_content_token_count or 0,
                output=(used.candidates_token_count or 0) + thoughts,
                reasoning=thoughts,
            )
    return seen


def seen_lines(lines: list[Json]) -> Seen:
    """Return what lines of Ollama's say together; the library's types have no ids of calls, the lines have."""
    seen = Seen()
    for line in lines:
        told = ChatResponse.model_validate(line)
        seen.text += told.message.content or ""
        seen.thinking += told.message.thinking or ""
        for call, raw in zip(told.message.tool_calls or (), line["message"].get("tool_calls", ()), strict=True):
            seen.calls.append((raw["id"], call.function.name, call.function.arguments))
        if told.done:
            cached = line.get("prompt_eval_cached_count", 0)
            seen.stop = told.done_reason or ""
            seen.usage = Usage(told.prompt_eval_count or 0, cached, told.eval_count or 0)
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
            cache_write=0 if client in ("gemini", "ollama") else wanted.usage.cache_write,
            reasoning=0 if client == "ollama" else wanted.usage.reasoning,
        )
    if client == "responses" and not wanted.refusal and seen.refusal == "The model refused to answer.":
        seen.refusal = ""  # an upstream that only said that it refused
    cut = [given == CUT for *_, given in wanted.calls]
    seen.calls = [(id, name, CUT if was else given) for (id, name, given), was in zip(seen.calls, cut, strict=True)]
    assert seen == wanted
