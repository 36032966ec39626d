"""Custom tools, which take one text, for engines that know functions only: a function with one string, `input`.

Owns the way there (`wrap`, `as_function`) and back: `Unwrap` takes the raw input out of {"input": "…"} while it still
streams in, `CustomCalls` does so for the events of an answer. In the middle a call of a custom tool holds the raw
input. Pure; used by the upstream halves, and by plan.py between their readers and any writer.
"""

import re
from dataclasses import replace

import orjson

from flock.dialects.ir import Ended, Event, Json, PartBegan, PartDelta, PartEnded, Request, Tool, ToolCall
from flock.plain import is_object

# In `ToolCall.meta`: its arguments are raw input, whoever asks. Notes of flock's own begin with an underscore.
CUSTOM = "_custom"
SCHEMA: Json = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input of the tool, as it is."}},
    "required": ["input"],
    "additionalProperties": False,
}
# {"input": " and every beginning of it, with JSON's white space between
_HEAD = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*"input"[ \t\r\n]*:[ \t\r\n]*"')
_BEGINNING = re.compile(
    r'[ \t\r\n]*(?:\{[ \t\r\n]*(?:"(?:i(?:n(?:p(?:u(?:t(?:"[ \t\r\n]*(?::[ \t\r\n]*)?)?)?)?)?)?)?)?)?'
)
_PLAIN = re.compile(r'[^"\\]+')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UNKNOWN = "\ufffd"


def is_custom(request: Request, call: ToolCall) -> bool:
    """Return whether a call is one of a custom tool, so that its arguments are raw input: also where the history
    calls a tool that is no longer offered.
    """
    tool = request.tool(call.name)
    return tool.kind == "custom" if tool is not None else bool(call.meta.get(CUSTOM))


def wrap(input: str) -> str:
    """Return the arguments of a function that stand for a raw input: JSON {"input": "…"}."""
    return orjson.dumps({"input": input}).decode()


def as_function(tool: Tool) -> Tool:
    """Return the function that stands for a custom tool; the grammar it had is told in words."""
    grammar = tool.grammar or {}
    inside = grammar.get("grammar")
    told: Json = inside if is_object(inside) else grammar
    words = tool.description
    if isinstance(definition := told.get("definition"), str) and definition:
        words += f"\n\nThe input must match this {told.get('syntax') or 'lark'} grammar:\n{definition}"
    return replace(tool, kind="function", description=words.strip(), schema=SCHEMA, strict=None, grammar=None, raw={})


class Unwrap:
    """Takes the string out of {"input": "…"} that arrives in pieces cut anywhere.

    Text of any other shape is passed on as it is, as soon as it cannot become that shape.
    """

    __slots__ = ("_held", "_high", "_state")

    def __init__(self) -> None:
        self._state = "head"  # then "string" and "tail", or "raw"
        self._held: str = ""
        self._high = 0  # the first half of a surrogate pair whose second one is still to come

    def feed(self, text: str) -> str:
        """Return the raw input that this piece completes."""
        if self._state == "raw":
            return text
        if self._state == "tail":
            return ""  # the closing brace, or fields nobody asked for
        text, self._held = self._held + text, ""
        if self._state == "head":
            found = _HEAD.match(text)
            if found is None:
                if _BEGINNING.fullmatch(text):
                    self._held = text
                    return ""
                self._state = "raw"
                return text
            self._state, text = "string", text[found.end() :]
        return self._string(text)

    def close(self) -> str:
        """Return what is left: the beginning of what never became an object, half a character of a string cut off."""
        held, self._held = self._held, ""
        if self._state == "head":
            return held
        high, self._high = self._high, 0
        return _UNKNOWN if high else ""

    def _string(self, text: str) -> str:
        out: list[str] = []
        at, end = 0, len(text)
        while at < end:
            if found := _PLAIN.match(text, at):
                out += [self._lone(), found.group()]
                at = found.end()
                continue
            if text[at] == '"':
                out.append(self._lone())
                self._state = "tail"
                break
            size = self._escape(text, at, out)
            if not size:
                self._held = text[at:]
                break
            at += size
        return "".join(out)

    def _escape(self, text: str, at: int, out: list[str]) -> int:
        """Decode the escape at a position; return its length, 0 when it is not whole yet."""
        if at + 1 >= len(text):
            return 0
        kind = text[at + 1]
        if kind != "u":
            out += [self._lone(), _ESCAPES.get(kind, "\\" + kind)]
            return 2
        digits = text[at + 2 : at + 6]
        if len(digits) < 4:
            return 0
        try:
            code = int(digits, 16)
        except ValueError:
            out += [self._lone(), "\\u"]
            return 2
        if 0xDC00 <= code < 0xE000 and self._high:
            out.append(chr(0x10000 + ((self._high - 0xD800) << 10) + (code - 0xDC00)))
            self._high = 0
            return 6
        out.append(self._lone())
        if 0xD800 <= code < 0xDC00:
            self._high = code
        else:
            out.append(_UNKNOWN if 0xDC00 <= code < 0xE000 else chr(code))
        return 6

    def _lone(self) -> str:
        """Return what stands for the first half of a pair whose second half did not come."""
        high, self._high = self._high, 0
        return _UNKNOWN if high else ""


class CustomCalls:
    """The filter: calls of the request's custom tools get their raw input, whatever shape the engine gave it."""

    __slots__ = ("_custom", "_open")

    def __init__(self, request: Request) -> None:
        self._custom = frozenset(tool.name for tool in request.tools if tool.kind == "custom")
        self._open: dict[int, Unwrap] = {}

    def feed(self, event: Event) -> list[Event]:
        """Return what becomes of one event."""
        match event:
            case PartDelta() if event.index in self._open:
                text = self._open[event.index].feed(event.text)
                return [PartDelta(event.index, text)] if text else []
            case PartBegan(index=index, part=ToolCall() as call) if call.name in self._custom:
                if not call.meta.get(CUSTOM):  # the engine knows custom tools: what it gives is raw
                    self._open[index] = Unwrap()
            case PartEnded() if event.index in self._open:
                return [*self._rest(event.index), event]
            case Ended() if self._open:
                return [*[rest for index in sorted(self._open) for rest in self._rest(index)], event]
            case _:
                pass
        return [event]

    def _rest(self, index: int) -> list[Event]:
        rest = self._open.pop(index).close()
        return [PartDelta(index, rest)] if rest else []
