"""Items of an answer under construction: each knows its events in the order clients need, and its finished form.

Owns the grammar inside one item: what is added is done, deltas in between, the full value at the end. Which item is
open, their numbers and everything around them is writer.py's. Pure.
"""

from typing import Any, Protocol

import orjson

from flock.dialects.custom_tools import CUSTOM
from flock.dialects.ir import Json, Part, Refusal, Text, Thinking, Tool, ToolCall
from flock.dialects.responses.content import PHASE
from flock.dialects.responses.search import write_search_call
from flock.dialects.responses.words import DIALECT

# an event: its type and its fields, without the number it gets
Frame = tuple[str, Json]


class Item(Protocol):
    """An item of the output while its parts come in."""

    head: bytes  # what stands before the text in the frame of a delta

    def begin(self) -> list[Frame]:
        """Return the events with which the item appears."""
        ...

    def open(self, part: Part) -> list[Frame]:
        """Return the events with which a part of it begins."""
        ...

    def takes(self, part: Part) -> bool:
        """Return whether another part belongs into the same item."""
        ...

    def take(self, text: str) -> None:
        """Take more of the open part; the caller sends the delta."""
        ...

    def shut(self) -> list[Frame]:
        """Return the events with which the open part ends."""
        ...

    def whole(self, status: str) -> Json:
        """Return the finished item."""
        ...


def delta_head(kind: str, place: Json) -> bytes:
    """Return the constant beginning of the frames of one part's deltas, up to the text."""
    fields = orjson.dumps({"type": kind, **place})
    return b"event: " + kind.encode() + b"\ndata: " + fields[:-1] + b',"delta":'


class MessageItem:
    """A message of the assistant, with one content part for each text or refusal."""

    def __init__(self, stem: str, index: int, part: Part) -> None:
        self.head = b""
        self._id = f"msg_{stem}_{index}"
        self._index = index
        self._phase = part.meta.get(PHASE) if isinstance(part, Text) else None
        self._content: list[Json] = []
        self._pieces: list[str] = []
        self._kind = "output_text"

    def begin(self) -> list[Frame]:
        item: Json = {**self.whole("in_progress"), "content": []}
        return [("response.output_item.added", {"output_index": self._index, "item": item})]

    def takes(self, part: Part) -> bool:
        if isinstance(part, Text):
            return part.meta.get(PHASE) == self._phase
        return isinstance(part, Refusal)

    def open(self, part: Part) -> list[Frame]:
        self._kind = "refusal" if isinstance(part, Refusal) else "output_text"
        self._pieces = []
        extra: Json = {} if self._kind == "refusal" else {"logprobs": []}
        self.head = delta_head(f"response.{self._kind}.delta", {**self._place(), **extra})
        return [("response.content_part.added", {**self._place(), "part": self._part("")})]

    def take(self, text: str) -> None:
        self._pieces.append(text)

    def shut(self) -> list[Frame]:
        text, place = "".join(self._pieces), self._place()
        told: Json = {"refusal": text} if self._kind == "refusal" else {"text": text, "logprobs": []}
        part = self._part(text)
        self._content.append(part)
        return [
            (f"response.{self._kind}.done", {**place, **told}),
            ("response.content_part.done", {**place, "part": part}),
        ]

    def whole(self, status: str) -> Json:
        item: Json = {"id": self._id, "type": "message", "status": status, "role": "assistant"}
        if self._phase is not None:
            item["phase"] = self._phase
        return {**item, "content": self._content}

    def _place(self) -> Json:
        return {"item_id": self._id, "output_index": self._index, "content_index": len(self._content)}

    def _part(self, text: str) -> Json:
        if self._kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class ReasoningItem:
    """Thinking: its text is the summary, which is always there; its signature goes back only to who signed it."""

    def __init__(self, stem: str, index: int, part: Thinking) -> None:
        self.head = b""
        self._id = f"rs_{stem}_{index}"
        self._index = index
        self._place: Json = {"item_id": self._id, "output_index": index, "summary_index": 0}
        self._summary: list[Json] = []
        self._pieces: list[str] = []
        self._own = part.origin == DIALECT
        self._signature = part.signature if self._own else ""

    def begin(self) -> list[Frame]:
        item: Json = {"id": self._id, "type": "reasoning", "summary": [], "status": "in_progress"}
        return [("response.output_item.added", {"output_index": self._index, "item": item})]

    def takes(self, part: Part) -> bool:
        return False

    def open(self, part: Part) -> list[Frame]:
        return []  # the summary begins with its first word: there may be none

    def sign(self, signature: str) -> None:
        """Take more of the signature."""
        if self._own:
            self._signature += signature

    def opened(self) -> list[Frame]:
        """Return the events before the first word, nothing later."""
        if self.head:
            return []
        self.head = delta_head("response.reasoning_summary_text.delta", self._place)
        return [("response.reasoning_summary_part.added", {**self._place, "part": _summary("")})]

    def take(self, text: str) -> None:
        self._pieces.append(text)

    def shut(self) -> list[Frame]:
        if not self.head:
            return []
        text = "".join(self._pieces)
        self._summary = [_summary(text)]
        return [
            ("response.reasoning_summary_text.done", {**self._place, "text": text}),
            ("response.reasoning_summary_part.done", {**self._place, "part": _summary(text)}),
        ]

    def whole(self, status: str) -> Json:
        item: Json = {"id": self._id, "type": "reasoning", "summary": self._summary, "status": status}
        return {**item, "encrypted_content": self._signature} if self._signature else item


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}


