"""Hygiene of a conversation before it goes to an engine: calls and results paired, ids and names an engine accepts.

Owns what every upstream half needs alike and no dialect may guess at: `tidy` pairs results with calls, `alternate`
and `without_blanks` serve the dialects that demand it, `safe_id`, `safe_names`, `clean` and `arguments` make values
that are accepted anywhere. Pure, stateless and deterministic, so that the same history is sent as the same bytes in
every turn (prefix caches). Never changes what it is given. Refuses to drop words: what it leaves out or puts in stands
in the edits it returns. Called by the upstream halves; pinned by tests/unit/dialects/test_history.py.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import orjson

from flock.dialects.ir import Message, Part, Text, Thinking, Tool, ToolCall, ToolResult
from flock.plain import is_object

# What stands where an interrupted or compacted call has no result: neutral, since a sentence such as "the user
# interrupted" is believed by the model (letta#3308, openclaw#19048).
UNAVAILABLE = "tool result unavailable"
# The narrowest charset and length among dialects for ids and names: Anthropic's, Bedrock's, and Responses' `call_id`.
LIMIT = 64
_SAFE = re.compile(r"[a-zA-Z0-9_-]+")
_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]+")
_DIGEST = 10  # hex digits; 40 bits are enough for the calls of one conversation
# The key under which arguments stand that are no JSON object: kept, since dropping them would rewrite the history.
RAW = "raw_arguments"
# below so many brackets a text need not be looked at for its depth: orjson writes 254 levels, and bodies have a few
_LEVELS = 240


@dataclass(slots=True)
class _Slot:
    """A call in its turn, and the result found for it."""

    call: ToolCall
    known_as: str
    turn: int
    result: ToolResult | None = None


def tidy(messages: Sequence[Message]) -> tuple[list[Message], list[str]]:
    """Return the messages with each call answered right behind its turn, and what was changed.

    After a turn with calls stands one message of role "tool" with a result for each call, in the order of the calls.
    A result belongs to the last turn before it that has a call of its id. A call without a result gets a stub that is
    an error, a result without a call is left out, and so is a second one. A call id that is empty or was used before
    becomes a new one, for its result too. Turns of the assistant that follow each other are one as soon as one calls.
    """
    walk = _Pairing()
    for message in messages:
        walk.take(message)
    return walk.finish()


class _Pairing:
    """One walk over a history: `take` every message, then `finish`."""

    def __init__(self) -> None:
        self._kept: list[tuple[Message, list[_Slot]]] = []
        self._latest: dict[str, list[_Slot]] = {}  # by the id it came with: the calls of the last turn that used it
        self._used: set[str] = set()
        self.edits: dict[str, None] = {}

    def take(self, message: Message) -> None:
        if message.role == "assistant":
            self._take_turn(message)
            return
        rest: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._answer(part)
            else:
                rest.append(part)
        if len(rest) == len(message.parts) and message.role != "tool":
            self._kept.append((message, []))
        elif rest:  # words beside results: the user's
            self._kept.append((replace(message, role="user", parts=rest), []))

    def _take_turn(self, message: Message) -> None:
        turn = len(self._kept)
        if turn and self._continues(message):
            turn = self._joined()
        parts: list[Part] = []
        slots: list[_Slot] = []
        for part in message.parts:
            if isinstance(part, ToolCall):
                slots.append(self._slot(part, turn, sum(s.turn == turn for s in slots)))
                parts.append(slots[-1].call)
            else:
                parts.append(part)
        if turn < len(self._kept):
            before, calls = self._kept[turn]
            self._kept[turn] = (replace(before, parts=[*before.parts, *parts]), calls + slots)
            self._edit("consecutive turns of the assistant were joined")
        else:
            self._kept.append((replace(message, parts=parts) if slots else message, slots))

    def _joined(self) -> int:
        """Make the last turns of the assistant, of which at most the last one calls, one turn; return its index."""
        before, slots = self._kept.pop()
        while self._kept and self._kept[-1][0].role == "assistant" and not self._kept[-1][1]:
            earlier, _ = self._kept.pop()
            before = replace(earlier, parts=[*earlier.parts, *before.parts])
        self._kept.append((before, slots))
        turn = len(self._kept) - 1
        for slot in slots:
            slot.turn = turn
        return turn

    def _continues(self, message: Message) -> bool:
        """Return whether a turn goes on with the one before it: nothing stands between them, not even a result."""
        before, slots = self._kept[-1]
        if before.role != "assistant" or any(slot.result is not None for slot in slots):
            return False
        return bool(slots) or any(isinstance(part, ToolCall) for part in message.parts)

    def _slot(self, call: ToolCall, turn: int, ordinal: int) -> _Slot:
        known_as, unique = call.id, call.id or f"call_{turn}_{ordinal}"
        again = 1
        while unique in self._used:
            again += 1
            unique = f"{call.id or f'call_{turn}_{ordinal}'}_{again}"
        if unique != call.id:
            self._edit("tool call ids that were empty or used twice became new ones")
        self._used.add(unique)
        slot = _Slot(call if unique == call.id else replace(call, id=unique), known_as, turn)
        others = self._latest.get(known_as)
        if others and others[0].turn == turn:
            others.append(slot)
        else:
            self._latest[known_as] = [slot]
        return slot

    def _answer(self, result: ToolResult) -> None:
        slots = self._latest.get(result.id, [])
        waiting = [slot for slot in slots if slot.result is None]
        named = [slot for slot in waiting if result.name and slot.call.name == result.name]
        if waiting:
            slot = (named or waiting)[0]
            slot.result = result if slot.call.id == result.id else replace(result, id=slot.call.id)
        elif slots:
            self._edit("second results of the same tool call were left out")
        else:
            self._edit("tool results without a call were left out")

    def _edit(self, words: str) -> None:
        self.edits[words] = None

    def finish(self) -> tuple[list[Message], list[str]]:
        told: list[Message] = []
        for message, slots in self._kept:
            told.append(message)
            if not slots:
                continue
            if any(slot.result is None for slot in slots):
                self._edit("tool calls without a result got a stub")
            told.append(Message("tool", [slot.result or stub(slot.call) for slot in slots]))
        return told, list(self.edits)


def stub(call: ToolCall) -> ToolResult:
    """Return the result that stands for a call's missing one."""
    return ToolResult(call.id, [Text(UNAVAILABLE)], is_error=True, name=call.name)


