"""A conversation with a model as a client of flock has it: the body that asks, and the pieces of the answer.

Owns OpenAI's chat dialect from the client's side, in the small part that a person's question needs, and which error a
refused or broken answer stands for. Refuses any I/O: lines come from whoever reached the daemon. Called by `flock run`,
by `flock batch` for its errors, and by the screen's playground.

Invariant (tests/unit/client/test_chat.py): a stream cut at any byte gives the same pieces, and one that ends without
having said that it is over is an error, never a shorter answer.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from flock.errors import (
    BY_CODE,
    EngineBusy,
    EngineOverloaded,
    EngineRefused,
    FlockError,
    InvalidKey,
    NotAllowed,
    NotFound,
    UpstreamError,
    from_plain,
)
from flock.plain import is_array, is_object
from flock.text import clean, one_line, size

PATH = "/v1/chat/completions"
# Who asks like this waits behind everybody else, at any door.
LOW_PRIORITY: Mapping[str, str] = {"X-Flock-Priority": "low"}
NO_HEADERS: Mapping[str, str] = {}
# What an event holds at most is a whole tool call; what never ends must not fill the memory (wire/sse.py: the same).
EVENT_BYTES = 32 * 2**20

# What keeps a connection warm and says nothing (wire/sse.py).
_KEEPALIVE = b": keep-alive"

Message = Mapping[str, Any]

# What a status stands for where the body has no code of flock's: an engine's or a vendor's own error, passed on.
_BY_STATUS: dict[int, type[FlockError]] = {
    400: EngineRefused,
    401: InvalidKey,
    403: NotAllowed,
    404: NotFound,
    422: EngineRefused,
    429: EngineBusy,
    503: EngineOverloaded,
}


class Answering(Protocol):
    """An answer's bytes with the headers before them, as `reach.Stream` has them."""

    headers: Mapping[str, str]

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes as they come."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of an answer, in the order in which it came.

    text and thinking: `words` to put behind those before. tool: a whole call, `name` is the tool and `words` its
    arguments as JSON text. end: the answer is over; `finish` is why (stop, length, tool_calls, content_filter), and
    the tokens are what the request took, 0 where nobody said. Nothing follows an end.
    """

    kind: Literal["text", "thinking", "tool", "end"]
    words: str = ""
    name: str = ""
    finish: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    model: str = ""


def user(words: str, pictures: Sequence[str] = ()) -> Message:
    """Return what a person says: words, and pictures as data URLs behind them."""
    if not pictures:
        return {"role": "user", "content": words}
    shown = [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return {"role": "user", "content": [*([{"type": "text", "text": words}] if words else []), *shown]}


def request(
    messages: Sequence[Message],
    *,
    model: str = "",
    system: str = "",
    max_tokens: int = 0,
    temperature: float | None = None,
    top_p: float | None = None,
    effort: str = "",
) -> bytes:
    """Return the body that asks for an answer as a stream with its usage, to be sent to PATH as JSON.

    An empty `model` is the default one; `max_tokens` 0, a `temperature` or `top_p` of None and an empty `effort`
    (none, low, medium, high) leave it to the model.
    """
    body: dict[str, Any] = {"model": model} if model else {}
    body["messages"] = [*([{"role": "system", "content": system}] if system else []), *messages]
    body["stream"], body["stream_options"] = True, {"include_usage": True}
    if max_tokens:
        body["max_tokens"] = max_tokens
    if temperature is not None:
        body["temperature"] = temperature
    if top_p is not None:
        body["top_p"] = top_p
    if effort:
        body["reasoning_effort"] = effort
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def temperature(words: str) -> float | None:
    """Return a temperature as it is typed, None for "", which leaves it to the model. Raises ValueError with a clause
    for what is no number from 0 to 2, as OpenAI's dialect has it.
    """
    if not words:
        return None
    try:
        found = float(words)
    except ValueError:
        found = -1.0
    if not 0.0 <= found <= 2.0:
        raise ValueError(f"{words!r} is no number from 0 to 2")
    return found


def pieces(lines: Iterable[bytes], waits: Callable[[str], None] | None = None) -> Iterator[Piece]:
    """Yield the pieces of a stream of server-sent events; the last one is the end.

    `lines` are its bytes with their line ends, cut wherever they were read. `waits` hears what the wait is for while
    nothing comes ("waiting for qwen3-8b: 2nd, about 3 s"), about once a second. Raises the FlockError that an error
    inside the stream stands for, and UpstreamError for a stream that breaks off.
    """
    answer = _Answer()
    for data in _events(lines, waits):
        if data == b"[DONE]":
            break
        yield from answer.take(_parsed(data))
    else:
        # some servers say why they stop and then hang up, without the last word
        if not answer.finish:
            raise UpstreamError("the answer broke off before its end", hint="ask again")
    yield from answer.end()


def fault(status: int, body: bytes) -> FlockError:
    """Return the error that a refused request stands for: flock's own by its code, else by the status."""
    try:
        plain: Any = json.loads(body)
    except (ValueError, RecursionError):
        plain = None
    error = plain.get("error") if is_object(plain) else None
    if error is not None:
        return _fault(error, _BY_STATUS.get(status, UpstreamError))
    kind = _BY_STATUS.get(status, UpstreamError)
    words = one_line(body[:400].decode("utf-8", "replace"), 200)
    return kind(f"the answer was status {status}" + (f": {words}" if words else ""), hint="flock doctor")


