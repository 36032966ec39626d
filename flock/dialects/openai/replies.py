"""Whole answers as clients of the dialect expect them: `chat.completion` and `text_completion` bodies.

Does no I/O. Owns the table of finish reasons, which `stream.py` uses too. Reached as `server.write_reply`.
"""

from typing import Any

import orjson

from flock.dialects.custom_tools import is_custom
from flock.dialects.half import Addressing
from flock.dialects.history import clean_json
from flock.dialects.ir import Refusal, Reply, Request, Stop, Text, Thinking, ToolCall
from flock.dialects.openai.completions import DIALECT as COMPLETIONS
from flock.dialects.openai.offers import LEGACY
from flock.dialects.openai.usage import write_usage

# "pause" asks the client to send the turn back: no end, and "length" is the one word of the dialect for an answer that
# is not over. A refusal whose words stand in `refusal` ends with "stop", as the vendor's does.
_FINISHES: dict[Stop, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context_window": "length",
    "pause": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def finish_reason(stop: Stop, *, calls: bool, refused: bool = False, legacy: bool = False) -> str:
    """Return the finish reason of an answer with or without tool calls; `legacy`: as `functions` have it."""
    finish = "stop" if stop == "refusal" and refused else _FINISHES.get(stop, "stop")
    if finish == "tool_calls" and not calls:
        return "stop"
    if calls and finish in ("stop", "tool_calls"):
        return "function_call" if legacy else "tool_calls"
    return finish


def is_legacy(request: Request) -> bool:
    """Return whether the client offered `functions` alone and expects a `function_call`."""
    return bool(request.tools) and all(LEGACY in tool.meta for tool in request.tools)


def write_reply(reply: Reply, request: Request, to: Addressing) -> bytes:
    """Return the body of a whole answer."""
    body = _completion(reply, to) if request.dialect == COMPLETIONS else _chat(reply, request, to)
    if reply.usage is not None:
        body["usage"] = write_usage(reply.usage)
    try:
        return orjson.dumps(body)
    except TypeError:  # half a character in what an engine said
        return orjson.dumps(clean_json(body))


def _chat(reply: Reply, request: Request, to: Addressing) -> dict[str, Any]:
    legacy = is_legacy(request)
    said = "".join([part.text for part in reply.parts if isinstance(part, Text)])
    thought = "".join([part.text for part in reply.parts if isinstance(part, Thinking)])
    refused = "".join([part.text for part in reply.parts if isinstance(part, Refusal)])
    calls = [_call(part, request) for part in reply.parts if isinstance(part, ToolCall)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": said if said or not (calls or refused) else None,
        "refusal": refused or None,
    }
    if thought:
        message["reasoning_content"] = thought
    if calls and legacy:
        message["function_call"] = calls[0].get("function")
    elif calls:
        message["tool_calls"] = calls
    finish = finish_reason(reply.stop, calls=bool(calls), refused=bool(refused), legacy=legacy)
    return {
        "id": f"chatcmpl-{to.id}",
        "object": "chat.completion",
        "created": to.created,
        "model": to.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
    }


def _call(call: ToolCall, request: Request) -> dict[str, Any]:
    if is_custom(request, call):
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _completion(reply: Reply, to: Addressing) -> dict[str, Any]:
    text = "".join([part.text for part in reply.parts if isinstance(part, Text | Refusal)])
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason(reply.stop, calls=False)}
    return {
        "id": f"cmpl-{to.id}",
        "object": "text_completion",
        "created": to.created,
        "model": to.model,
        "choices": [choice],
    }
