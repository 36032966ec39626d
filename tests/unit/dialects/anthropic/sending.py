"""Requests of other dialects, and what an engine of this one is sent of them."""

import copy
from typing import Any

import orjson

from flock.dialects.anthropic import upstream
from flock.dialects.half import Outgoing
from flock.dialects.ir import Json, Message, Request, Text, Tool

HI = Message("user", [Text("hi")])
WEATHER = Tool("get_weather", "The weather", {"type": "object", "properties": {}})
POINT = {"cache_control": {"type": "ephemeral"}}


def chat(*messages: Message, **fields: Any) -> Request:
    """Return a request that was read from the chat dialect."""
    return Request("openai", "alias", list(messages) or [HI], **fields)


def sent(request: Request, *, stream: bool = False) -> Outgoing:
    """Return what the engine gets; writing changes nothing of the request, and the body can be written."""
    before = copy.deepcopy(request)
    out = upstream.write_request(request, "real", stream=stream)
    assert request == before
    orjson.dumps(out.body)
    return out


def body(request: Request) -> Json:
    return sent(request).body
