"""An answer as a message: its envelope, its blocks, why it stopped.

Owns what a streamed answer (`writer.py`) and one in one piece must say alike, and the latter as a whole. Called through
`server.py`.
"""

import orjson

from flock.dialects.anthropic.blocks import NAME
from flock.dialects.anthropic.words import STOP_REASONS, write_usage
from flock.dialects.anthropic.writing import Blocks
from flock.dialects.custom_tools import is_custom
from flock.dialects.half import Addressing
from flock.dialects.history import arguments, clean_json
from flock.dialects.ir import Json, Part, Refusal, Reply, Request, Stop, Text, Thinking, ToolCall, Usage


def write_reply(reply: Reply, request: Request, to: Addressing) -> bytes:
    """Return the body of a whole answer: a `message` with its blocks, stop and usage."""
    content: list[Json] = []
    details: Json | None = None
    for index, part in enumerate(reply.parts):
        if isinstance(part, Refusal) and "stop_details" in part.meta:
            details = part.meta["stop_details"]
        elif (block := _answered(part, index, request)) is not None:
            content.append(block)
    tools = any(isinstance(part, ToolCall) for part in reply.parts)
    refused = any(isinstance(part, Refusal) for part in reply.parts)
    usage = reply.usage or Usage(input=to.input_estimate)
    message = envelope(to, content, usage)
    message.update(stopped(reply.stop, reply.sequence, tools=tools, refused=refused))
    if details is not None:
        message["stop_details"] = details
    try:
        return orjson.dumps(message)
    except TypeError:  # lone surrogates
        return orjson.dumps(clean_json(message))


def _answered(part: Part, index: int, request: Request) -> Json | None:
    """Return the block of a part of an answer, None where it says nothing."""
    match part:
        case ToolCall():
            return call_block(part, index, arguments(part, custom=is_custom(request, part))[0])
        case Text() | Refusal() if not part.text:
            return None
        case Text():
            cited = part.meta.get("citations")
            return {"type": "text", "text": part.text, **({"citations": cited} if cited else {})}
        case Thinking() if not part.redacted:
            signature = part.signature if part.origin == NAME else ""
            if not part.text and not signature:
                return None
            return {"type": "thinking", "thinking": part.text, "signature": signature}
        case Thinking() if part.origin != NAME:
            return None
        case _:
            return Blocks(own=False).block(part)


def call_block(part: ToolCall, index: int, given: Json) -> Json:
    """Return a tool_use block; a call without an id gets one, since clients do not run it otherwise."""
    return {"type": "tool_use", "id": part.id or f"toolu_{index}", "name": part.name, "input": given}


def envelope(to: Addressing, content: list[Json], usage: Usage) -> Json:
    """Return the message around `content`, its stop not told yet."""
    return {
        "id": to.id if to.id.startswith("msg_") else f"msg_{to.id}",
        "type": "message",
        "role": "assistant",
        "model": to.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": write_usage(usage),
    }


def stopped(stop: Stop, sequence: str, *, tools: bool, refused: bool) -> Json:
    """Return `stop_reason` and `stop_sequence`.

    What was really said counts more than the upstream's word: with a call of a tool the answer is `tool_use` unless it
    was cut or refused, without one it never is.
    """
    if tools and stop in ("stop", "stop_sequence"):
        stop = "tool_calls"
    elif stop == "tool_calls" and not tools:
        stop = "stop"
    if stop == "stop" and refused:
        stop = "refusal"
    elif stop == "stop" and sequence:
        stop = "stop_sequence"
    return {
        "stop_reason": STOP_REASONS[stop],
        "stop_sequence": sequence if stop == "stop_sequence" and sequence else None,
    }
