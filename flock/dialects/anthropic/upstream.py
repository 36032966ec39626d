"""The Anthropic dialect's upstream half: what flock says to engines that speak it, and what they answer.

Does no I/O. Owns the reading of a whole answer; the request is `sent.py`, the stream `reader.py`. Implements
UpstreamHalf of `dialects/half.py`; called by dialects/plan.py and dialects/translate.py.
"""

from flock.dialects.anthropic.blocks import read_block
from flock.dialects.anthropic.reader import MessagesReader, ended_by
from flock.dialects.anthropic.sent import write as write_request
from flock.dialects.anthropic.words import read_usage
from flock.dialects.half import Reader
from flock.dialects.ir import Json, Part, Refusal, Reply, Thinking, ToolCall
from flock.errors import InvalidRequest, UpstreamError
from flock.plain import is_array, is_object
from flock.wire.sse import SSE

FRAMING = SSE


def read_reply(body: Json, names: dict[str, str]) -> Reply:
    """Return the reply a whole answer amounts to; `names` maps tool names on the wire to the request's.

    Raises UpstreamError for an error, and for what is no answer.
    """
    error = body.get("error")
    if error is not None or body.get("type") == "error":
        words = error.get("message") if is_object(error) else error
        raise UpstreamError(f"the engine failed: {words or 'it reported an error'}")
    content = body.get("content")
    if not is_array(content):
        raise UpstreamError("the engine's answer has no content")
    try:
        parts = [read_block(block, f"content.{i}") for i, block in enumerate(content)]
    except InvalidRequest as wrong:
        raise UpstreamError(f"the engine's answer is wrong: {wrong.sentence}") from None
    parts = [_own(part, names) for part in parts]
    ended = ended_by(body, any(isinstance(part, ToolCall) for part in parts))
    details = body.get("stop_details")
    words = details.get("explanation") if is_object(details) else None
    if isinstance(words, str) and words:
        parts.append(Refusal(words, {"stop_details": details}))
    return Reply(
        _text(body, "id"), _text(body, "model"), parts, ended.stop, ended.sequence, read_usage(body.get("usage"))
    )


def _own(part: Part, names: dict[str, str]) -> Part:
    """Return a part with the request's names, and thinking marked as this dialect's also where it is not signed."""
    if isinstance(part, ToolCall):
        part.name = names.get(part.name, part.name)
    elif isinstance(part, Thinking):
        part.origin = "anthropic"
    return part


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def reader(names: dict[str, str]) -> Reader:
    """Return the reader of one streamed answer."""
    return MessagesReader(names)


__all__ = ["FRAMING", "read_reply", "reader", "write_request"]