def _events(lines: Iterable[bytes], waits: Callable[[str], None] | None) -> Iterator[bytes]:
    """Yield the data of each event (WHATWG HTML, 9.2), wherever the bytes were cut; comments are for `waits`."""
    rest, data, held = bytearray(), list[bytes](), 0
    for read in lines:
        rest += read
        held += len(read)
        if held > EVENT_BYTES:
            raise UpstreamError(f"a piece of the answer is larger than {size(EVENT_BYTES)}", hint="ask again")
        if b"\n" not in read:
            continue
        *whole, last = rest.split(b"\n")
        rest = bytearray(last)
        for line in whole:
            line = bytes(line).rstrip(b"\r")
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line:
                if data:
                    yield b"\n".join(data)
                data = []
                held = len(rest)
            elif waits is not None and line.startswith(b": ") and line != _KEEPALIVE:
                waits(clean(one_line(line[2:].decode("utf-8", "replace"), 200)))
    # an event that no blank line ended never came whole; that the stream is over may still be read from it
    if data == [b"[DONE]"] or bytes(rest).strip() == b"data: [DONE]":
        yield b"[DONE]"


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        chunk: Any = json.loads(data)
    except (ValueError, RecursionError):
        chunk = None
    if not is_object(chunk):
        words = one_line(data[:200].decode("utf-8", "replace"), 80)
        raise UpstreamError(f"the answer has a piece that cannot be read: {words}", hint="ask again")
    return chunk


class _Answer:
    """What has come of an answer so far: its tool calls, and what the last piece says."""

    def __init__(self) -> None:
        self.finish = ""
        self.model = ""
        self.input = self.output = 0
        self._calls: dict[int, list[str]] = {}

    def take(self, chunk: dict[str, Any]) -> Iterator[Piece]:
        """Yield the pieces of one chunk. Raises the error it stands for."""
        if chunk.get("error"):
            raise _fault(chunk["error"], UpstreamError)
        if chunk.get("object") == "error":
            raise _fault(chunk, UpstreamError)
        self.model = _words(chunk.get("model")) or self.model
        if is_object(usage := chunk.get("usage")):
            self.input = _whole(usage.get("prompt_tokens")) or self.input
            self.output = _whole(usage.get("completion_tokens")) or self.output
        choices = chunk.get("choices")
        if not is_array(choices) or not choices or not is_object(choice := choices[0]):
            return
        if is_object(delta := choice.get("delta")):
            yield from self._said(delta)
        self.finish = _words(choice.get("finish_reason")) or self.finish
        if self.finish in ("error", "abort"):  # OpenRouter's and vLLM's word for an answer that failed midway
            raise UpstreamError("the answer broke off before its end", hint="ask again")

    def _said(self, delta: dict[str, Any]) -> Iterator[Piece]:
        # `reasoning_content` is llama.cpp's and DeepSeek's word, `reasoning` vLLM's and OpenRouter's; some say both
        if thought := _words(delta.get("reasoning_content")) or _words(delta.get("reasoning")):
            yield Piece("thinking", thought)
        content = delta.get("content")
        if is_array(content):  # Mistral's models that think answer in parts
            yield from (piece for part in content if is_object(part) for piece in _part(part))
        elif words := _words(content) or _words(delta.get("refusal")):
            yield Piece("text", words)
        calls = delta.get("tool_calls")
        for i, call in enumerate(calls if is_array(calls) else ()):
            if is_object(call) and is_object(function := call.get("function")):
                at = call.get("index")
                held = self._calls.setdefault(at if isinstance(at, int) else i, ["", ""])
                held[0] += _words(function.get("name"))
                held[1] += _words(function.get("arguments"))

    def end(self) -> Iterator[Piece]:
        """Yield the tool calls, which only now are known to be whole, and the end."""
        yield from (Piece("tool", arguments, name) for name, arguments in self._calls.values())
        yield Piece("end", "", "", self.finish or "stop", self.input, self.output, self.model)


def _part(part: dict[str, Any]) -> Iterator[Piece]:
    if part.get("type") == "thinking":
        inside = part.get("thinking")
        parts = inside if is_array(inside) else ()
        thought = "".join(_words(p.get("text")) for p in parts if is_object(p)) or _words(inside)
        if thought:
            yield Piece("thinking", thought)
    elif words := _words(part.get("text")):
        yield Piece("text", words)


def _fault(error: Any, otherwise: type[FlockError]) -> FlockError:
    """Return what an error object stands for: flock's own class by its code, else `otherwise` with its words."""
    if not is_object(error):
        return otherwise(_words(error) or "the model's engine reported an error", hint="ask again")
    words = _words(error.get("message")) or "the model's engine reported an error"
    code, hint = _words(error.get("code")), _words(error.get("hint")) or "flock request ls"
    if code not in BY_CODE:
        return otherwise(words, hint=hint)
    known = ("message", "type", "param", "code", "hint", "request_id")
    details = {name: value for name, value in error.items() if name not in known}
    if error.get("param") is not None:
        details["param"] = error["param"]
    return from_plain({"code": code, "message": words, "hint": hint, "details": details})


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
