"""An answer as a GenerateContentResponse: its parts, why it ended, what it used.

Owns what a streamed answer (`writer.py`) and one in one piece must say alike, and the latter as a whole. Called through
`server.py`.
"""

from typing import Any

import orjson

from flock.dialects.custom_tools import is_custom
from flock.dialects.gemini.signatures import SIGNATURE, unpack
from flock.dialects.gemini.words import DIALECT, FINISH_REASONS, write_usage
from flock.dialects.half import Addressing
from flock.dialects.history import arguments, clean_json
from flock.dialects.ir import Json, Opaque, Part, Refusal, Reply, Request, Stop, Text, Thinking, ToolCall, Usage


def write_reply(reply: Reply, request: Request, to: Addressing) -> bytes:
    """Return the body of a whole answer: one candidate with its parts, stop and usage."""
    shown = shows_thoughts(request)
    parts = [written for i, part in enumerate(reply.parts) for written in _written(part, i, request, shown)]
    return dumped(response(to, parts, reply.stop, reply.usage or Usage(input=to.input_estimate)))


def shows_thoughts(request: Request) -> bool:
    """Return whether the client wants to see thoughts: Google sends none where `includeThoughts` is not set."""
    return request.dialect != DIALECT or (request.reasoning is not None and bool(request.reasoning.summary))


def response(to: Addressing, parts: list[Json], stop: Stop | None = None, usage: Usage | None = None) -> Json:
    """Return a response, or a chunk of one, with these parts; `stop` and `usage` where they are told."""
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if stop is not None:
        candidate["finishReason"] = FINISH_REASONS[stop]
    found: Json = {"candidates": [candidate]}
    if usage is not None:
        found["usageMetadata"] = write_usage(usage)
    return {**found, "modelVersion": to.model, "responseId": to.id}


def dumped(value: Json) -> bytes:
    """Return a response as JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:  # half a character in what an engine said
        return orjson.dumps(clean_json(value))


def call_part(call: ToolCall, request: Request, ordinal: int) -> Json:
    """Return the part of a call, with the signature that its id may hold beside it."""
    given, _ = arguments(call, custom=is_custom(request, call))
    id, signature = unpack(call.id)
    found: Json = {"functionCall": {"id": id or f"call_{ordinal}", "name": call.name, "args": given}}
    signature = signature or _signature(call.meta)
    return {**found, SIGNATURE: signature} if signature else found


def text_part(text: str, meta: Json) -> Json:
    """Return the part of words; a signature that came with them goes on."""
    signature = _signature(meta)
    return {"text": text, SIGNATURE: signature} if signature else {"text": text}


def thought_part(text: str, signature: str) -> Json:
    """Return the part of a thought."""
    found: Json = {"text": text, "thought": True}
    return {**found, SIGNATURE: signature} if signature else found


def _signature(meta: Json) -> str:
    found: Any = meta.get(SIGNATURE)
    return found if isinstance(found, str) else ""


def _written(part: Part, index: int, request: Request, shown: bool) -> list[Json]:
    match part:
        case ToolCall():
            return [call_part(part, request, index)]
        case Text() | Refusal() if part.text or _signature(part.meta):
            return [text_part(part.text, part.meta)]
        case Thinking() if shown:
            signature = part.signature if part.origin == DIALECT else ""
            return [thought_part(part.text, signature)] if part.text or signature else []
        case Opaque() if part.dialect == DIALECT:
            return [part.value]
        case _:
            return []
