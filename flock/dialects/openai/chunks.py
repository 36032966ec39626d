"""The reader of chat streams: frames of any engine that calls itself OpenAI-compatible in, events of the middle out.

Does no I/O and never raises: what cannot be understood is a Broke. Runs once per token, so the usual chunk takes the
short way. `calls.py` keeps the calls, which interleave. An `Ended` is given at a finish reason that comes by itself;
one that comes with words may be followed by more (Ollama ends in the middle, ollama#12557), so the next chunk, `[DONE]`
or `close` decides. A stream that stops without one and without `[DONE]` gets none, which its caller takes for broken.
Reached as `upstream.reader`.
"""

from typing import Any

import orjson

from flock.dialects.history import parse_told
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Text,
    Thinking,
    Used,
)
from flock.dialects.openai.answers import pieces_of, stop_of
from flock.dialects.openai.calls import Calls
from flock.dialects.openai.messages import THOUGHTS
from flock.dialects.openai.tap import read_fault
from flock.dialects.openai.usage import read_timings, read_usage
from flock.plain import is_array, is_object
from flock.text import one_line
from flock.wire.sse import data_of, event_of

_BOM = b"\xef\xbb\xbf"
# finish reasons of answers that did not come to an end: OpenRouter's, vLLM's
_FAILED = ("error", "abort")
_Prose = type[Text] | type[Thinking] | type[Refusal]


def reader(names: dict[str, str]) -> "ChunkReader":
    """Return the reader of one streamed answer; `names` maps tool names on the wire to those of the request."""
    return ChunkReader(names)


