"""Streamed answers as clients of the dialect expect them: `chat.completion.chunk` frames, and those of completions.

Does no I/O. One event of the middle becomes at most a few frames; what is the same in every chunk is spelled once,
since a writer runs once per token. Terminal frames come from `close` alone. Reached as `server.writer`.

Invariants (tests/grammar/openai.py): every chunk has an id, a model and a choice with index and delta, but for the one
with usage, whose choices are empty; a call's first chunk has index, id, type and name, its arguments come once and in
pieces that join to JSON; one finish reason; `[DONE]` is last and never follows an error.
"""

import orjson

from flock.dialects.custom_tools import is_custom
from flock.dialects.half import Addressing, Writer
from flock.dialects.history import clean
from flock.dialects.ir import (
    Began,
    Ended,
    Event,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from flock.dialects.openai.completions import DIALECT as COMPLETIONS
from flock.dialects.openai.faults import stream_fault
from flock.dialects.openai.replies import finish_reason, is_legacy
from flock.dialects.openai.usage import write_usage
from flock.errors import FlockError

DONE = b"data: [DONE]\n\n"


def writer(request: Request, to: Addressing) -> Writer:
    """Return the writer of one streamed answer."""
    return TextWriter(request, to) if request.dialect == COMPLETIONS else ChatWriter(request, to)


def dumped(text: str) -> bytes:
    """Return a string as JSON, half characters replaced."""
    try:
        return orjson.dumps(text)
    except TypeError:
        return orjson.dumps(clean(text))


class ChatWriter:
    """Spells events as chunks of a chat completion."""

    __slots__ = (
        *("_begun", "_calls", "_ended", "_head", "_legacy", "_parts", "_refused", "_request", "_silent", "_tail"),
        *("_to", "_usage", "_usage_head"),
    )

    kind, prefix, delta, slot = b"chat.completion.chunk", "chatcmpl", b'"delta":', b"{}"

    def __init__(self, request: Request, to: Addressing) -> None:
        self._request, self._to = request, to
        opening = b'data: {"id":%b,"object":"%b","created":%d,"model":%b,"choices":[' % (
            dumped(f"{self.prefix}-{to.id}"),
            self.kind,
            to.created,
            dumped(to.model),
        )
        self._usage_head = opening
        self._head = opening + b'{"index":0,' + self.delta
        self._tail = b',"logprobs":null,"finish_reason":null}]}\n\n'
        # by part: what stands before and after a piece of it
        self._parts: dict[int, tuple[bytes, bytes]] = {}
        # calls of which no argument has come yet
        self._silent: set[int] = set()
        self._calls = 0
        self._begun = self._refused = False
        self._legacy = is_legacy(request)
        self._ended: Ended | None = None
        self._usage: Usage | None = None

    def write(self, event: Event) -> bytes:
        """Return the frames of one event, b"" where it needs none (yet)."""
        match event:
            case PartDelta():
                if not event.text or (around := self._parts.get(event.index)) is None:
                    return b""
                if self._silent:
                    self._silent.discard(event.index)
                try:
                    return around[0] + orjson.dumps(event.text) + around[1]
                except TypeError:
                    return around[0] + dumped(event.text) + around[1]
            case PartBegan():
                return self._begin() + self._begin_part(event)
            case PartEnded():
                return self._fill(event.index)
            case Began():
                self._usage = event.usage or self._usage
                return self._begin()
            case Used():
                self._usage = event.usage
            case Ended():
                self._ended = event
            case _:
                pass
        return b""

    def close(self) -> bytes:
        """Return the terminal frames, after `Ended` only: what is owed, the finish, the usage, `[DONE]`."""
        if self._ended is None:
            return b""
        owed = b"".join([self._fill(index) for index in sorted(self._silent)])
        finish = finish_reason(
            self._ended.stop, calls=self._calls > 0, refused=self._refused, legacy=self._legacy
        ).encode()
        ending = self._head + self.slot + b',"logprobs":null,"finish_reason":"' + finish + b'"}]}\n\n'
        usage = b""
        if self._request.wants_usage and self._usage is not None:
            usage = self._usage_head + b'],"usage":' + orjson.dumps(write_usage(self._usage)) + b"}\n\n"
        return self._begin() + owed + ending + usage + DONE

    def fault(self, error: FlockError) -> bytes:
        """Return the in-stream error, the last thing a client hears."""
        return stream_fault(error, self._to.id)

    def _begin(self) -> bytes:
        """Return the opening chunk, once."""
        if self._begun:
            return b""
        self._begun = True
        return self._head + b'{"role":"assistant","content":""}' + self._tail

    def _begin_part(self, event: PartBegan) -> bytes:
        match event.part:
            case Text():
                return self._piece(event.index, b'{"content":', event.part.text)
            case Thinking():
                return self._piece(event.index, b'{"reasoning_content":', event.part.text)
            case Refusal():
                self._refused = True
                return self._piece(event.index, b'{"refusal":', event.part.text)
            case ToolCall():
                return self._begin_call(event.index, event.part)
            case _:
                return b""

    def _piece(self, index: int, name: bytes, text: str) -> bytes:
        around = self._parts[index] = (self._head + name, b"}" + self._tail)
        return around[0] + dumped(text) + around[1] if text else b""

    def _begin_call(self, index: int, call: ToolCall) -> bytes:
        number, name = self._calls, dumped(call.name)
        if self._legacy:
            if number:  # the client expects one
                return b""
            self._calls += 1
            self._parts[index] = (self._head + b'{"function_call":{"arguments":', b"}}" + self._tail)
            opening = b'{"function_call":{"name":' + name + b',"arguments":""}}'
        else:
            self._calls += 1
            custom = is_custom(self._request, call)
            kind, said = (b"custom", b"input") if custom else (b"function", b"arguments")
            self._parts[index] = (
                self._head + b'{"tool_calls":[{"index":%d,"%b":{"%b":' % (number, kind, said),
                b"}}]}" + self._tail,
            )
            opening = b'{"tool_calls":[{"index":%d,"id":%b,"type":"%b","%b":{"name":%b,"%b":""}}]}' % (
                *(number, dumped(call.id), kind, kind, name, said),
            )
            if custom:
                return self._head + opening + self._tail + self._given(index, call.arguments)
        self._silent.add(index)
        return self._head + opening + self._tail + self._given(index, call.arguments)

    def _given(self, index: int, arguments: str) -> bytes:
        """Return arguments that came with the call itself, which the middle does not do but a filter may."""
        return self.write(PartDelta(index, arguments)) if arguments else b""

    def _fill(self, index: int) -> bytes:
        """Return the arguments of a call that had none: clients parse them as JSON, which "" is not."""
        return self.write(PartDelta(index, "{}")) if index in self._silent else b""


class TextWriter(ChatWriter):
    """Spells events as chunks of a legacy completion, which has nothing but text."""

    __slots__ = ()

    kind, prefix, delta, slot = b"text_completion", "cmpl", b'"text":', b'""'

    def _begin(self) -> bytes:
        return b""

    def _begin_part(self, event: PartBegan) -> bytes:
        if isinstance(event.part, Text | Refusal):
            return self._piece(event.index, b"", event.part.text)
        return b""

    def _piece(self, index: int, name: bytes, text: str) -> bytes:
        around = self._parts[index] = (self._head, self._tail)
        return around[0] + dumped(text) + around[1] if text else b""