def alternate(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with turns of the user, or of the assistant, that follow each other joined into one.

    For dialects and templates that demand alternation; inserts nothing.
    """
    joined: list[Message] = []
    for message in messages:
        before = joined[-1] if joined else None
        if before is not None and before.role == message.role and message.role in ("user", "assistant"):
            joined[-1] = replace(before, parts=[*before.parts, *message.parts])
        else:
            joined.append(message)
    return joined


def without_blanks(messages: Sequence[Message]) -> list[Message]:
    """Return the messages without texts that are empty or whitespace, and without messages that hold nothing else.

    Anthropic refuses such texts (litellm#22979). Results of tools may be empty and keep their parts otherwise.
    """
    kept: list[Message] = []
    for message in messages:
        parts = [_worded(part) for part in message.parts if not _is_blank(part)]
        if parts:
            kept.append(replace(message, parts=parts))
    return kept


def _is_blank(part: Part) -> bool:
    return isinstance(part, Text) and not part.text.strip()


def _worded(part: Part) -> Part:
    if isinstance(part, ToolResult) and any(_is_blank(inner) for inner in part.parts):
        return replace(part, parts=[inner for inner in part.parts if not _is_blank(inner)])
    return part


def called_tools(messages: Iterable[Message]) -> list[Tool]:
    """Return a tool for each name the history calls, taking any object: for engines that refuse calls without tools."""
    names = {part.name: None for message in messages for part in message.parts if isinstance(part, ToolCall)}
    return [Tool(name, schema={"type": "object"}) for name in names if name]


def safe_id(id: str, limit: int = LIMIT) -> str:
    """Return the id itself when it is 1 to `limit` of [a-zA-Z0-9_-], else one made from it, always the same."""
    return id if 0 < len(id) <= limit and _SAFE.fullmatch(id) else _alias(id, limit)


def safe_names(names: Iterable[str], limit: int = LIMIT) -> dict[str, str]:
    """Return wire name → real name for every name; a name of 1 to `limit` of [a-zA-Z0-9_-] stands for itself."""
    wanted = list(dict.fromkeys(names))
    wire = {name: name for name in wanted if 0 < len(name) <= limit and _SAFE.fullmatch(name)}
    for name in wanted:
        if wire.get(name) != name:
            salted = name
            while (alias := _alias(salted, limit)) in wire:
                salted += "_"
            wire[alias] = name
    return wire


def _alias(name: str, limit: int) -> str:
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[: min(_DIGEST, limit)]
    stem = _UNSAFE.sub("_", name)[: max(0, limit - len(digest) - 1)]
    return f"{stem}_{digest}"[-limit:] if stem.strip("_") else f"x_{digest}"[-limit:]


def clean(text: str) -> str:
    """Return the text with lone surrogates replaced by U+FFFD and pairs joined; NUL, BOM and line ends stay."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean_json(value: Any) -> Any:
    """Return a JSON value with every string in it cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_json(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if is_object(value):
        return {clean(key): clean_json(item) for key, item in value.items()}
    return value


def parse(raw: bytes | str) -> Any:
    r"""Return the JSON value of a text, lone surrogates (`"\ud83d"`) replaced. Raises ValueError for what is no JSON.

    Clients cut strings in the middle of an emoji; orjson refuses what Python's parser and the vendors' accept.
    """
    try:
        return orjson.loads(raw)
    except ValueError:
        escapes = b"\\ud" in raw.lower() if isinstance(raw, bytes) else "\\ud" in raw.lower() or clean(raw) != raw
        if not escapes:
            raise
    try:
        return clean_json(json.loads(raw, parse_constant=_no_number, parse_int=_whole))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse_told(raw: bytes) -> Any:
    """Return the JSON value of what an engine said, bytes that are no UTF-8 replaced: they are no reason to break off.

    Raises ValueError for what is no JSON.
    """
    try:
        return parse(raw)
    except ValueError:
        return parse(raw.decode("utf-8", "replace"))


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _whole(digits: str) -> int | float:
    # what orjson cannot write as a whole number it reads as a float
    number = float(digits)
    return int(digits) if -9.2e18 < number < 1.8e19 else number


def arguments(call: ToolCall, *, custom: bool = False) -> tuple[dict[str, Any], str]:
    """Return the object a call's argument text means, and what had to be done to it ("" if nothing).

    "" means {}; of concatenated objects (`{}{"a":1}`) the last whole one counts; what is no object at all is kept
    under "raw_arguments". The raw input of a `custom` tool becomes {"input": text}.
    """
    text = call.arguments
    if custom:
        return {"input": clean(text)}, ""
    if not text.strip():
        return {}, ""
    try:
        value = parse(text)
    except ValueError:
        found = _last_object(text)
        if found is not None:
            return found, f"arguments of {call.name}: the last of several objects"
        return {RAW: clean(text)}, f"arguments of {call.name}: no JSON, sent as {RAW}"
    if _is_deep(value, text):
        return {RAW: clean(text)}, f"arguments of {call.name}: nested too deeply, sent as {RAW}"
    if is_object(value):
        return value, ""
    return ({}, "") if value is None else ({RAW: value}, f"arguments of {call.name}: no object, sent as {RAW}")


def _is_deep(value: Any, text: str) -> bool:
    """Return whether a value cannot be written inside a body: orjson reads 1024 levels and writes 254."""
    if text.count("{") + text.count("[") < _LEVELS:
        return False
    try:
        orjson.dumps([[[[[[[[value]]]]]]]])
    except TypeError:
        return True
    return False


def _last_object(text: str) -> dict[str, Any] | None:
    decoder, at, found = json.JSONDecoder(parse_constant=_no_number, parse_int=_whole), 0, None
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        if is_object(value):
            found = value
        while at < len(text) and text[at].isspace():
            at += 1
    return None if found is None else clean_json(found)


# How the base64 of the four picture formats that models take begins: the signatures of PNG, JPEG, GIF and RIFF/WebP.
_PICTURES = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}


def media_type(data: str, stated: str) -> str:
    """Return the media type of a picture's base64 by its first bytes, `stated` where they say nothing.

    Clients state the wrong one (litellm#2948), and vendors refuse it then.
    """
    return next((kind for start, kind in _PICTURES.items() if data.startswith(start)), stated or "image/png")


def signed_only(messages: Sequence[Message], origin: str) -> list[Message]:
    """Return the messages without thinking that the dialect `origin` has not signed: what a vendor would refuse."""
    kept: list[Message] = []
    for message in messages:
        parts = [part for part in message.parts if not isinstance(part, Thinking) or _signed(part, origin)]
        if parts or not message.parts:
            kept.append(message if len(parts) == len(message.parts) else replace(message, parts=parts))
    return kept


def _signed(part: Thinking, origin: str) -> bool:
    return part.origin == origin and bool(part.signature or part.redacted)


def notes(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with every system message behind the conversation's beginning as a note of the user in place.

    For templates and engines that take system words only at the beginning; the tag is the one Claude Code uses for it.
    """
    told: list[Message] = []
    begun = False
    for message in messages:
        begun = begun or message.role != "system"
        told.append(_note(message) if begun and message.role == "system" else message)
    return told


def _note(message: Message) -> Message:
    parts: list[Part] = [
        replace(part, text=f"<system-reminder>\n{part.text}\n</system-reminder>") if isinstance(part, Text) else part
        for part in message.parts
    ]
    return replace(message, role="user", parts=parts)
