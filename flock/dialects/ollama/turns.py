"""The messages of a chat and the prompt of a generate request, read into the middle.

Does no I/O. Owns how calls and results find each other where neither has an id: a call gets one made of its place and
name, a result belongs to the oldest open call of its tool, or to the oldest of all. Refuses what is not shaped as the
dialect says, by its path. `asked.py` calls it.
"""

from typing import Any

import orjson

from flock.dialects.history import media_type
from flock.dialects.ir import Image, Json, Message, Opaque, Part, Role, Text, Thinking, ToolCall, ToolResult
from flock.dialects.ollama.words import NAME
from flock.dialects.openai.checks import at, fields_of, items_of, named, rest_of, words, wrong
from flock.dialects.pictures import split_data_url
from flock.errors import InvalidRequest
from flock.plain import is_object

ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_KNOWN = ("role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id")
# Of /api/generate: what a conversation cannot stand for, since the model would be asked something else. Kept as content
# for an Ollama; `asked.check_elsewhere` refuses it for others.
WHOLE = ("raw", "context", "suffix")


class Turns:
    """Reads the messages of one request, in order."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []  # (id, name) of calls without a result yet

    def read(self, messages: list[Any]) -> list[Message]:
        """Return the messages. Raises InvalidRequest naming the field that is wrong."""
        return [self._message(message, i) for i, message in enumerate(messages)]

    def _message(self, message: Any, turn: int) -> Message:
        where = f"messages[{turn}]"
        if not is_object(message):
            raise wrong(where, "an object", message)
        spelled = message.get("role")
        role = ROLES.get(spelled.lower()) if isinstance(spelled, str) else None
        if role is None:
            place = f"{where}.role"
            raise InvalidRequest(
                f"{place} must be one of {', '.join(ROLES)}", hint=f"correct {place}", details=at(place)
            )
        if role in ("user", "system"):
            self._open = []  # what is not answered now never will be
        said = read_said(message.get("content"), message.get("images"), where)
        if role == "tool":
            return Message(role, [self._result(message, said, where)], rest_of(message, *_KNOWN, "name"))
        parts: list[Part] = [Thinking(text)] if (text := words(message.get("thinking"), f"{where}.thinking")) else []
        parts += said
        if role == "assistant":
            parts += self._calls(items_of(message.get("tool_calls"), f"{where}.tool_calls"), where, turn)
        return Message(role, parts, rest_of(message, *_KNOWN))

    def _calls(self, calls: list[Any], where: str, turn: int) -> list[Part]:
        found: list[Part] = []
        for i, call in enumerate(calls):
            place = f"{where}.tool_calls[{i}]"
            given = fields_of(call, place)
            function = fields_of(given.get("function"), f"{place}.function")
            name = named(function.get("name"), f"{place}.function.name")
            id = words(given.get("id"), f"{place}.id") or f"call_{turn}_{i}_{name}"
            self._open.append((id, name))
            found.append(ToolCall(id, name, _arguments(function.get("arguments"), f"{place}.function.arguments")))
        return found

    def _result(self, message: Json, said: list[Part], where: str) -> ToolResult:
        name = words(message.get("tool_name"), f"{where}.tool_name") or words(message.get("name"), f"{where}.name")
        id = words(message.get("tool_call_id"), f"{where}.tool_call_id")
        fits = [one for one in self._open if one[0] == id] if id else [one for one in self._open if one[1] == name]
        found = next(iter(fits or ([] if id else self._open)), None)
        if found is not None:
            self._open.remove(found)
        known, called = found or (id, name)
        return ToolResult(known, said, name=name or called)


def read_said(content: Any, images: Any, where: str) -> list[Part]:
    """Return the words and pictures of a message: the pictures first, as Ollama shows them to the model."""
    text = words(content, f"{where}.content" if where else "prompt")
    prefix = f"{where}.images" if where else "images"
    shown: list[Part] = [read_image(image, f"{prefix}[{i}]") for i, image in enumerate(items_of(images, prefix))]
    return [*shown, Text(text)] if text else shown


def read_image(image: Any, where: str) -> Image:
    """Return a picture: base64, with or without a data: prefix that some clients leave there."""
    data = named(image, where)
    if (found := split_data_url(data)) is not None:
        data = found[1]
    elif data[:7].lower() in ("http://", "https:/"):
        raise InvalidRequest(f"{where} must be base64, not a URL", hint="send the picture's data", details=at(where))
    return Image(data=data, media_type=media_type(data, ""))


def read_prompt(body: Json) -> list[Message]:
    """Return the conversation that a generate request stands for."""
    parts = read_said(body.get("prompt"), body.get("images"), "")
    parts += [Opaque(NAME, name, {name: body[name]}) for name in WHOLE if body.get(name)]
    system = words(body.get("system"), "system")
    return [*([Message("system", [Text(system)])] if system else []), Message("user", parts)]


def _arguments(value: Any, where: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if not is_object(value):
        raise wrong(where, "an object", value)
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # orjson reads 1024 levels and writes 254
        raise InvalidRequest(f"{where} is nested too deeply", hint="nest it less", details=at(where)) from None
