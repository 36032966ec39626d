"""The Ollama dialect's upstream half: what flock says to a real Ollama, and what it answers.

Does no I/O. Owns the reading of a whole answer; the request is `sent.py`, the stream `reader.py`. Implements
UpstreamHalf of `dialects/half.py`; called by dialects/plan.py and dialects/translate.py.
"""

from flock.dialects.half import Outgoing, Reader, UpstreamHalf
from flock.dialects.ir import Json, Part, Reply, Request, Text, Thinking
from flock.dialects.ollama.reader import LineReader, calls_of, fault_of, said_of, stop_of
from flock.dialects.ollama.sent import write_request
from flock.dialects.ollama.usage import is_estimated, read_usage
from flock.errors import UpstreamError
from flock.plain import is_object
from flock.wire.framing import Framing
from flock.wire.ndjson import NDJSON

FRAMING = NDJSON
_AGAIN = "send the request again"


def read_reply(body: Json, names: dict[str, str], prompt: int = 0) -> Reply:
    """Return the reply a whole answer amounts to; `names` maps tool names on the wire to those of the request.

    `prompt` is the estimate of the prompt's tokens, for an answer that does not count them. Raises UpstreamError for no
    answer.
    """
    if body.get("error"):
        raise UpstreamError(f"the engine failed: {fault_of(body)}", hint=_AGAIN)
    if not is_object(body.get("message")) and not isinstance(body.get("response"), str):
        raise UpstreamError("the engine's answer has no message", hint=_AGAIN)
    if body.get("done") is False:
        raise UpstreamError("the engine's answer is not over", hint=_AGAIN)
    said = said_of(body)
    parts: list[Part] = []
    if (thought := said.get("thinking")) and isinstance(thought, str):
        parts.append(Thinking(thought))
    if (content := said.get("content")) and isinstance(content, str):
        parts.append(Text(content))
    calls = calls_of(said, body, 0, names)
    model = body.get("model")
    return Reply(
        "",
        model if isinstance(model, str) else "",
        [*parts, *calls],
        stop_of(body, calls=bool(calls)),
        usage=read_usage(body, prompt),
    )


def reader(names: dict[str, str], prompt: int = 0) -> Reader:
    """Return the reader of one streamed answer; `prompt` as for `read_reply`."""
    return LineReader(names, prompt)


class _Knowing:
    """This half for one request, whose prompt has about so many tokens."""

    __slots__ = ("_prompt",)

    FRAMING: Framing = NDJSON

    def __init__(self, prompt: int) -> None:
        self._prompt = prompt

    def write_request(self, request: Request, model: str, *, stream: bool) -> Outgoing:
        return write_request(request, model, stream=stream)

    def read_reply(self, body: Json, names: dict[str, str]) -> Reply:
        return read_reply(body, names, self._prompt)

    def reader(self, names: dict[str, str]) -> Reader:
        return reader(names, self._prompt)


def knowing(prompt: int) -> UpstreamHalf:
    """Return this half for a request whose prompt has about so many tokens (estimate.py), for its answer's usage.

    Where Ollama does not count the prompt the usage has this figure, and `is_estimated` tells it.
    """
    return _Knowing(prompt)


__all__ = ["FRAMING", "is_estimated", "knowing", "read_reply", "reader", "write_request"]