class CallItem:
    """A call: of a function with its JSON arguments, or of a custom tool with its raw input.

    A tool inside a namespace goes back under its own name: Codex runs no call without it.
    """

    def __init__(self, stem: str, index: int, part: ToolCall, tool: Tool | None) -> None:
        custom = tool.kind == "custom" if tool is not None else bool(part.meta.get(CUSTOM))
        self._field = "input" if custom else "arguments"
        self._event = "custom_tool_call_input" if custom else "function_call_arguments"
        self._id = f"{'ctc' if custom else 'fc'}_{stem}_{index}"
        self._index = index
        self._pieces: list[str] = []
        self._item: Json = {
            "id": self._id,
            "type": "custom_tool_call" if custom else "function_call",
            "call_id": part.id or f"call_{stem}_{index}",
            "name": tool.own_name if tool is not None and tool.namespace else part.name,
        }
        if tool is not None and tool.namespace:
            self._item["namespace"] = tool.namespace
        self._place: Json = {"item_id": self._id, "output_index": index}
        self.head = delta_head(f"response.{self._event}.delta", self._place)

    def begin(self) -> list[Frame]:
        return [("response.output_item.added", {"output_index": self._index, "item": self.whole("in_progress")})]

    def takes(self, part: Part) -> bool:
        return False

    def open(self, part: Part) -> list[Frame]:
        return []

    def take(self, text: str) -> None:
        self._pieces.append(text)

    def shut(self) -> list[Frame]:
        frames: list[Frame] = []
        if self._field == "arguments" and not any(self._pieces):  # a call without arguments is still JSON
            self._pieces.append("{}")
            frames.append((f"response.{self._event}.delta", {**self._place, "delta": "{}"}))
        return [*frames, (f"response.{self._event}.done", {**self._place, self._field: "".join(self._pieces)})]

    def whole(self, status: str) -> Json:
        return {**self._item, self._field: "".join(self._pieces), "status": status}


class SearchItem:
    """A call of the client's own tool search: its arguments are an object, so it has no deltas."""

    def __init__(self, stem: str, index: int, part: ToolCall) -> None:
        self.head = b""
        self._id = f"tsc_{stem}_{index}"
        self._index = index
        self._call_id = part.id or f"call_{stem}_{index}"
        self._pieces: list[str] = []

    def begin(self) -> list[Frame]:
        return [("response.output_item.added", {"output_index": self._index, "item": self.whole("in_progress")})]

    def takes(self, part: Part) -> bool:
        return False

    def open(self, part: Part) -> list[Frame]:
        return []

    def take(self, text: str) -> None:
        self._pieces.append(text)

    def shut(self) -> list[Frame]:
        return []

    def whole(self, status: str) -> Json:
        call = ToolCall(self._call_id, "tool_search", "".join(self._pieces))
        return write_search_call(call, self._call_id, status, self._id)


class KeptItem:
    """An item only this dialect understands: it appears whole."""

    def __init__(self, index: int, value: dict[str, Any]) -> None:
        self.head = b""
        self._index = index
        self._value = value

    def begin(self) -> list[Frame]:
        return [("response.output_item.added", {"output_index": self._index, "item": self._value})]

    def takes(self, part: Part) -> bool:
        return False

    def open(self, part: Part) -> list[Frame]:
        return []

    def take(self, text: str) -> None:
        pass

    def shut(self) -> list[Frame]:
        return []

    def whole(self, status: str) -> Json:
        return self._value
