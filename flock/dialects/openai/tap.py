"""What passes through of an engine's answer, looked at and never edited: usage, the end, faults in any shape.

Does no I/O. The relay's half of the dialect: `chunks.py` understands the same streams for translation. Reached through
`upstream.py` by core/inference.py and the door.
"""

import re
from typing import Any

import orjson

from flock.dialects.ir import Usage
from flock.dialects.openai.usage import read_usage
from flock.plain import is_array, is_object
from flock.text import one_line
from flock.wire.sse import Frames, data_of, split

# The last frames of a stream (finish, usage with engine timings, [DONE]) stay well below this in every engine seen.
TAIL_BYTES = 8192
_FINISHED = re.compile(rb'"finish_reason":\s*"(?!(?:error|abort)")')
_USAGE = re.compile(rb'"usage":\s*\{')
# with a value: some servers put "error": null into every chunk; older llama.cpp tells by the field's name
_FAULT = re.compile(rb'(?:^|\n)(?:data: ?\{\s*"error":\s*[{"]|error: ?\{)')
# OpenRouter ends a chunk so that has the error beside its choices, vLLM one without a word: no reason of a good end
_FAILED = re.compile(rb'"finish_reason":\s*"(?:error|abort)"')
_NO_CHOICES = re.compile(rb'"choices":\s*\[\]')
# at a line's beginning: a model may well say "[DONE]", and inside JSON a line break is written \\n
_DONE = re.compile(rb"(?:^|\n)data: ?\[DONE\]")
_BLANK_LINES = (b"\n\n", b"\r\n\r\n")


def read_fault(body: bytes) -> str:
    """Return the sentence of an engine's error body, whatever its shape; "" when it holds none."""
    try:
        answer: Any = orjson.loads(body)
    except ValueError:
        return _page_title(body) if body[:20].lstrip()[:1] == b"<" else body[:300].decode("utf-8", "replace").strip()
    if is_object(answer):
        found = answer.get("error", answer.get("detail", answer.get("message")))
        if is_object(found):
            found = found.get("message")
        elif is_array(found):  # FastAPI's list of what does not fit
            found = "; ".join([str(one["msg"]) for one in found if is_object(one) and "msg" in one])
        if isinstance(found, str):
            return found
    return ""


_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def _page_title(page: bytes) -> str:
    """Return the title of an HTML page: what a proxy or a balancer says in place of the server behind it."""
    found = _TITLE.search(page[:4096])
    return one_line(found[1].decode("utf-8", "replace"), 200).strip() if found else ""


def is_fault(body: bytes) -> bool:
    """Return whether a body has the dialect's own error shape and may be relayed as it is."""
    try:
        answer: Any = orjson.loads(body)
    except ValueError:
        return False
    return is_object(answer) and is_object(answer.get("error"))


def first_event(frames: bytes) -> bytes | None:
    """Return the data of the first event in whole frames, None when they hold only comments."""
    for frame in split(frames):
        data = data_of(frame)
        if data or b"\nerror:" in b"\n" + frame:
            return data or frame
    return None


def event_fault(data: bytes) -> str | None:
    """Return the sentence when an event is an error, else None."""
    if data.startswith(b"error:"):
        return read_fault(data[6:].strip()) or "the engine reported an error"
    if b'"error"' not in data[:64]:
        return None
    body = data[max(0, data.find(b"{")) :]
    try:
        answer: Any = orjson.loads(body)
    except ValueError:
        answer = None
    if is_object(answer) and not answer.get("error"):  # some servers put "error": null into every chunk
        return None
    return read_fault(body) or "the engine reported an error"


class StreamTap:
    """Looks at a stream in passing: counts events, finds the usage and the end. `feed` returns what goes to the client.

    With `withhold`, the usage chunk (empty `choices`) is left out: flock asked for it, the client did not.
    """

    __slots__ = ("_frames", "_tail", "_withhold", "events", "usage_seen")

    def __init__(self, withhold: bool) -> None:
        self._withhold = withhold
        self._frames = Frames() if withhold else None
        self._tail = b""
        self.events = 0
        self.usage_seen: Usage | None = None

    def feed(self, data: bytes) -> bytes:
        """Look at the bytes of one read and return those to pass on."""
        # with the quote, which inside a string would have a backslash before it; the space is optional in the format
        self.events += data.count(b'data: {"') or data.count(b'data:{"')
        self._tail = data if len(data) >= TAIL_BYTES else (self._tail + data)[-TAIL_BYTES:]
        if self._frames is None:
            return data
        whole, _ = self._frames.feed(data)
        if whole and _NO_CHOICES.search(whole):
            return b"".join(f for f in split(whole) if not self._is_usage(f))
        return whole

    def _is_usage(self, frame: bytes) -> bool:
        return _NO_CHOICES.search(frame) is not None and _USAGE.search(frame) is not None

    def end(self) -> None:
        """Nothing: what a relay has to say it has said."""

    def close(self) -> bytes:
        """Return bytes held back that never became a frame."""
        return self._frames.close() if self._frames is not None else b""

    @property
    def between_frames(self) -> bool:
        """Whether what `feed` has returned so far ends with a whole frame: only there may another one be put in."""
        return self._frames is not None or not self._tail or self._tail.endswith(_BLANK_LINES)

    @property
    def finished(self) -> bool:
        """Whether the stream said that it is over (`[DONE]` or a finish_reason): a clean EOF alone proves nothing."""
        # words are found in next to no time, patterns not: only what is around the last [DONE] is matched
        done = self._tail.rfind(b"[DONE]")
        if done >= 0 and _DONE.search(self._tail, max(0, done - len(b"\ndata: "))) is not None:
            return True
        return _FINISHED.search(self._tail) is not None

    @property
    def failure(self) -> str:
        """Nothing: what the upstream reports is passed on as it came."""
        return ""

    @property
    def fault(self) -> str | None:
        """The sentence of an error event at the stream's end, None where there is none."""
        found = list(_FAULT.finditer(self._tail)) if b"error" in self._tail else []
        if not found:
            return self._failed()
        frame = self._tail[self._tail.index(b"{", found[-1].start()) :].split(b"\n", 1)[0]
        return read_fault(frame) or "the engine reported an error"

    def _failed(self) -> str | None:
        """Return the sentence of a chunk by which an answer fails rather than ends, None where there is none."""
        found = _FAILED.search(self._tail)
        if found is None:
            return None
        frame = self._tail[self._tail.rfind(b"data:", 0, found.start()) + 5 :].split(b"\n", 1)[0]
        return read_fault(frame.strip()) or "the engine ended its answer with an error"

    def usage(self) -> Usage | None:
        """Return the usage the stream carried, None where it carried none."""
        position = self._tail.rfind(b'"usage":')
        while position >= 0 and _USAGE.match(self._tail, position) is None:  # "usage": null stands in many chunks
            position = self._tail.rfind(b'"usage":', 0, position)
        if position < 0:
            return None
        start = self._tail.rfind(b"data:", 0, position)
        end = self._tail.find(b"\n", position)
        if start < 0:
            return None
        try:
            return read_usage(orjson.loads(self._tail[start + 5 : end if end > 0 else None]))
        except ValueError:
            return None

    def counted(self) -> Usage:
        """Return what flock counted where the engine did not say: a token an event, less the opening role chunk."""
        return Usage(output=max(0, self.events - 1))
