"""How tests write an answer and have it read: by flock, by the grammar, by the vendor's own library."""

import json
from typing import Any, cast

from openai import omit
from openai._models import construct_type
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from flock.dialects.fold import replay
from flock.dialects.half import Addressing
from flock.dialects.ir import Event, Part, Reply, Request, Stop, Usage
from flock.dialects.responses import server
from flock.wire.sse import data_of, split
from tests.unit.dialects.responses.corpus import ask

TO = Addressing("req_0123456789abcdef", "alias", 1_795_691_335)
STRICT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
TOOLS = [
    {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}, "strict": False},
    {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
    {
        "type": "namespace",
        "name": "agents",
        "description": "d",
        "tools": [{"type": "function", "name": "spawn", "parameters": {"type": "object"}, "strict": False}],
    },
]


def written(told: list[Event], request: Request | None = None) -> bytes:
    """Return the frames of events and of the end."""
    writer = server.writer(request or ask(tools=TOOLS), TO)
    return b"".join(writer.write(event) for event in told) + writer.close()


def of(*parts: Part, stop: Stop = "stop", usage: Usage | None = None) -> list[Event]:
    """Return the events of an answer of these parts."""
    return replay(Reply("up", "real", list(parts), stop, "", usage))


def told(stream: bytes) -> list[dict[str, Any]]:
    """Return the events of a stream as JSON."""
    return [json.loads(data_of(frame)) for frame in split(stream)]


def accumulated(stream: bytes, *, strict: bool = True) -> Any:
    """Return what the official library makes of a stream: `strict` has every event valid against its types.

    Its types know fewer codes of failures than the vendor sends, so those are not strict.
    """
    state = ResponseStreamState(input_tools=omit, text_format=omit)
    last: Any = None
    for event in told(stream):
        if strict:
            STRICT.validate_python(event)
        made = cast("Any", construct_type(type_=cast("Any", ResponseStreamEvent), value=event))
        for out in state.handle_event(made):
            last = out
    return last
