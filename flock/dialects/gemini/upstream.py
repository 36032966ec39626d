"""The Gemini dialect's upstream half: what flock says to engines that speak it, and what they answer.

Does no I/O. Owns the reading of a whole answer, which is a stream of one chunk; the request is `sent.py`, the stream
`reader.py`. Implements UpstreamHalf of `dialects/half.py`; called by dialects/plan.py and dialects/translate.py.
"""

from flock.dialects.fold import Fold
from flock.dialects.gemini.reader import GeminiReader
from flock.dialects.gemini.sent import write as write_request
from flock.dialects.half import Reader
from flock.dialects.ir import Json, Reply
from flock.errors import UpstreamError
from flock.plain import is_array, is_object
from flock.wire.sse import SSE

FRAMING = SSE


def read_reply(body: Json, names: dict[str, str]) -> Reply:
    """Return the reply a whole answer amounts to; `names` maps tool names on the wire to the request's.

    Raises UpstreamError for an error, and for what is no answer.
    """
    if not (is_array(body.get("candidates")) or is_object(body.get("promptFeedback")) or "error" in body):
        raise UpstreamError("the engine's answer has no candidates")
    folding = Fold()
    for event in GeminiReader(names).chunk(body):
        folding.take(event)
    if folding.broke is not None:
        raise UpstreamError(f"the engine failed: {folding.broke.words}")
    if folding.ended is None:
        raise UpstreamError("the engine's answer does not say why it ended", hint="send the request again")
    return folding.reply()


def reader(names: dict[str, str]) -> Reader:
    """Return the reader of one streamed answer."""
    return GeminiReader(names)


__all__ = ["FRAMING", "read_reply", "reader", "write_request"]
