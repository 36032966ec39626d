"""The items of an `input` → messages of the middle.

Owns how items become turns: the model's items that follow each other (reasoning, words, calls) are one turn of the
assistant, results that follow each other one message of role "tool". Item ids and statuses are dropped, since flock
keeps nothing they could refer to; the way back is history.py. Refuses references to items that a server would have
had to keep. Pure; called by server.py.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from flock.dialects.custom_tools import CUSTOM
from flock.dialects.ir import Json, Message, Opaque, Part, Role, Text, Thinking, ToolCall, ToolResult
from flock.dialects.openai.checks import at, items_of, named, words, wrong
from flock.dialects.responses.content import NAMESPACE, OWN_NAME, PHASE, read_content
from flock.dialects.responses.search import is_client_side, read_search_call, read_search_output
from flock.dialects.responses.words import ANSWER_ITEMS, DIALECT, MODEL_ITEMS, ROLES
from flock.errors import InvalidRequest, Unsupported
from flock.plain import is_array, is_object

# where the text of a reasoning item stands, in the order in which it is looked for
_SUMMARY, _RAW = "summary", "content"
SEND_ALL = "send the whole input in every request, with store: false"


class Turns:
    """Messages under construction: `take` every item, then read `messages`.

    `flat` maps (namespace, own name) of the tools offered to their flat names.
    """

    def __init__(self, flat: Mapping[tuple[str, str], str]) -> None:
        self.messages: list[Message] = []
        self._flat = flat

    def take(self, item: Any, where: str) -> None:
        """Take the next item. Raises InvalidRequest, or Unsupported for a reference to something kept."""
        if not is_object(item):
            raise wrong(where, "an object", item)
        match _type_of(item, where):
            case "message":
                self._message(item, where)
            case "function_call":
                self._add("assistant", self._call(item, where, _arguments(item.get("arguments"), f"{where}.arguments")))
            case "custom_tool_call":
                call = self._call(item, where, words(item.get("input"), f"{where}.input"))
                call.meta[CUSTOM] = True
                self._add("assistant", call)
            case "function_call_output" | "custom_tool_call_output":
                self._add("tool", _result(item, where))
            case "tool_search_call" if is_client_side(item):
                self._add("assistant", read_search_call(item, named(item.get("call_id"), f"{where}.call_id"), where))
            case "tool_search_output" if is_client_side(item):
                self._add("tool", read_search_output(item, named(item.get("call_id"), f"{where}.call_id")))
            case "reasoning":
                self._add("assistant", _thinking(item, where))
            case "item_reference":
                raise Unsupported(
                    f"{where} refers to an item of an earlier answer, and flock keeps no conversations",
                    hint=SEND_ALL,
                    details=at(where),
                )
            case kind:
                self._add(_role_of(kind, item), Opaque(DIALECT, kind, item, whole=True))

    def _add(self, role: Role, part: Part) -> None:
        last = self.messages[-1] if self.messages else None
        if last is not None and last.role == role and role in ("assistant", "tool"):
            last.parts.append(part)
        else:
            self.messages.append(Message(role, [part]))

    def _message(self, item: Json, where: str) -> None:
        role, wanted = item.get("role"), "user, assistant, system or developer"
        if not isinstance(role, str):
            raise wrong(f"{where}.role", wanted, role)
        if role not in ROLES:
            raise InvalidRequest(
                f"{where}.role must be {wanted}, not {role!r}", hint="correct the role", details=at(f"{where}.role")
            )
        parts = read_content(item.get("content"), f"{where}.content")
        if role == "assistant":
            self._spoken(parts, words(item.get("phase"), f"{where}.phase"))
        elif role == "developer":
            self.messages.append(Message("system", parts, {"role": "developer"}))
        else:
            self.messages.append(Message("system" if role == "system" else "user", parts))

    def _spoken(self, parts: list[Part], phase: str) -> None:
        for part in parts:
            if phase and isinstance(part, Text):
                part.meta[PHASE] = phase
            self._add("assistant", part)

    def _call(self, item: Json, where: str, arguments: str) -> ToolCall:
        name = named(item.get("name"), f"{where}.name")
        call = ToolCall(named(item.get("call_id"), f"{where}.call_id"), name, arguments)
        if namespace := words(item.get("namespace"), f"{where}.namespace"):
            call.name = self._flat.get((namespace, name)) or f"{namespace}__{name}"
            call.meta.update({NAMESPACE: namespace, OWN_NAME: name})
        return call


def read_items(items: Any, flat: Mapping[tuple[str, str], str]) -> list[Message]:
    """Return the messages of an `input`, a string or an array of items.

    Raises InvalidRequest naming what is wrong, Unsupported for references to items kept elsewhere.
    """
    if isinstance(items, str):
        return [Message("user", [Text(items)])]
    turns = Turns(flat)
    for i, item in enumerate(items_of(items, "input")):
        turns.take(item, f"input[{i}]")
    return turns.messages


def _type_of(item: Json, where: str) -> str:
    """Return the type of an item; messages may come without one, and so may references."""
    kind = item.get("type")
    if kind is None and "role" in item:
        return "message"
    if kind is None and isinstance(item.get("id"), str):
        return "item_reference"
    return named(kind, f"{where}.type")


def _role_of(kind: str, item: Json) -> Role:
    """Return whose turn an item is that only its vendor understands."""
    if kind.endswith("_output") or kind in ANSWER_ITEMS:
        return "tool"
    if kind.endswith("_call") or kind in MODEL_ITEMS:
        return "assistant"
    return "system" if item.get("role") in ("developer", "system") else "user"


def _arguments(value: Any, where: str) -> str:
    if is_object(value):  # clients that parse arguments do not always put them back
        try:
            return orjson.dumps(value).decode()
        except TypeError as error:
            raise InvalidRequest(f"{where} cannot be written as JSON: {error}", details=at(where)) from None
    return words(value, where)


def _result(item: Json, where: str) -> ToolResult:
    call = item.get("call_id")
    if call is None:  # optional since openai 3.5x, where an item's own id stands in
        call = item.get("id")
    return ToolResult(named(call, f"{where}.call_id"), read_content(item.get("output"), f"{where}.output"))


def _thinking(item: Json, where: str) -> Thinking:
    """Return a reasoning item. What its text does not tell of how it came is kept in `meta`."""
    summary = _texts(item.get(_SUMMARY), f"{where}.{_SUMMARY}")
    raw = _texts(item.get(_RAW), f"{where}.{_RAW}")
    signature = words(item.get("encrypted_content"), f"{where}.encrypted_content")
    thinking = Thinking("\n\n".join(raw or summary), signature, origin=DIALECT)
    if raw:
        thinking.meta[_RAW] = raw
    if raw or len(summary) > 1:
        thinking.meta[_SUMMARY] = summary
    return thinking


def _texts(value: Any, where: str) -> list[str]:
    found: list[str] = []
    for i, part in enumerate(items_of(value, where)):
        if not is_object(part):
            raise wrong(f"{where}[{i}]", "an object", part)
        found.append(words(part.get("text"), f"{where}[{i}].text"))
    return found


def every_item(items: Any) -> list[Json]:
    """Return the items of an `input` that are objects, [] for a string."""
    return [item for item in items if is_object(item)] if is_array(items) else []
