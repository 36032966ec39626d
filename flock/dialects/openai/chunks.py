"""The reader of chat streams: frames of any engine that calls itself OpenAI-compatible in, events of the middle out.

Does no I/O and never raises: what cannot be understood is a Broke. Runs once per token, so the usual chunk takes the
short way. Calls are kept by their `index`, never as "the current one", since parallel calls interleave. An `Ended` is
given at the finish reason, again when what follows changes it (Ollama ends in the middle, ollama#12557); a stream that
stops without one and without `[DONE]` gets none, which its caller takes for broken. Reached as `upstream.reader`.
"""

from typing import Any

import orjson

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
    ToolCall,
    Used,
)
from flock.dialects.openai.answers import arguments_of, made_id, pieces_of, stop_of
from flock.dialects.openai.tap import read_fault
from flock.dialects.openai.usage import read_timings, read_usage
from flock.plain import is_array, is_object
from flock.text import one_line
from flock.wire.sse import data_of

_BOM = b"\xef\xbb\xbf"
# finish reasons of answers that did not come to an end: OpenRouter's, vLLM's
_FAILED = ("error", "abort")
_Prose = type[Text] | type[Thinking] | type[Refusal]


class _Call:
    """A call under way: what came of it, and the part it became once its name was known (-1: not yet)."""

    __slots__ = ("custom", "ended", "given", "held", "id", "name", "part", "pieces", "waiting")

    def __init__(self, id: str, given: str, custom: bool) -> None:
        self.id, self.given, self.custom = id, given, custom
        self.name = self.held = self.waiting = ""
        self.part = -1
        self.pieces: list[str] = []
        self.ended = False

    def complete(self) -> bool:
        """Return whether the arguments so far are a whole object."""
        if self.custom:
            return False
        if self.held:
            return True
        try:
            return is_object(orjson.loads("".join(self.pieces)))
        except ValueError:
            return False


def reader(names: dict[str, str]) -> "ChunkReader":
    """Return the reader of one streamed answer; `names` maps tool names on the wire to those of the request."""
    return ChunkReader(names)


class ChunkReader:
    """Understands one stream; `read` every frame, then `close`."""

    __slots__ = (
        *("_began", "_calls", "_finish", "_first", "_last", "_made", "_names", "_next", "_over", "_prose", "_prose_at"),
        *("_refused", "_stopped", "_timed"),
    )

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._began = self._over = self._refused = self._timed = False
        self._first: dict[str, Any] = {}
        self._next = self._made = 0
        self._prose: _Prose | None = None
        self._prose_at = 0
        self._calls: dict[int, _Call] = {}
        self._last: _Call | None = None
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
        try:
            chunk: Any = orjson.loads(data)
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
            events += self._end()
        return events

    # -- what is said

    def _read_delta(self, delta: dict[str, Any], events: list[Event]) -> None:
        for name in ("reasoning_content", "reasoning", "thinking"):
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
                        self._read_call(call, events)
            elif is_object(legacy := delta.get("function_call")):
                self._read_call({"index": 0, "function": legacy}, events)

    def _say(self, kind: _Prose, text: str, events: list[Event]) -> None:
        if self._prose is not kind:
            self._hush(events)
            self._end_complete(events)
            self._prose, self._prose_at = kind, self._next
            self._next += 1
            events.append(PartBegan(self._prose_at, kind(text="")))
        events.append(PartDelta(self._prose_at, text))

    def _hush(self, events: list[Event]) -> None:
        if self._prose is not None:
            events.append(PartEnded(self._prose_at))
            self._prose = None

    # -- calls

    def _read_call(self, told: dict[str, Any], events: list[Event]) -> None:
        custom = told.get("custom")
        inner = custom if is_object(custom) else told.get("function")
        inner = inner if is_object(inner) else {}
        id, name = told.get("id"), inner.get("name")
        id = id if isinstance(id, str) else ""
        name = name if isinstance(name, str) else ""
        call = self._find(told.get("index"), id, name)
        if call is None:
            call = self._new(told.get("index"), id, is_object(custom), events)
        if call.part < 0 and name:
            self._begin(call, name, events)
        value = inner.get("input") if call.custom else inner.get("arguments")
        # a piece of a string is no JSON yet: only what comes at once may be put in order
        text = value if isinstance(value, str) else arguments_of(value)
        if call.part < 0:
            call.waiting += text
        elif text:
            self._argue(call, text, events)

    def _find(self, index: Any, id: str, name: str) -> _Call | None:
        """Return the call that a piece belongs to, None for a new one."""
        if isinstance(index, int):
            call = self._calls.get(index)
            # some servers number every call 0 and tell them apart by their ids
            return None if call is not None and id and name and call.given and id != call.given else call
        last = self._last
        if id:
            return next((call for call in self._calls.values() if call.given == id), None)
        return None if last is None or (name and last.complete()) else last

    def _new(self, index: Any, id: str, custom: bool, events: list[Event]) -> _Call:
        self._hush(events)
        self._end_complete(events)
        call = self._last = _Call(id, id, custom)
        key = index if isinstance(index, int) else -1 - self._made
        if key in self._calls:
            self._calls[-1 - self._made] = self._calls.pop(key)
        self._calls[key] = call
        self._made += 1
        return call

    def _begin(self, call: _Call, name: str, events: list[Event]) -> None:
        call.name, call.part = name, self._next
        ordinal = self._next_ordinal()
        call.id = call.id or made_id(self._first, ordinal, name)
        self._next += 1
        events.append(PartBegan(call.part, ToolCall(call.id, self._names.get(name, name))))
        if call.waiting:
            waiting, call.waiting = call.waiting, ""
            self._argue(call, waiting, events)

    def _next_ordinal(self) -> int:
        return sum(call.part >= 0 for call in self._calls.values()) - 1

    def _argue(self, call: _Call, text: str, events: list[Event]) -> None:
        if call.ended:
            return
        if not call.custom and not call.pieces:
            if call.held:
                # "{}" and then the arguments after all
                text, call.held = (text if text.lstrip().startswith("{") else call.held + text), ""
            elif text.strip() == "{}":
                call.held = text
                return
            text = arguments_of(text, whole=False)
        call.pieces.append(text)
        events.append(PartDelta(call.part, text))

    def _end_complete(self, events: list[Event]) -> None:
        """End the calls whose arguments are whole: another part begins, so nothing more is to come."""
        for call in self._calls.values():
            if not call.ended and call.part >= 0 and call.complete():
                self._end_call(call, events)

    def _end_call(self, call: _Call, events: list[Event]) -> None:
        if call.held:
            call.pieces.append(call.held)
            events.append(PartDelta(call.part, call.held))
            call.held = ""
        call.ended = True
        events.append(PartEnded(call.part))

    # -- the end

    def _end(self) -> list[Event]:
        """End what is open; say why the answer ended, unless that has been said."""
        events: list[Event] = []
        self._hush(events)
        for call in self._calls.values():
            if call.part < 0 and call.waiting:
                self._begin(call, "", events)
            if call.part >= 0 and not call.ended:
                self._end_call(call, events)
        called = any(call.part >= 0 for call in self._calls.values())
        finish, choice = self._finish or ("stop", {})
        ended = Ended(*stop_of(finish, choice, calls=called, refused=self._refused))
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
