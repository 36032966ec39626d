"""The reader of Ollama's streams: lines of /api/chat or /api/generate in, events of the middle out.

Does no I/O and never raises: what cannot be understood is a Broke. Owns what both a line and a whole answer say: calls,
which come whole and in older versions without ids, and why an answer ended. Only `done: true` ends one: Ollama tells
calls in lines before it, and some versions a `done_reason` too (ollama#12557). A stream that stops without it gets no
`Ended`, which its caller takes for broken. Reached as `upstream.reader`.
"""

from hashlib import blake2b
from typing import Any

import orjson

from flock.dialects.history import parse_told
from flock.dialects.ir import (
    Began,
    Broke,
    Ended,
    Event,
    Json,
    PartBegan,
    PartDelta,
    PartEnded,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Used,
)
from flock.dialects.ollama.usage import read_usage
from flock.dialects.openai.answers import arguments_of
from flock.dialects.openai.tap import read_fault
from flock.plain import is_array, is_object
from flock.text import one_line

_Prose = type[Text] | type[Thinking]


class LineReader:
    """Understands one stream; `read` every line, then `close`. `prompt`: the estimate for an uncounted prompt."""

    __slots__ = ("_calls", "_first", "_names", "_next", "_over", "_prompt", "_prose", "_prose_at")

    def __init__(self, names: dict[str, str], prompt: int = 0) -> None:
        self._names, self._prompt = names, prompt
        self._first: Json | None = None
        self._over = False
        self._next = self._calls = 0
        self._prose: _Prose | None = None
        self._prose_at = 0

    def read(self, frame: bytes) -> list[Event]:
        """Return the events of one line, [] for one that says nothing. Never raises: Broke says it."""
        if self._over:
            return []
        try:
            line: Any = orjson.loads(frame)
        except ValueError:
            if not frame.strip():
                return []
            try:
                line = parse_told(frame)
            except ValueError:
                return self._broke("the engine sent a line that is no JSON: " + frame.decode("utf-8", "replace"))
        if not is_object(line):
            return self._broke("the engine sent a line that is no object: " + frame.decode("utf-8", "replace"))
        if line.get("error"):
            return self._broke(fault_of(line))
        return self._read(line)

    def close(self) -> list[Event]:
        """Return nothing: a stream says by itself that it is over."""
        return []

    def _broke(self, words: str) -> list[Event]:
        self._over = True
        return [Broke(one_line(words) or "the engine reported an error")]

    def _read(self, line: Json) -> list[Event]:
        events: list[Event] = []
        if self._first is None:
            self._first = line
            model = line.get("model")
            events.append(Began("", model if isinstance(model, str) else ""))
        said = said_of(line)
        if (thought := said.get("thinking")) and isinstance(thought, str):
            self._say(Thinking, thought, events)
        content = said.get("content")
        if content and isinstance(content, str):
            self._say(Text, content, events)
        for call in calls_of(said, self._first, self._calls, self._names):
            self._calls += 1
            self._hush(events)
            events += (
                PartBegan(self._next, ToolCall(call.id, call.name)),
                *([PartDelta(self._next, call.arguments)] if call.arguments else []),
                PartEnded(self._next),
            )
            self._next += 1
        if line.get("done") is True:
            self._over = True
            self._hush(events)
            if (usage := read_usage(line, self._prompt)) is not None:
                events.append(Used(usage))
            events.append(Ended(stop_of(line, calls=self._calls > 0)))
        return events

    def _say(self, kind: _Prose, text: str, events: list[Event]) -> None:
        if self._prose is not kind:
            self._hush(events)
            self._prose, self._prose_at = kind, self._next
            self._next += 1
            events.append(PartBegan(self._prose_at, kind(text="")))
        events.append(PartDelta(self._prose_at, text))

    def _hush(self, events: list[Event]) -> None:
        if self._prose is not None:
            events.append(PartEnded(self._prose_at))
            self._prose = None


# -- what a line and a whole answer both say


def said_of(answer: Json) -> Json:
    """Return what an object of either endpoint says, as a message: content, thinking, tool_calls."""
    message = answer.get("message")
    if is_object(message):
        return message
    return {"content": answer.get("response"), **{name: answer.get(name) for name in ("thinking", "tool_calls")}}


def calls_of(said: Json, first: Json, made: int, names: dict[str, str]) -> list[ToolCall]:
    """Return the calls of a message; `first` is the answer's first object, `made` how many calls came before."""
    told = said.get("tool_calls")
    found: list[ToolCall] = []
    for call in told if is_array(told) else ():
        if not is_object(call):
            continue
        function = call.get("function")
        inner: Json = function if is_object(function) else {}
        name, id = inner.get("name"), call.get("id")
        wire = name if isinstance(name, str) else ""
        known = id if isinstance(id, str) and id else made_id(first, made + len(found), wire)
        found.append(ToolCall(known, names.get(wire, wire), arguments_of(inner.get("arguments"))))
    return found


def made_id(first: Json, ordinal: int, name: str) -> str:
    """Return the id of a call that came without one: the same whenever the same answer is read."""
    seed = f"{first.get('model')}/{first.get('created_at')}/{ordinal}/{name}"
    return f"call_{blake2b(seed.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"


def stop_of(answer: Json, *, calls: bool) -> Stop:
    """Return why an answer ended. Ollama says "stop" for an answer that called tools, too."""
    if answer.get("done_reason") == "length":
        return "length"
    return "tool_calls" if calls else "stop"


def fault_of(answer: Json) -> str:
    """Return the sentence of an object with an error."""
    try:
        return read_fault(orjson.dumps(answer)) or "the engine reported an error"
    except TypeError:
        return "the engine reported an error"
