"""Whole answers as clients of the dialect expect them, and what their last object has in a stream too.

Does no I/O. Owns the reasons an answer ended for, and how a call is spelled: its arguments are an object, whatever the
model made of them. Reached as `server.write_reply`; `writer.py` uses the rest.
"""

from flock.dialects.custom_tools import is_custom
from flock.dialects.half import Addressing
from flock.dialects.history import arguments
from flock.dialects.ir import Json, Refusal, Reply, Request, Stop, Text, Thinking, ToolCall, Usage
from flock.dialects.ollama.usage import write_metrics
from flock.dialects.ollama.words import GENERATED, dumped, moment, of_reply

# The dialect has two words; an answer that called tools ends with "stop" too.
_CUT: frozenset[Stop] = frozenset({"length", "context_window", "pause"})


def done_reason(stop: Stop) -> str:
    """Return why an answer ended: "stop" or "length"."""
    return "length" if stop in _CUT else "stop"


def head(to: Addressing) -> Json:
    """Return what every object of an answer begins with."""
    return {"model": to.model, "created_at": moment(to.created)}


def ending(stop: Stop, usage: Usage | None) -> Json:
    """Return what the last object of an answer ends with."""
    return {"done": True, "done_reason": done_reason(stop), **write_metrics(usage)}


def write_calls(calls: list[ToolCall], request: Request) -> list[Json]:
    """Return calls as a message holds them; ids are newer than some clients, which leave them out."""
    return [_call(call, number, request) for number, call in enumerate(calls)]


def _call(call: ToolCall, number: int, request: Request) -> Json:
    told, _ = arguments(call, custom=is_custom(request, call))
    return {"id": call.id, "function": {"index": number, "name": call.name, "arguments": told}}


def write_reply(reply: Reply, request: Request, to: Addressing) -> bytes:
    """Return the body of a whole answer."""
    said = "".join([part.text for part in reply.parts if isinstance(part, Text | Refusal)])
    thought = "".join([part.text for part in reply.parts if isinstance(part, Thinking)])
    calls = write_calls([part for part in reply.parts if isinstance(part, ToolCall)], request)
    more: Json = {}
    if thought:
        more["thinking"] = thought
    if calls:
        more["tool_calls"] = calls
    body = {**head(to), **of_reply(request.dialect == GENERATED, said, **more), **ending(reply.stop, reply.usage)}
    return dumped(body)