class ChunkReader:
    """Understands one stream; `read` every frame, then `close`."""

    __slots__ = (
        *("_began", "_calls", "_finish", "_first", "_next", "_over", "_prose", "_prose_at", "_refused", "_stopped"),
        "_timed",
    )

    def __init__(self, names: dict[str, str]) -> None:
        self._began = self._over = self._refused = self._timed = False
        self._first: dict[str, Any] = {}
        self._next = 0
        self._prose: _Prose | None = None
        self._prose_at = 0
        self._calls = Calls(names)
        self._finish: tuple[str, dict[str, Any]] | None = None
        self._stopped: Ended | None = None

    def read(self, frame: bytes) -> list[Event]:
        """Return the events of one whole frame, [] for one that says nothing. Never raises: Broke says it."""
        if self._over:
            return []
        if frame.startswith(b"data: "):
            try:
                chunk: Any = orjson.loads(frame[6:])
            except ValueError:  # [DONE], several lines of data, or no JSON
                return self._read_odd(frame)
            return self._read_chunk(chunk)
        return self._read_odd(frame)

    def close(self) -> list[Event]:
        """Return what the end of the stream completes: nothing unless the engine had given a finish reason."""
        if self._over or self._finish is None:
            return []
        return self._end()

    # -- frames

    def _read_odd(self, frame: bytes) -> list[Event]:
        frame = frame.removeprefix(_BOM)
        data = data_of(frame).strip()
        if data == b"[DONE]":
            events = self._end()
            self._over = True
            return events
        if not data:
            at = frame.find(b"error:") if frame.startswith(b"error:") else frame.find(b"\nerror:") + 1
            # older llama.cpp: the field's name says it
            return self._broke(frame[at + 6 :].strip()) if frame.startswith(b"error:") or at else []
        if event_of(frame) == b"error":
            return self._broke(data)
        try:
            chunk: Any = parse_told(data)
        except ValueError:
            return self._broke(data, "the engine sent a frame that is no JSON: ")
        return self._read_chunk(chunk)

    def _broke(self, data: bytes, why: str = "") -> list[Event]:
        self._over = True
        words = why + one_line(data.decode("utf-8", "replace") if why else read_fault(data))
        return [Broke(words or "the engine reported an error", _kind(data))]

    def _read_chunk(self, chunk: Any) -> list[Event]:
        if not is_object(chunk):
            return self._broke(_dumped(chunk), "the engine sent a frame that is no object: ")
        if chunk.get("error") or chunk.get("object") == "error" or ("detail" in chunk and "choices" not in chunk):
            return self._broke(_dumped(chunk))
        events: list[Event] = []
        if not self._began:
            self._began, self._first = True, chunk
            id, model = chunk.get("id"), chunk.get("model")
            events.append(Began(id if isinstance(id, str) else "", model if isinstance(model, str) else ""))
        said = len(events)
        choices = chunk.get("choices")
        finish: Any = None
        choice: Any = None
        if choices and is_array(choices):
            choice = choices[0]
            if is_object(choice) and not choice.get("index"):  # n > 1 has no place in the middle
                delta = choice.get("delta") or choice.get("message")
                if is_object(delta):
                    self._read_delta(delta, events)
                elif isinstance(text := choice.get("text"), str) and text:
                    self._say(Text, text, events)
                finish = choice.get("finish_reason")
        spoke = len(events) > said
        if chunk.get("usage") and (usage := read_usage(chunk)) is not None:
            self._timed = True
            events.append(Used(usage))
        elif finish and not self._timed and (usage := read_timings(chunk)) is not None:
            events.append(Used(usage))
        if finish and isinstance(finish, str):
            if finish in _FAILED:
                self._over = True
                return [*events, Broke(f"the engine ended its answer with {finish!r}", finish)]
            self._finish = (finish, choice)
        elif spoke:
            self._finish = None  # it was no end
        if self._finish is not None and not spoke:
            events += self._end()
        return events

    # -- what is said

    def _read_delta(self, delta: dict[str, Any], events: list[Event]) -> None:
        for name in THOUGHTS:
            if (thought := delta.get(name)) and isinstance(thought, str):
                self._say(Thinking, thought, events)
                break
        content = delta.get("content")
        if content:
            if isinstance(content, str):
                self._say(Text, content, events)
            else:
                for piece in pieces_of(content):
                    if isinstance(piece, Text | Thinking | Refusal):
                        self._say(piece.__class__, piece.text, events)
        if len(delta) > 1 or not content:
            if (refusal := delta.get("refusal")) and isinstance(refusal, str):
                self._refused = True
                self._say(Refusal, refusal, events)
            if (calls := delta.get("tool_calls")) and is_array(calls):
                for call in calls:
                    if is_object(call):
                        self._call(call, events)
            elif is_object(legacy := delta.get("function_call")):
                self._call({"index": 0, "function": legacy}, events)

    def _call(self, told: dict[str, Any], events: list[Event]) -> None:
        self._hush(events)
        before = self._calls.begun
        self._calls.read(told, self._first, self._next, events)
        self._next += self._calls.begun - before

    def _say(self, kind: _Prose, text: str, events: list[Event]) -> None:
        if self._prose is not kind:
            self._hush(events)
            self._calls.end_complete(events)
            self._prose, self._prose_at = kind, self._next
            self._next += 1
            events.append(PartBegan(self._prose_at, kind(text="")))
        events.append(PartDelta(self._prose_at, text))

    def _hush(self, events: list[Event]) -> None:
        if self._prose is not None:
            events.append(PartEnded(self._prose_at))
            self._prose = None

    # -- the end

    def _end(self) -> list[Event]:
        """End what is open; say why the answer ended, unless that has been said."""
        events: list[Event] = []
        self._hush(events)
        calls = self._calls
        before = calls.begun
        calls.end(self._first, self._next, events)
        self._next += calls.begun - before
        finish, choice = self._finish or ("stop", {})
        ended = Ended(*stop_of(finish, choice, calls=calls.begun > 0, refused=self._refused))
        if ended != self._stopped:
            self._stopped = ended
            events.append(ended)
        return events


def _kind(data: bytes) -> str:
    """Return the type or code of an error, "" where it says none."""
    try:
        told: Any = orjson.loads(data)
    except ValueError:
        return ""
    error = told.get("error", told) if is_object(told) else None
    if not is_object(error):
        return ""
    return next((str(kind) for name in ("type", "code") if (kind := error.get(name))), "")


def _dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return b""
