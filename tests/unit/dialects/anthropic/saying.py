"""What a client of this dialect gets for the parts of an answer."""

import json
from typing import Any

from flock.dialects.anthropic import server
from flock.dialects.fold import replay
from flock.dialects.ir import Part, Reply, Request, Stop, Usage
from tests.grammar.anthropic import message_of
from tests.unit.dialects.anthropic.reading import TO, sdk_stream, written

REQUEST = Request("anthropic", "m", [])


def said(*parts: Part, stop: Stop = "stop", sequence: str = "", usage: Usage | None = None) -> dict[str, Any]:
    """Return the message a client gets for these parts; streamed and in one piece it is the same."""
    reply = Reply("up", "real-model", list(parts), stop, sequence, usage)
    stream = written(replay(reply))
    message = message_of(stream)
    whole = json.loads(server.write_reply(reply, REQUEST, TO))
    if usage is not None:
        assert message == whole
    for name in ("content", "stop_reason", "stop_sequence", "id", "model"):
        assert message[name] == whole[name]
    assert sdk_stream(stream)["content"] == message["content"]
    return message
