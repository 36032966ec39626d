"""The items of an answer while it is read: which event belongs to which, and what has been passed on of each.

Owns what is tolerated of items: missing ids, items that never appeared or only when they are done, indexes that are
shared or have gaps. What an item says in the end is compared with what its deltas said, and only the rest is passed on.
Pure; used by reader.py.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from flock.dialects.custom_tools import CUSTOM
from flock.dialects.ir import (
    Event,
    Json,
    Opaque,
    Part,
    PartBegan,
    PartDelta,
    PartEnded,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from flock.dialects.responses.content import PHASE
from flock.dialects.responses.words import DIALECT
from flock.plain import is_array, is_object

# kinds of calls, and where their arguments stand
CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
# the one part of a reasoning item, and of a call
_THOUGHT, _CALL = ("thinking", 0), ("call", 0)


@dataclass(slots=True)
class _Piece:
    """A part of an item: its index in the middle, and what has been passed on of it."""

    index: int
    said: list[str] = field(default_factory=list[str])
    ended: bool = False


@dataclass(slots=True)
class Slot:
    """An item of the output. `source`: whether its reasoning comes from the summary or from raw content; `held`: what
    came of a call before its name.
    """

    kind: str
    call_id: str = ""
    phase: str = ""
    source: str = ""
    position: int = 0
    held: str = ""
    signed: bool = False
    done: bool = False
    pieces: dict[tuple[str, int], _Piece] = field(default_factory=dict[tuple[str, int], _Piece])


class Slots:
    """The items of one answer. `names` maps tool names on the wire to those of the request."""

    __slots__ = ("_by_id", "_by_index", "_last", "_names", "_next", "all", "refused")

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names
        self._by_id: dict[str, Slot] = {}
        self._by_index: dict[int, Slot] = {}
        self._last: Slot | None = None
        self._next = 0
        self.all: list[Slot] = []
        self.refused = False

    def find(self, kind: str, index: Any, *ids: Any) -> Slot | None:
        """Return the item of a kind that is meant: by an id, else by its index, else the last one."""
        for id in ids:
            if isinstance(id, str) and (slot := self._by_id.get(id)) is not None and slot.kind == kind:
                return slot
        slot = self._by_index.get(index) if isinstance(index, int) else self._last
        if slot is None or slot.kind != kind or slot.done:
            return None
        # an index that several items share names none of them
        return None if slot.call_id and kind in CALLS and any(ids) and slot.call_id != ids[-1] else slot

    def make(self, kind: str, index: Any, *ids: Any) -> tuple[Slot, list[Event]]:
        """Return a new item, and the events that end the words of those before it.

        Some servers say that items are done only at the very end.
        """
        ended = [event for slot in self.all if slot.kind not in CALLS for event in self.shut(slot)]
        slot = Slot(kind)
        self.all.append(slot)
        self._last = slot
        for id in ids:
            if isinstance(id, str) and id:
                self._by_id[id] = slot
        if isinstance(index, int):
            self._by_index[index] = slot
        return slot, ended

    def describe(self, slot: Slot, item: Json) -> list[Event]:
        """Take what an item says of itself before its content; a call begins as soon as its name is known."""
        if isinstance(phase := item.get(PHASE), str):
            slot.phase = phase
        if slot.kind not in CALLS:
            return []
        if isinstance(call_id := item.get("call_id") or item.get("id"), str) and not slot.call_id:
            slot.call_id = call_id
            self._by_id.setdefault(call_id, slot)
        name, namespace = item.get("name"), item.get("namespace")
        if slot.pieces or not isinstance(name, str) or not name:
            return []
        flat = f"{namespace}__{name}" if isinstance(namespace, str) and namespace else name
        meta: Json = {CUSTOM: True} if slot.kind == "custom_tool_call" else {}
        held, slot.held = slot.held, ""
        call = ToolCall(slot.call_id, self._names.get(flat, flat), meta=meta)
        return [self._open(slot, _CALL, call), *(self.call_delta(slot, held) if held else [])]

    def complete(self, slot: Slot, item: Json) -> list[Event]:
        """Pass on what a finished item says and its deltas did not."""
        match slot.kind:
            case "message":
                events: list[Event] = []
                for at, part in enumerate(objects(item.get("content"))):
                    name = "refusal" if part.get("type") == "refusal" else "text"
                    if isinstance(text := part.get(name), str):
                        events += self.rest(slot, name, at, text)
                return events
            case "reasoning":
                return self._reasoning_rest(slot, item)
            case "function_call" | "custom_tool_call":
                value = item.get(CALLS[slot.kind])
                text = orjson.dumps(value).decode() if is_object(value) else value
                return self.call_rest(slot, text) if isinstance(text, str) else []
            case _:
                return [self._open(slot, _CALL, Opaque(DIALECT, slot.kind, item, whole=True))]

    def _reasoning_rest(self, slot: Slot, item: Json) -> list[Event]:
        texts = {name: _texts(item.get(name)) for name in ("summary", "content")}
        source = slot.source or ("content" if any(texts["content"]) else "summary")
        events: list[Event] = []
        whole = "\n\n".join(texts[source])
        if whole:
            slot.source = source
            events += self.rest(slot, *_THOUGHT, whole)
        signature = item.get("encrypted_content")
        if isinstance(signature, str) and signature and not slot.signed:
            slot.signed = True
            piece = slot.pieces.get(_THOUGHT)
            if piece is None:
                events.append(self._open(slot, _THOUGHT, Thinking(origin=DIALECT)))
                piece = slot.pieces[_THOUGHT]
            if not piece.ended:
                events.append(PartDelta(piece.index, signature=signature))
        return events

    def _open(self, slot: Slot, key: tuple[str, int], part: Part) -> PartBegan:
        piece = _Piece(self._next)
        slot.pieces[key] = piece
        self._next += 1
        return PartBegan(piece.index, part)

    def text(self, slot: Slot, name: str, at: int, text: str) -> list[Event]:
        """Pass on more of a text; it begins with its first word."""
        if slot.kind == "reasoning":
            return self._thought(slot, name, at, text)
        piece = slot.pieces.get((name, at))
        events: list[Event] = []
        if piece is None or piece.ended:
            events += self.shut(slot)
            meta: Json = {PHASE: slot.phase} if slot.phase and name == "text" else {}
            self.refused = self.refused or name == "refusal"
            events.append(self._open(slot, (name, at), Refusal("") if name == "refusal" else Text("", meta)))
            piece = slot.pieces[name, at]
        piece.said.append(text)
        return [*events, PartDelta(piece.index, text)]

    def _thought(self, slot: Slot, name: str, at: int, text: str) -> list[Event]:
        if name != _THOUGHT[0]:
            if slot.source and slot.source != name:  # summary and raw text of the same thoughts: one of them will do
                return []
            if slot.source and at != slot.position:
                text = "\n\n" + text
            slot.source, slot.position = name, at
        piece = slot.pieces.get(_THOUGHT)
        events: list[Event] = []
        if piece is None or piece.ended:
            events.append(self._open(slot, _THOUGHT, Thinking(origin=DIALECT)))
            piece = slot.pieces[_THOUGHT]
        piece.said.append(text)
        return [*events, PartDelta(piece.index, text)]

    def rest(self, slot: Slot, name: str, at: int, whole: str) -> list[Event]:
        """Pass on what the whole of a text says beyond what its deltas said."""
        piece = slot.pieces.get((name, at))
        said = "".join(piece.said) if piece is not None else ""
        if not whole.startswith(said) or len(whole) == len(said):
            return []
        return self.text(slot, name, at, whole[len(said) :])

    def call_delta(self, slot: Slot, text: str) -> list[Event]:
        """Pass on more of a call's arguments, or hold it until the call has a name."""
        piece = slot.pieces.get(_CALL)
        if piece is None:
            slot.held += text
            return []
        piece.said.append(text)
        return [PartDelta(piece.index, text)]

    def call_rest(self, slot: Slot, whole: str) -> list[Event]:
        """Pass on what the whole arguments say beyond what their deltas said."""
        piece = slot.pieces.get(_CALL)
        said = "".join(piece.said) if piece is not None else slot.held
        return self.call_delta(slot, whole[len(said) :]) if whole.startswith(said) and len(whole) > len(said) else []

    def shut(self, slot: Slot) -> list[Event]:
        """Return the events that end the open parts of an item."""
        events: list[Event] = []
        for piece in slot.pieces.values():
            if not piece.ended:
                piece.ended = True
                events.append(PartEnded(piece.index))
        return events


def objects(value: Any) -> list[Json]:
    """Return the objects of an array, [] for anything else."""
    return [one for one in value if is_object(one)] if is_array(value) else []


def _texts(value: Any) -> list[str]:
    return [text for one in objects(value) if isinstance(text := one.get("text"), str) and text]
